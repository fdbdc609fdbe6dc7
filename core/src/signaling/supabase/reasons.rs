//! What the wire's reasons mean to an app.

use crate::proto::phoenix::{JoinRefusal, Lost, PushFailure, SystemNote};
use crate::signaling::{OfflineWhy, RefusedWhy};

pub(super) fn why_lost(lost: Lost) -> OfflineWhy {
    match lost {
        Lost::Unreachable => OfflineWhy::Unreachable,
        Lost::Timeout | Lost::Silent => OfflineWhy::Timeout,
        Lost::NotRealtime => OfflineWhy::WrongUrl,
        Lost::Refused(401) => OfflineWhy::KeyRefused,
        Lost::Refused(429) => OfflineWhy::RateLimited,
        Lost::Refused(500..=599) => OfflineWhy::Unreachable,
        Lost::Refused(_) => OfflineWhy::WrongUrl,
        Lost::Closed(_) | Lost::Broken => OfflineWhy::ConnectionLost,
    }
}

pub(super) fn why_refused(refusal: &JoinRefusal) -> OfflineWhy {
    match refusal {
        JoinRefusal::Unauthorized | JoinRefusal::PrivateOnly | JoinRefusal::TopicRefused => {
            OfflineWhy::NotAllowed
        }
        JoinRefusal::TokenRefused => OfflineWhy::TokenRefused,
        JoinRefusal::RateLimited => OfflineWhy::RateLimited,
        JoinRefusal::ProjectGone => OfflineWhy::WrongUrl,
        JoinRefusal::NotReady | JoinRefusal::ReplayRefused | JoinRefusal::Other { .. } => {
            OfflineWhy::Unreachable
        }
    }
}

pub(super) fn why_parted(note: Option<&SystemNote>) -> OfflineWhy {
    match note {
        Some(SystemNote::TokenRefused) => OfflineWhy::TokenRefused,
        Some(SystemNote::RateLimited | SystemNote::PresenceRefused) => OfflineWhy::RateLimited,
        Some(SystemNote::NoLongerAllowed) => OfflineWhy::NotAllowed,
        Some(SystemNote::Disconnected | SystemNote::ReplicationReady | SystemNote::Other { .. }) | None => {
            OfflineWhy::ConnectionLost
        }
    }
}

/// `None`: lost on the way, which the port does not report.
pub(super) fn why_unpushed(failure: PushFailure) -> Option<RefusedWhy> {
    match failure {
        PushFailure::NotJoined | PushFailure::Timeout => None,
        PushFailure::TooLarge | PushFailure::Malformed => Some(RefusedWhy::TooLarge),
        PushFailure::RateLimited => Some(RefusedWhy::RateLimited),
        PushFailure::Full => Some(RefusedWhy::Unavailable),
        PushFailure::Refused => Some(RefusedWhy::NotAllowed),
    }
}

//! Glare: both users called each other, and neither call is answered.
//!
//! The higher call id wins, on both sides alike. The winner does not answer the other invite; the loser ends its own
//! call `Replaced` with `cancel {glare}` and takes the winner's.

use super::Direction;
use super::facts::Call;
use super::phase::Phase;
use crate::{CallId, UserId};

/// What an invite from somebody whom we may be calling means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// We are not calling them.
    NoGlare,
    /// Our call goes on; theirs gets no answer.
    OursWins,
    /// Their call goes on; ours ends.
    TheirsWins {
        /// Our calls to them.
        ours: Vec<CallId>,
    },
}

/// Judges their invite against our calls. It is judged on every invite, repeats included.
pub(super) fn judge<'a>(calls: impl Iterator<Item = &'a Call>, from: &UserId, theirs: CallId) -> Verdict {
    let ours: Vec<CallId> =
        calls.filter(|call| is_unanswered_to(call, from)).map(|call| call.facts.id).collect();
    if ours.is_empty() {
        Verdict::NoGlare
    } else if ours.iter().any(|ours| *ours > theirs) {
        Verdict::OursWins
    } else {
        Verdict::TheirsWins { ours }
    }
}

fn is_unanswered_to(call: &Call, user: &UserId) -> bool {
    let unanswered = match &call.phase {
        Phase::Preparing(_) | Phase::Dialing(_) => true,
        Phase::Announced(_)
        | Phase::Ringing(_)
        | Phase::Answering(_)
        | Phase::Connecting(_)
        | Phase::Connected(_)
        | Phase::Reconnecting(_)
        | Phase::Ended(_) => false,
    };
    unanswered && call.facts.direction == Direction::Outgoing && call.facts.peer == *user
}

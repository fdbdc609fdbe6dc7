//! How long a channel rests before it joins again.

use std::time::Duration;

use super::backoff::{Backoff, Dice};
use super::refusal::{JoinRefusal, SystemNote};

/// After a join that was refused.
pub(super) fn after_refusal(refusal: &JoinRefusal, backoff: &mut Backoff, dice: &mut Dice) -> Duration {
    match refusal {
        // The next join leaves the replay out.
        JoinRefusal::ReplayRefused => Duration::ZERO,
        JoinRefusal::Unauthorized
        | JoinRefusal::PrivateOnly
        | JoinRefusal::ProjectGone
        | JoinRefusal::TopicRefused => dice.spread(HOPELESS),
        JoinRefusal::RateLimited => backoff.next(dice).max(dice.spread(CROWDED)),
        JoinRefusal::TokenRefused | JoinRefusal::NotReady | JoinRefusal::Other { .. } => backoff.next(dice),
    }
}

/// After the server ended a channel that had `lived` joined.
pub(super) fn after_parting(
    note: Option<&SystemNote>,
    lived: Duration,
    backoff: &mut Backoff,
    dice: &mut Dice,
) -> Duration {
    if note == Some(&SystemNote::NoLongerAllowed) {
        return dice.spread(HOPELESS);
    }
    if lived < STEADY {
        return backoff.next(dice);
    }
    backoff.reset();
    dice.spread(QUICK)
}

/// A channel that lived this long was fine: the next try starts from the front of the schedule.
const STEADY: Duration = Duration::from_secs(10);
/// After the end of a steady channel: the server takes a rejoin at once, but not from everybody at once.
const QUICK: Duration = Duration::from_millis(200);
/// Somebody has to change something first; each such join stalls the whole socket for 5 s.
const HOPELESS: Duration = Duration::from_secs(30);
/// The server counts joins by the second and messages by the minute.
const CROWDED: Duration = Duration::from_secs(10);

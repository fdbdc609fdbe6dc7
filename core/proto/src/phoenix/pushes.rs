//! What a channel has sent and not heard about: bounded, and each with a deadline.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::io::{Event, PushFailure, PushId};
use super::wire::Wire;
use crate::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Pushes {
    waiting: BTreeMap<u64, Waiting>,
    presence_calls: VecDeque<Timestamp>,
}

#[derive(Debug)]
struct Waiting {
    push: PushId,
    until: Timestamp,
}

impl Pushes {
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= PLACES
    }

    pub(super) fn insert(&mut self, now: Timestamp, reference: u64, push: PushId) {
        self.waiting.insert(reference, Waiting { push, until: now + REPLY_WAIT });
    }

    /// The push that this reply is for.
    pub(super) fn take(&mut self, reference: u64) -> Option<PushId> {
        self.waiting.remove(&reference).map(|waiting| waiting.push)
    }

    pub(super) fn deadline(&self) -> Timestamp {
        self.waiting.values().map(|waiting| waiting.until).fold(Timestamp::NEVER, Timestamp::min)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, wire: &mut Wire) {
        self.waiting.retain(|_, waiting| {
            let late = waiting.until <= now;
            if late {
                wire.event(Event::PushFailed { push: waiting.push, why: PushFailure::Timeout });
            }
            !late
        });
    }

    /// The channel is lost: nothing will be answered any more.
    pub(super) fn fail_all(&mut self, wire: &mut Wire) {
        for waiting in std::mem::take(&mut self.waiting).into_values() {
            wire.event(Event::PushFailed { push: waiting.push, why: PushFailure::NotJoined });
        }
    }

    /// Counts a presence call; `false`: it would be one too many and must stay here.
    pub(super) fn admit_presence(&mut self, now: Timestamp) -> bool {
        self.presence_calls.retain(|&at| now.since(at) < PRESENCE_WINDOW);
        let admitted = self.presence_calls.len() < PRESENCE_CALLS;
        if admitted {
            self.presence_calls.push_back(now);
        }
        admitted
    }

    /// A new socket: the server counts presence calls from zero.
    pub(super) fn forget_presence(&mut self) {
        self.presence_calls.clear();
    }
}

/// The longest wait for a reply: a refused join of another channel delays it by 5 s.
pub(super) const REPLY_WAIT: Duration = Duration::from_secs(10);
/// Pushes that wait for a reply; beyond, a push fails at once.
const PLACES: usize = 256;
/// Presence calls of a client per window; one more and the server closes the channel.
const PRESENCE_CALLS: usize = 5;
const PRESENCE_WINDOW: Duration = Duration::from_secs(30);

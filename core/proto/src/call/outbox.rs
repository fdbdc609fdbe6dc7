//! The one reliability mechanism: a message is sent again until it is proved or its life is over.
//!
//! | message | goes out again | until |
//! |---|---|---|
//! | most | after 0.5, 1, 2, 4, 8 s, then every 8 s | its proof, or its ttl |
//! | `invite` | the same; every 8 s once a device rang | an answer, or the end |
//! | `answer` | after 0.5, 1, 2 s, then every 2 s | `settled`, or media |
//! | `cancel`, `settled` to others | after 0.5, 1, 2, 4, 8 s whatever rang, then every 8 s | each device that rang has acknowledged it |
//! | `settled` to others, if the winner alone rang | only to a device that shows itself, then every 8 s | that device has acknowledged it |
//! | `settled` to the winner, an answer to a new offer | only when asked for | the end |
//!
//! When signaling comes up and after a suspend everything unproven goes out at once and its gaps start over. A proved
//! ending stays here, to be repeated to whoever shows that it has not heard of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::context::{Context, MESSAGE_TTL};
use crate::signal::{Body, Envelope, Sender};
use crate::{DeviceId, MessageId, Timestamp};

/// The unproven messages of one call.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pending: Vec<Pending>,
}

/// What a message is for. There is one of each at a time, but for app messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Invite,
    Answer,
    /// `settled` with its secrets, to the winner.
    Settled,
    /// `settled` to everybody else.
    Losers,
    /// The end of the call.
    Ending,
    Candidates,
    Offer,
    OfferAnswer,
    /// `wanted` or `rebuild`.
    Wish,
    Media,
    Message,
}

#[derive(Debug)]
struct Pending {
    slot: Slot,
    envelope: Envelope,
    expires: Timestamp,
    /// When it goes out again; [`Timestamp::NEVER`]: only when asked for.
    next: Timestamp,
    /// How often it went out again since its gaps began.
    resends: usize,
    /// A device rang for this invite.
    rang: bool,
    /// Devices that rang and have not acknowledged, for an ending to all devices.
    awaiting: BTreeSet<DeviceId>,
}

impl Outbox {
    /// Sends a message and keeps it until it is proved. It replaces the one in the same slot.
    pub(super) fn post(&mut self, cx: &mut Context, slot: Slot, envelope: Envelope, life: Duration) {
        self.post_to_all(cx, slot, envelope, life, BTreeSet::new());
    }

    /// The same for a message to all devices, of which these must acknowledge it.
    pub(super) fn post_to_all(
        &mut self,
        cx: &mut Context,
        slot: Slot,
        envelope: Envelope,
        life: Duration,
        awaiting: BTreeSet<DeviceId>,
    ) {
        if slot != Slot::Message {
            self.remove(slot);
        }
        let now = cx.now();
        let (expires, next) = match slot {
            Slot::Settled | Slot::OfferAnswer => (Timestamp::NEVER, Timestamp::NEVER),
            Slot::Invite
            | Slot::Answer
            | Slot::Losers
            | Slot::Ending
            | Slot::Candidates
            | Slot::Offer
            | Slot::Wish
            | Slot::Media
            | Slot::Message => (now + life, now + GAPS[0]),
        };
        let mut pending = Pending { slot, envelope, expires, next, resends: 0, rang: false, awaiting };
        pending.transmit(cx);
        self.pending.push(pending);
    }

    /// Keeps a message to all devices unsent: it goes to a device that shows that it has not heard of it.
    pub(super) fn keep_to_all(&mut self, cx: &Context, slot: Slot, envelope: Envelope, life: Duration) {
        self.remove(slot);
        self.pending.push(Pending {
            slot,
            envelope,
            expires: cx.now() + life,
            next: Timestamp::NEVER,
            resends: GAPS.len(),
            rang: false,
            awaiting: BTreeSet::new(),
        });
    }

    /// A message was acknowledged. What is proved for good leaves; an ending stays, asleep.
    pub(super) fn prove(&mut self, of: MessageId, by: &Sender) {
        let Some(index) = self.pending.iter().position(|one| one.envelope.id == of) else { return };
        let pending = &mut self.pending[index];
        if pending.envelope.to.user != by.user {
            return;
        }
        match pending.slot {
            // Only the device that has the call acknowledges a decline to all.
            Slot::Ending if matches!(pending.envelope.body, Body::Decline(_)) => {
                pending.next = Timestamp::NEVER
            }
            Slot::Losers | Slot::Ending if pending.to_all() => {
                pending.awaiting.remove(&by.device);
                pending.rest();
            }
            Slot::Losers | Slot::Ending => {
                if pending.envelope.to.device == Some(by.device) {
                    pending.next = Timestamp::NEVER;
                }
            }
            Slot::Candidates | Slot::Media | Slot::Message => {
                if pending.envelope.to.device == Some(by.device) {
                    self.pending.remove(index);
                }
            }
            // Proved by another message than `ack`.
            Slot::Invite | Slot::Answer | Slot::Settled | Slot::Offer | Slot::OfferAnswer | Slot::Wish => {}
        }
    }

    /// Proved by another message, or of no use any more.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.pending.retain(|one| one.slot != slot);
    }

    /// The call ended: only what tells other devices so survives.
    pub(super) fn close(&mut self) {
        self.pending.retain(|one| one.slot == Slot::Losers);
    }

    /// A device rings: the invite goes out every 8 s only.
    pub(super) fn slow_down_invite(&mut self, now: Timestamp) {
        for pending in self.pending.iter_mut().filter(|one| one.slot == Slot::Invite && !one.rang) {
            pending.rang = true;
            pending.next = now + LAST_GAP;
        }
    }

    /// Sends the message of a slot once more. Says whether there is one.
    pub(super) fn repeat(&mut self, cx: &mut Context, slot: Slot) -> bool {
        let found = self.pending.iter_mut().find(|one| one.slot == slot);
        found.map(|pending| pending.transmit(cx)).is_some()
    }

    /// Sends an ending to one device, and to it until it acknowledges.
    pub(super) fn repeat_to(&mut self, cx: &mut Context, slot: Slot, device: DeviceId) {
        let Some(pending) = self.pending.iter_mut().find(|one| one.slot == slot) else { return };
        if !pending.to_all() {
            pending.transmit(cx);
            return;
        }
        if pending.awaiting.len() < MAX_DEVICES {
            pending.awaiting.insert(device);
        }
        pending.next = pending.next.min(cx.now() + LAST_GAP);
        let to_all = pending.envelope.to.device.replace(device);
        pending.transmit(cx);
        pending.envelope.to.device = to_all;
    }

    /// Sends everything unproven at once; its gaps start over.
    pub(super) fn restart(&mut self, cx: &mut Context) {
        for pending in self.pending.iter_mut().filter(|one| one.next != Timestamp::NEVER) {
            pending.resends = 0;
            pending.next = cx.now() + GAPS[0];
            pending.transmit(cx);
        }
    }

    /// Whether this message is the invite of the call.
    pub(super) fn is_invite(&self, id: MessageId) -> bool {
        self.pending.iter().any(|one| one.slot == Slot::Invite && one.envelope.id == id)
    }

    /// App messages that wait for their proof.
    pub(super) fn messages(&self) -> usize {
        self.pending.iter().filter(|one| one.slot == Slot::Message).count()
    }

    /// Nothing here is due to go out again.
    pub(super) fn is_quiet(&self) -> bool {
        self.pending.iter().all(|one| one.next == Timestamp::NEVER)
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Timestamp {
        let due = |one: &Pending| one.next.min(one.expires);
        self.pending.iter().map(due).min().unwrap_or(Timestamp::NEVER)
    }

    /// Sends what is due, and forgets what has lived long enough.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context) {
        let now = cx.now();
        self.pending.retain(|one| one.expires > now);
        for pending in self.pending.iter_mut().filter(|one| one.next <= now) {
            pending.resends += 1;
            pending.next = now + pending.gap();
            pending.transmit(cx);
            pending.rest();
        }
    }
}

impl Pending {
    fn transmit(&mut self, cx: &mut Context) {
        let left = self.expires.since(cx.now());
        self.envelope.ttl = match self.expires {
            Timestamp::NEVER => MESSAGE_TTL,
            _ => left,
        };
        cx.transmit(&self.envelope);
    }

    fn gap(&self) -> Duration {
        if self.rang {
            return LAST_GAP;
        }
        let gap = GAPS.get(self.resends).copied().unwrap_or(LAST_GAP);
        if self.slot == Slot::Answer { gap.min(ANSWER_GAP) } else { gap }
    }

    fn to_all(&self) -> bool {
        self.envelope.to.device.is_none()
    }

    /// An ending to all devices that went out often enough sleeps once every device that rang has acknowledged it.
    fn rest(&mut self) {
        let ending = matches!(self.slot, Slot::Losers | Slot::Ending);
        if ending && self.to_all() && self.resends >= GAPS.len() && self.awaiting.is_empty() {
            self.next = Timestamp::NEVER;
        }
    }
}

/// Gaps between resends; then [`LAST_GAP`].
pub(super) const GAPS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// The gap after the last of [`GAPS`].
pub(super) const LAST_GAP: Duration = Duration::from_secs(8);
/// The longest gap of an answer: the caller has 15 s to hear one of nine. At 30 % loss all are lost once in 50,000 calls.
const ANSWER_GAP: Duration = Duration::from_secs(2);
/// Devices of one user that a call keeps apart: a person has few, a flood has many.
pub(super) const MAX_DEVICES: usize = 16;

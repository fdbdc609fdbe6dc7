//! How a call ends: what the peer is told, what is closed, what stays as a tombstone.
//!
//! | phase | the peer is told |
//! |---|---|
//! | Preparing | nothing: it knows nothing |
//! | Dialing | `cancel` to all devices, until each that rang has acknowledged it |
//! | Announced, Ringing | `decline` if the user declined or took another call, else nothing: the caller's clock runs |
//! | Answering, Connecting, Connected, Reconnecting | `hangup` to the one device |
//!
//! A call that the other side ended is not told back.

use std::collections::BTreeSet;

use super::context::{Context, ENDING_TTL, to_all, to_device};
use super::facts::Facts;
use super::outbox::Slot;
use super::phase::{Ended, Phase};
use super::timers;
use crate::signal::{Body, Cancel, CancelReason, Decline, DeclineReason, Hangup, wire_code};
use crate::{By, End, EndReason};

impl Facts {
    /// Ends the call from this side, and tells the peer. A call ends once (R5).
    pub(super) fn end(&mut self, cx: &mut Context, mut phase: Phase, reason: EndReason, by: By) -> Phase {
        if let Phase::Ended(_) = phase {
            return phase;
        }
        Self::close_session(cx, &mut phase);
        self.outbox.close();
        match &phase {
            Phase::Preparing(_) | Phase::Ended(_) => {}
            Phase::Dialing(dialing) => {
                let rang = dialing.rang.clone();
                self.post_cancel(cx, &reason, rang);
            }
            Phase::Announced(_) | Phase::Ringing(_) => {
                if reason == EndReason::Declined {
                    let why = if by == By::Local { DeclineReason::Declined } else { DeclineReason::Busy };
                    self.post_decline(cx, &phase, why);
                }
            }
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                if let Some(talk) = phase.talk() {
                    let to = to_device(&talk.peer.user, talk.peer.device);
                    let body = Body::Hangup(Hangup { reason: wire_code(&reason) });
                    let envelope = cx.envelope(self.id, to, body);
                    self.outbox.post(cx, Slot::Ending, envelope, ENDING_TTL);
                }
            }
        }
        self.bury(cx, &phase, End { reason, by })
    }

    /// The other side ended the call: it is not told back.
    pub(super) fn end_quietly(&mut self, cx: &mut Context, mut phase: Phase, end: End) -> Phase {
        if let Phase::Ended(_) = phase {
            return phase;
        }
        Self::close_session(cx, &mut phase);
        self.outbox.close();
        self.bury(cx, &phase, end)
    }

    fn bury(&mut self, cx: &Context, phase: &Phase, end: End) -> Phase {
        let (since, expires) = (cx.now(), cx.now() + timers::TOMBSTONE);
        let timed_out = matches!(end.reason, EndReason::Missed | EndReason::ConnectFailed(_));
        let reopens = matches!(phase, Phase::Announced(_)) && timed_out && end.by == By::System;
        Phase::Ended(Ended { end, visible: true, reopens, peer: phase.peer().cloned(), since, expires })
    }

    fn post_cancel(&mut self, cx: &mut Context, reason: &EndReason, rang: BTreeSet<crate::DeviceId>) {
        let (why, by) = match reason {
            EndReason::Cancelled | EndReason::HungUp => (CancelReason::User, None),
            EndReason::NoAnswer | EndReason::Unreachable => (CancelReason::Timeout, None),
            EndReason::Declined => (CancelReason::Declined, None),
            EndReason::Busy => (CancelReason::Busy, None),
            EndReason::Replaced { by } => (CancelReason::Glare, Some(*by)),
            EndReason::Elsewhere(_)
            | EndReason::Missed
            | EndReason::Offline
            | EndReason::NotAllowed
            | EndReason::ConnectFailed(_)
            | EndReason::ConnectionLost
            | EndReason::Microphone(_)
            | EndReason::Resumed
            | EndReason::Unsupported(_)
            | EndReason::EndedByServer
            | EndReason::Internal
            | EndReason::Other { .. } => (CancelReason::Gone, None),
        };
        let body = Body::Cancel(Cancel { reason: why, by });
        let envelope = cx.envelope(self.id, to_all(&self.peer), body);
        self.outbox.post_to_all(cx, Slot::Ending, envelope, ENDING_TTL, rang);
    }

    /// To the device that called; to all of them if only a push is known.
    fn post_decline(&mut self, cx: &mut Context, phase: &Phase, reason: DeclineReason) {
        let to = match phase.peer() {
            Some(from) => to_device(&from.user, from.device),
            None => to_all(&self.peer),
        };
        let envelope = cx.envelope(self.id, to, Body::Decline(Decline { reason }));
        self.outbox.post(cx, Slot::Ending, envelope, ENDING_TTL);
    }
}

//! The caller's side: invite, and what comes back.

use sha2::{Digest, Sha256};

use super::context::{Context, ENDING_TTL, MESSAGE_TTL, to_all, to_instance};
use super::facts::{Call, Facts};
use super::outbox::{MAX_DEVICES, Slot};
use super::phase::{Connecting, Dialing, Phase, Preparing, Refusal, Side, Talk};
use super::{CallEventKind, CallOrder, Delivery, Dial, Direction, Privacy, timers};
use crate::session::{Ready, Session};
use crate::signal::{
    Answer, Body, ErrorCode, Hex, Invite, Kinds, ProtocolError, Sender, Settled, check_sdp, wire_reason,
};
use crate::{By, ConnectFailure, DeviceId, EndReason, MessageId, UnsupportedWhat};

impl Call {
    /// A call that the app places.
    pub(super) fn dial(cx: &mut Context, dial: Dial) -> Self {
        let Dial { call, to, display, context, order } = dial;
        let mut facts = Facts::new(call, Direction::Outgoing, to.clone(), order);
        facts.display = display;
        facts.context = context;
        cx.event(call, CallEventKind::Outgoing { to });
        let relay_only = match cx.config.privacy {
            Privacy::Open => false,
            Privacy::RelayUntilAnswer | Privacy::RelayOnly => true,
        };
        let offer_first = order == CallOrder::OfferFirst;
        let session = Box::new(Session::caller(&mut cx.env, call, relay_only, offer_first));
        let wait = if cx.up { timers::PREPARING } else { timers::OFFLINE };
        let phase = Phase::Preparing(Preparing { session, ready: None, deadline: cx.now() + wait });
        Self { facts, phase }
    }
}

impl Facts {
    /// The first description of this side is ready to travel.
    pub(super) fn on_ready(&mut self, cx: &mut Context, phase: Phase, ready: Ready) -> Phase {
        match phase {
            Phase::Preparing(mut preparing) => {
                preparing.ready = Some(ready);
                self.try_invite(cx, preparing)
            }
            Phase::Answering(answering) => self.send_answer(cx, answering, ready),
            phase @ (Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }

    /// Sends the invite once the engine is ready and signaling works.
    pub(super) fn try_invite(&mut self, cx: &mut Context, mut preparing: Preparing) -> Phase {
        if !cx.up {
            return Phase::Preparing(preparing);
        }
        let Some(ready) = preparing.ready.take() else { return Phase::Preparing(preparing) };
        cx.seq += 1;
        let nonce = cx.entropy.next16();
        let ring = cx.config.ring_time.clamp(timers::RING_MIN, timers::RING_MAX);
        let invite = Invite {
            seq: cx.seq,
            offer: ready.sdp,
            candidates: ready.candidates,
            media: Kinds::default(),
            display: self.display.clone(),
            context: self.context.clone(),
            caps: Vec::new(),
            order: self.order,
            commit: Hex(promise(&nonce, &ready.fingerprint)),
            resume: None,
        };
        let envelope = cx.envelope(self.id, to_all(&self.peer), Body::Invite(Box::new(invite)));
        self.outbox.post(cx, Slot::Invite, envelope, ring);
        self.deliver(cx, Delivery::Sending);
        Phase::Dialing(Dialing {
            session: preparing.session,
            nonce,
            rang: Default::default(),
            refusal: None,
            deadline: cx.now() + ring + timers::RING_CALLER_EXTRA,
        })
    }

    /// A device of the callee rings.
    pub(super) fn on_ringing(&mut self, cx: &mut Context, phase: Phase, from: &Sender, shown: bool) -> Phase {
        match phase {
            Phase::Dialing(mut dialing) => {
                if shown && dialing.rang.len() < MAX_DEVICES {
                    dialing.rang.insert(from.device);
                    dialing.refusal = None;
                    self.outbox.slow_down_invite(cx.now());
                    self.deliver(cx, Delivery::Ringing);
                }
                Phase::Dialing(dialing)
            }
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.tell_loser(cx, &phase, from.device);
                phase
            }
            Phase::Ended(_) => {
                self.repeat_ending(cx, &phase, from.device);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_) | Phase::Answering(_)) => {
                phase
            }
        }
    }

    /// A device of the callee accepted: the first one that we take wins.
    pub(super) fn on_answer(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        answer: Answer,
    ) -> Phase {
        match phase {
            Phase::Dialing(dialing) => self.take_answer(cx, dialing, from, answer),
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                if phase.peer() == Some(from) {
                    self.outbox.repeat(cx, Slot::Settled);
                } else {
                    self.tell_loser(cx, &phase, from.device);
                }
                phase
            }
            Phase::Ended(_) => {
                self.repeat_ending(cx, &phase, from.device);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_) | Phase::Answering(_)) => {
                phase
            }
        }
    }

    fn take_answer(
        &mut self,
        cx: &mut Context,
        mut dialing: Dialing,
        from: &Sender,
        answer: Answer,
    ) -> Phase {
        let Answer { answer: sdp, candidates, fingerprint, .. } = answer;
        let Some(sdp) = self.fitting(sdp.as_deref(), fingerprint.0) else {
            tracing::warn!(call = %self.id, "an answer does not fit the invite");
            return Phase::Dialing(dialing);
        };
        self.outbox.remove(Slot::Invite);
        let share = cx.entropy.next16();
        let body = |nonce, share| Body::Settled(Settled { winner: from.device, nonce, share });
        let won = body(Some(Hex(dialing.nonce)), Some(Hex(share)));
        let envelope = cx.envelope(self.id, to_instance(from), won);
        self.outbox.post(cx, Slot::Settled, envelope, MESSAGE_TTL);
        let envelope = cx.envelope(self.id, to_all(&self.peer), body(None, None));
        let winner_rang = dialing.rang.remove(&from.device);
        if winner_rang && dialing.rang.is_empty() {
            // Nobody else is known to ring. Whose `ringing` was lost says it again within 8 s, and is told then.
            self.outbox.keep_to_all(cx, Slot::Losers, envelope, ENDING_TTL);
        } else {
            self.outbox.post_to_all(cx, Slot::Losers, envelope, ENDING_TTL, dialing.rang);
        }
        let allow_direct = cx.config.privacy == Privacy::RelayUntilAnswer;
        let mut session = dialing.session;
        session.handle_answered(cx.now(), sdp, fingerprint.0, &candidates, allow_direct);
        session.set_quiet(self.is_quiet());
        self.tell_media(cx, from);
        let talk = Talk { session, peer: from.clone(), side: Side::Caller };
        Phase::Connecting(Connecting { talk, deadline: cx.now() + timers::CONNECT })
    }

    /// What the engine is to take of an answer that brings what the order of the call demands, under the certificate
    /// that it names. `None`: it does not fit.
    fn fitting(&self, sdp: Option<&str>, fingerprint: [u8; 32]) -> Option<Option<String>> {
        match (self.order, sdp) {
            (CallOrder::OfferFirst, Some(sdp)) => {
                let facts = check_sdp(sdp).ok().filter(|facts| facts.fingerprint == fingerprint)?;
                Some(Some(facts.clean))
            }
            (CallOrder::AfterAccept, None) => Some(None),
            (CallOrder::OfferFirst, None) | (CallOrder::AfterAccept, Some(_)) => None,
        }
    }

    /// A device of the callee declined: that counts for all of them, unless one has answered.
    pub(super) fn on_decline(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        id: MessageId,
    ) -> Phase {
        match phase {
            Phase::Dialing(dialing) => {
                cx.ack(self.id, from, id);
                self.end(cx, Phase::Dialing(dialing), EndReason::Declined, By::Remote)
            }
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                cx.ack(self.id, from, id);
                self.tell_loser(cx, &phase, from.device);
                phase
            }
            Phase::Ended(_) => {
                cx.ack(self.id, from, id);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_) | Phase::Answering(_)) => {
                phase
            }
        }
    }

    /// A device of the callee is in another call.
    pub(super) fn on_busy(&mut self, cx: &mut Context, phase: Phase, from: &Sender, id: MessageId) -> Phase {
        match phase {
            Phase::Dialing(mut dialing) => {
                cx.ack(self.id, from, id);
                refuse(cx, &mut dialing, EndReason::Busy);
                Phase::Dialing(dialing)
            }
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) | Phase::Ended(_) => {
                cx.ack(self.id, from, id);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_) | Phase::Answering(_)) => {
                phase
            }
        }
    }

    /// A device of the callee does not understand the invite: counts for that device, like `busy`.
    pub(super) fn on_error(&mut self, cx: &mut Context, phase: Phase, error: ProtocolError) -> Phase {
        match phase {
            Phase::Dialing(mut dialing) => {
                let what = match error.code {
                    ErrorCode::UnsupportedVersion | ErrorCode::Other => UnsupportedWhat::Version,
                    ErrorCode::UnsupportedCodec => UnsupportedWhat::Codec,
                };
                if self.outbox.is_invite(error.of) {
                    refuse(cx, &mut dialing, EndReason::Unsupported(what));
                }
                Phase::Dialing(dialing)
            }
            phase @ (Phase::Preparing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }

    /// A callee device gave up before we took its answer: pressed hang-up, or failed.
    pub(super) fn on_early_hangup(&mut self, cx: &mut Context, dialing: Dialing, reason: &str) -> Phase {
        let reason = match wire_reason(reason) {
            EndReason::HungUp => EndReason::Declined,
            failed @ EndReason::ConnectFailed(_) => failed,
            EndReason::Declined
            | EndReason::Cancelled
            | EndReason::NoAnswer
            | EndReason::Unreachable
            | EndReason::Busy
            | EndReason::Elsewhere(_)
            | EndReason::Missed
            | EndReason::Offline
            | EndReason::NotAllowed
            | EndReason::ConnectionLost
            | EndReason::Microphone(_)
            | EndReason::Replaced { .. }
            | EndReason::Resumed
            | EndReason::Unsupported(_)
            | EndReason::EndedByServer
            | EndReason::Internal
            | EndReason::Other { .. } => EndReason::ConnectFailed(ConnectFailure::Timeout),
        };
        self.end(cx, Phase::Dialing(dialing), reason, By::Remote)
    }

    /// Names the winner to a device that did not win.
    fn tell_loser(&mut self, cx: &mut Context, phase: &Phase, device: DeviceId) {
        if phase.peer().is_some_and(|winner| winner.device != device) {
            self.outbox.repeat_to(cx, Slot::Losers, device);
        }
    }

    /// Replies to a late `ringing` or `answer` with how the call ended, for that device.
    pub(super) fn repeat_ending(&mut self, cx: &mut Context, phase: &Phase, device: DeviceId) {
        match self.direction {
            Direction::Incoming => {}
            Direction::Outgoing => {
                let lost = phase.peer().is_some_and(|winner| winner.device != device);
                let slot = if lost { Slot::Losers } else { Slot::Ending };
                self.outbox.repeat_to(cx, slot, device);
            }
        }
    }
}

/// `SHA-256(nonce, fingerprint)`: what the caller promises before it knows the callee's half of the safety code.
pub(super) fn promise(nonce: &[u8; 16], fingerprint: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(nonce).chain_update(fingerprint).finalize().into()
}

/// One device cannot take the call; if nothing rings soon, that is the answer. `busy` outweighs the rest.
fn refuse(cx: &Context, dialing: &mut Dialing, reason: EndReason) {
    if !dialing.rang.is_empty() {
        return;
    }
    match &mut dialing.refusal {
        Some(first) if reason == EndReason::Busy => first.reason = reason,
        Some(_) => {}
        None => dialing.refusal = Some(Refusal { at: cx.now() + timers::REFUSAL, reason }),
    }
}

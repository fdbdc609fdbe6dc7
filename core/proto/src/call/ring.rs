//! The callee's side: a call that rings, is accepted, is decided elsewhere.

use super::context::{Context, MESSAGE_TTL, to_instance};
use super::dial::promise;
use super::facts::{Call, Facts};
use super::outbox::Slot;
use super::phase::{Answering, Connecting, Phase, Ringing, Side, Talk};
use super::{CallEventKind, Direction, Privacy, timers};
use crate::session::{Ready, Session};
use crate::signal::{Answer, Body, Cancel, CancelReason, Hex, Invite, Sender, Settled, check_sdp};
use crate::{By, CallId, ConnectFailure, ElsewhereHow, End, EndReason, MessageId, Timestamp};

impl Call {
    /// An incoming call begins to ring.
    pub(super) fn ring(
        cx: &mut Context,
        call: CallId,
        from: Sender,
        verified: bool,
        invite: Box<Invite>,
        deadline: Timestamp,
    ) -> Self {
        let mut facts = Facts::new(call, Direction::Incoming, from.user.clone(), invite.order);
        facts.learn(verified, &invite);
        cx.event(call, CallEventKind::Incoming(facts.incoming()));
        let phase = facts.begin_ringing(cx, from, invite, deadline);
        Self { facts, phase }
    }
}

impl Facts {
    /// What the invite says of the call.
    pub(super) fn learn(&mut self, verified: bool, invite: &Invite) {
        self.verified = verified;
        self.order = invite.order;
        self.display.clone_from(&invite.display);
        self.context.clone_from(&invite.context);
    }

    /// Rings, and says so.
    pub(super) fn begin_ringing(
        &mut self,
        cx: &mut Context,
        from: Sender,
        invite: Box<Invite>,
        deadline: Timestamp,
    ) -> Phase {
        self.say_ringing(cx, &from);
        let again = cx.now() + timers::RINGING_AGAIN;
        Phase::Ringing(Ringing { invite, from, later: None, deadline, again })
    }

    /// The user accepts. Only now is there a connection (R10).
    pub(super) fn on_accept(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        match phase {
            Phase::Ringing(ringing) => self.accept(cx, ringing),
            Phase::Announced(mut announced) => {
                announced.accepted = true;
                Phase::Announced(announced)
            }
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }

    fn accept(&mut self, cx: &mut Context, ringing: Ringing) -> Phase {
        let Ringing { invite, from, later, .. } = ringing;
        let Invite { offer, candidates, commit, .. } = *invite;
        let relay_only = cx.config.privacy == Privacy::RelayOnly;
        // The invite was checked when it came, so an offer always has its fingerprint.
        let offer = offer.and_then(|sdp| check_sdp(&sdp).ok().map(|facts| (facts.clean, facts.fingerprint)));
        let mut session = Box::new(Session::callee(&mut cx.env, self.id, relay_only, offer, &candidates));
        if let Some(list) = later {
            session.handle_candidates(&list);
        }
        session.set_quiet(self.is_quiet());
        let side = Side::Callee { commit: commit.0, nonce: None };
        let talk = Talk { session, peer: from, side };
        Phase::Answering(Answering { talk, heard: false, deadline: cx.now() + timers::CONNECT })
    }

    /// The engine answered: so do we.
    pub(super) fn send_answer(&mut self, cx: &mut Context, mut answering: Answering, ready: Ready) -> Phase {
        let Ready { sdp, candidates, fingerprint } = ready;
        let body = Body::Answer(Box::new(Answer {
            answer: sdp,
            candidates,
            fingerprint: Hex(fingerprint),
            nonce: Hex(cx.entropy.next16()),
            share: Hex(cx.entropy.next16()),
        }));
        let envelope = cx.envelope(self.id, to_instance(&answering.talk.peer), body);
        self.outbox.post(cx, Slot::Answer, envelope, MESSAGE_TTL);
        answering.talk.session.open_up();
        self.tell_media(cx, &answering.talk.peer.clone());
        Phase::Answering(answering)
    }

    /// The invite again: its proof is sent again. Nothing in it replaces a live call (R15).
    pub(super) fn on_invite_again(&mut self, cx: &mut Context, phase: Phase, from: &Sender) -> Phase {
        match phase {
            Phase::Ringing(ringing) => {
                if ringing.from == *from {
                    self.say_ringing(cx, from);
                }
                Phase::Ringing(ringing)
            }
            Phase::Answering(answering) => {
                if answering.talk.peer == *from && !self.outbox.repeat(cx, Slot::Answer) {
                    self.say_ringing(cx, from);
                }
                Phase::Answering(answering)
            }
            Phase::Ended(ended) => {
                let ours = ended.peer.as_ref().is_some_and(|peer| is_same_device(peer, from));
                if ours && self.direction == Direction::Incoming {
                    self.outbox.repeat(cx, Slot::Ending);
                }
                Phase::Ended(ended)
            }
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)) => phase,
        }
    }

    /// The caller named the device that won.
    pub(super) fn on_settled(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        id: MessageId,
        settled: &Settled,
    ) -> Phase {
        let won = settled.winner == cx.config.device;
        let elsewhere = End { reason: EndReason::Elsewhere(ElsewhereHow::Answered), by: By::Remote };
        match phase {
            Phase::Announced(_) => {
                if won {
                    return phase;
                }
                cx.ack(self.id, from, id);
                self.end_quietly(cx, phase, elsewhere)
            }
            Phase::Ringing(ringing) => {
                if won || !is_same_device(&ringing.from, from) {
                    return Phase::Ringing(ringing);
                }
                cx.ack(self.id, from, id);
                self.end_quietly(cx, Phase::Ringing(ringing), elsewhere)
            }
            Phase::Answering(mut answering) => {
                if !is_same_device(&answering.talk.peer, from) {
                    return Phase::Answering(answering);
                }
                if !won {
                    cx.ack(self.id, from, id);
                    return self.end_quietly(cx, Phase::Answering(answering), elsewhere);
                }
                if answering.talk.peer != *from {
                    return Phase::Answering(answering);
                }
                self.take_settled(&mut answering.talk, settled);
                let Answering { talk, deadline, .. } = answering;
                self.check_promise(cx, Phase::Connecting(Connecting { talk, deadline }))
            }
            mut phase @ (Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_)) => {
                let bound = phase.peer() == Some(from);
                if let Some(talk) = phase.talk_mut().filter(|_| won && bound) {
                    self.take_settled(talk, settled);
                }
                self.check_promise(cx, phase)
            }
            Phase::Ended(_) => {
                if !won {
                    cx.ack(self.id, from, id);
                } else if self.direction == Direction::Incoming {
                    self.outbox.repeat(cx, Slot::Ending);
                }
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Dialing(_)) => phase,
        }
    }
    /// The secrets of the caller have come: the answer is proved.
    fn take_settled(&mut self, talk: &mut Talk, settled: &Settled) {
        match &mut talk.side {
            Side::Caller => {}
            Side::Callee { nonce, .. } => {
                let (Some(theirs), Some(_share)) = (settled.nonce, settled.share) else { return };
                nonce.get_or_insert(theirs.0);
                self.outbox.remove(Slot::Answer);
            }
        }
    }

    /// Opens the caller's promise once all parts are here; a false one ends the call.
    pub(super) fn check_promise(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        let Some(talk) = phase.talk() else { return phase };
        let kept = match (&talk.side, talk.session.remote_fingerprint()) {
            (Side::Callee { commit, nonce: Some(nonce) }, Some(fingerprint)) => {
                *commit == promise(nonce, &fingerprint)
            }
            (Side::Callee { nonce: None, .. }, _) | (Side::Callee { .. }, None) | (Side::Caller, _) => true,
        };
        if kept {
            return phase;
        }
        tracing::warn!(call = %self.id, "the caller's commitment is false: somebody is in between");
        self.end(cx, phase, EndReason::ConnectFailed(ConnectFailure::Dtls), By::System)
    }

    /// The caller's side ended the call before it was answered, or never will take the answer.
    pub(super) fn on_cancel(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        id: MessageId,
        cancel: &Cancel,
    ) -> Phase {
        let gone = cancel.reason == CancelReason::Gone;
        match phase {
            Phase::Announced(_) => {
                cx.ack(self.id, from, id);
                self.end_quietly(cx, phase, cancelled(cancel))
            }
            Phase::Ringing(_) | Phase::Answering(_) | Phase::Connecting(_) => {
                let Some(peer) = phase.peer() else { return phase };
                // A restarted caller says `gone` for the process before it.
                let bound = peer == from || (gone && is_same_device(peer, from));
                if !bound || self.direction == Direction::Outgoing {
                    return phase;
                }
                cx.ack(self.id, from, id);
                self.end_quietly(cx, phase, cancelled(cancel))
            }
            Phase::Connected(_) | Phase::Reconnecting(_) => {
                // Media decides that an answered call lives.
                if phase.peer() == Some(from) {
                    cx.ack(self.id, from, id);
                }
                phase
            }
            Phase::Ended(_) => {
                cx.ack(self.id, from, id);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Dialing(_)) => phase,
        }
    }
}

/// The same device of the same user, whichever instance.
pub(super) fn is_same_device(one: &Sender, other: &Sender) -> bool {
    one.user == other.user && one.device == other.device
}

/// What a `cancel` means for a device of the callee.
pub(super) fn cancelled(cancel: &Cancel) -> End {
    let reason = match (cancel.reason, cancel.by) {
        (CancelReason::User | CancelReason::Gone, _) | (CancelReason::Glare, None) => EndReason::Cancelled,
        (CancelReason::Timeout | CancelReason::Busy, _) => EndReason::Missed,
        (CancelReason::Glare, Some(by)) => EndReason::Replaced { by },
        (CancelReason::Declined, _) => EndReason::Elsewhere(ElsewhereHow::Declined),
    };
    End { reason, by: By::Remote }
}

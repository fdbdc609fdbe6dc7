//! What signaling brings: sorts out what is for us, for which call, and from whom.
//!
//! | the envelope | goes to |
//! |---|---|
//! | another user, another device, our own user | nobody |
//! | for the process before this one | the lobby, if it shows that somebody still waits; else nobody |
//! | a call that is not here, or only announced | the lobby |
//! | a call that is here, from another user than its peer | nobody (R15) |
//! | a call that is here | the call |
//!
//! What does not decode is dropped: it costs neither a call nor the transport's connection (R3).

use std::time::Duration;

use super::calls::Calls;
use super::{Delivery, SignalingInput, StoredHow};
use crate::signal::{Body, DecodeError, Envelope, RefusedWhy};
use crate::{By, CallId, EndReason, MessageId, Timestamp};

impl Calls {
    pub(super) fn on_signaling(&mut self, input: SignalingInput) {
        match input {
            SignalingInput::Up { caught_up } => {
                self.cx.up = true;
                self.cx.caught_up = caught_up;
                self.distrust = Timestamp::ZERO;
                self.update_all(|facts, cx, phase| facts.on_signaling_up(cx, phase));
                self.attend_all();
            }
            SignalingInput::Down => {
                self.cx.up = false;
                self.cx.caught_up = false;
            }
            SignalingInput::Message { age, text } => self.on_text(age, &text),
            SignalingInput::Receipt(id, how) => self.on_receipt(id, how),
            SignalingInput::Refused(id, why) => self.on_refused(id, why),
        }
    }

    fn on_text(&mut self, age: Option<Duration>, text: &str) {
        if self.closed {
            return;
        }
        match Envelope::decode(text) {
            Ok(envelope) => self.on_envelope(envelope, age),
            Err(DecodeError::UnsupportedVersion(Some(header))) => {
                self.on_unsupported(*header);
            }
            Err(why) => tracing::debug!(%why, "a message is dropped"),
        }
    }

    fn on_envelope(&mut self, envelope: Envelope, age: Option<Duration>) {
        let config = &self.cx.config;
        let for_us = envelope.to.user == config.user
            && envelope.to.device.is_none_or(|device| device == config.device);
        if !for_us || envelope.from.user == config.user {
            return;
        }
        let known = self.calls.get(&envelope.call);
        if envelope.to.instance.is_some_and(|instance| instance != config.instance) {
            // For the process before this one. Its ringing and its answer learn that it is gone.
            match &envelope.body {
                Body::Ringing(_) | Body::Answer(_) if known.is_none() => self.on_stranger(envelope, age),
                Body::Ringing(_)
                | Body::Answer(_)
                | Body::Invite(_)
                | Body::Settled(_)
                | Body::Decline(_)
                | Body::Busy {}
                | Body::Cancel(_)
                | Body::Candidates(_)
                | Body::Negotiate(_)
                | Body::Media(_)
                | Body::Message(_)
                | Body::Hangup(_)
                | Body::Ack(_)
                | Body::Error(_) => {}
            }
            return;
        }
        let age = self.cx.trusted_age(age, self.distrust);
        let Some(call) = known else { return self.on_stranger(envelope, age) };
        if call.facts.peer != envelope.from.user {
            tracing::debug!(call = %envelope.call, "somebody else speaks of this call");
            return;
        }
        let awaited = call.phase.awaits_invite();
        if awaited && matches!(envelope.body, Body::Invite(_) | Body::Candidates(_)) {
            return self.on_stranger(envelope, age);
        }
        self.dispatch(envelope);
    }

    /// A message of a call that is here, from a device of its peer.
    fn dispatch(&mut self, envelope: Envelope) {
        let Envelope { id, call, from, to, body, .. } = envelope;
        let sounded = self.is_to_sound(call);
        self.update(call, |facts, cx, phase| match body {
            Body::Invite(_) => facts.on_invite_again(cx, phase, &from),
            Body::Ringing(ringing) => facts.on_ringing(cx, phase, &from, ringing.shown),
            Body::Answer(answer) => facts.on_answer(cx, phase, &from, *answer),
            Body::Settled(settled) => facts.on_settled(cx, phase, &from, id, &settled),
            Body::Decline(_) => facts.on_decline(cx, phase, &from, id),
            Body::Busy {} => facts.on_busy(cx, phase, &from, id),
            Body::Cancel(cancel) => facts.on_cancel(cx, phase, &from, id, &cancel),
            Body::Candidates(list) => facts.on_candidates(cx, phase, &from, id, list, to.device.is_none()),
            Body::Negotiate(step) => facts.on_negotiate(cx, phase, &from, step),
            Body::Media(state) => facts.on_media_state(cx, phase, &from, id, state),
            Body::Message(message) => facts.on_app_message(cx, phase, &from, id, message),
            Body::Hangup(hangup) => facts.on_hangup(cx, phase, &from, id, &hangup.reason),
            Body::Ack(ack) => {
                facts.outbox.prove(ack.of, &from);
                phase
            }
            Body::Error(error) => facts.on_error(cx, phase, error),
        });
        if !sounded && self.is_to_sound(call) {
            // Another call that we dialed before or after may have been answered first.
            self.make_way(call, None);
        }
    }

    fn is_to_sound(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|call| call.phase.talk().is_some() && !call.facts.held)
    }

    fn on_receipt(&mut self, id: MessageId, how: StoredHow) {
        let Some(call) = self.call_invited_by(id) else { return };
        let delivery = match how {
            StoredHow::Stored => Delivery::Stored,
            StoredHow::Pushed => Delivery::Pushed,
        };
        self.update(call, |facts, cx, phase| {
            facts.deliver(cx, delivery);
            phase
        });
    }

    fn on_refused(&mut self, id: MessageId, why: RefusedWhy) {
        let reason = match why {
            RefusedWhy::NotAllowed => EndReason::NotAllowed,
            RefusedWhy::TooLarge => EndReason::Internal,
            RefusedWhy::RateLimited | RefusedWhy::Unavailable => return,
        };
        let Some(call) = self.call_invited_by(id) else { return };
        self.update(call, |facts, cx, phase| facts.end(cx, phase, reason, By::System));
    }

    fn call_invited_by(&self, id: MessageId) -> Option<CallId> {
        self.calls.values().find(|call| call.facts.outbox.is_invite(id)).map(|call| call.facts.id)
    }
}

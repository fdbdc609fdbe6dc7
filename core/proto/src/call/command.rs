//! What the app asks of one call. A verb that makes no sense in a phase changes nothing.

use super::context::{Context, MESSAGE_TTL, to_instance};
use super::facts::{Call, Facts};
use super::outbox::Slot;
use super::phase::{Announced, Phase};
use super::{CallEventKind, CallOrder, CallState, CallsConfig, Command, Dial, Direction, VerbError, timers};
use crate::signal::{Body, Message, limits};
use crate::{By, CallId, EndReason, MicrophoneFailure, UserId};

impl Call {
    /// A call that a push announced.
    pub(super) fn announce(cx: &mut Context, call: CallId, from: UserId, display: Option<String>) -> Self {
        let mut facts = Facts::new(call, Direction::Incoming, from, CallOrder::OfferFirst);
        facts.display = display;
        cx.event(call, CallEventKind::Incoming(facts.incoming()));
        let wait = if cx.caught_up { timers::ANNOUNCED_CAUGHT_UP } else { timers::ANNOUNCED };
        Self { facts, phase: Phase::Announced(Announced { accepted: false, deadline: cx.now() + wait }) }
    }

    /// Whether a verb is for this call now.
    pub(super) fn check(&self, command: &Command) -> Result<(), VerbError> {
        match command {
            Command::Accept(_) | Command::Decline(_) => {
                self.check_reply(matches!(command, Command::Accept(_)))
            }
            Command::HangUp(_) | Command::Announce { .. } | Command::Dial(_) | Command::Close => Ok(()),
            Command::SetMuted(..) | Command::SetHeld(..) => match self.phase.state() {
                CallState::Ended(_) => Err(VerbError::Ended),
                CallState::Initiated
                | CallState::Ringing
                | CallState::Connecting
                | CallState::Active
                | CallState::Reconnecting => Ok(()),
            },
            Command::Message(_, data) => self.check_message(data),
        }
    }

    fn check_reply(&self, accept: bool) -> Result<(), VerbError> {
        match &self.phase {
            Phase::Ringing(_) => Ok(()),
            Phase::Announced(announced) if accept || !announced.accepted => Ok(()),
            Phase::Ended(_) => Err(VerbError::Ended),
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_)
                if accept && self.facts.direction == Direction::Incoming =>
            {
                Ok(())
            }
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_) => Err(VerbError::NotRinging),
        }
    }

    fn check_message(&self, data: &[u8]) -> Result<(), VerbError> {
        match &self.phase {
            Phase::Ended(_) => Err(VerbError::Ended),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_) => Err(VerbError::NotAnswered),
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                if data.len() > limits::MESSAGE_BYTES {
                    Err(VerbError::TooLong)
                } else if self.facts.outbox.messages() >= BACKLOG {
                    Err(VerbError::Backlog)
                } else {
                    Ok(())
                }
            }
        }
    }
}

impl Dial {
    /// Whether this may be dialed by that phone.
    pub(super) fn check(&self, config: &CallsConfig) -> Result<(), VerbError> {
        let longer = |text: &Option<String>, most| text.as_ref().is_some_and(|text| text.len() > most);
        if self.to == config.user {
            return Err(VerbError::OwnUser);
        }
        if longer(&self.display, limits::DISPLAY_BYTES) || longer(&self.context, limits::CONTEXT_BYTES) {
            return Err(VerbError::TooLong);
        }
        Ok(())
    }
}

impl Facts {
    /// The user does not want the call: it ends here at once, and on all devices of this user.
    pub(super) fn on_decline_command(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        match phase {
            Phase::Ringing(_) => self.end(cx, phase, EndReason::Declined, By::Local),
            Phase::Announced(announced) if !announced.accepted => {
                self.end(cx, Phase::Announced(announced), EndReason::Declined, By::Local)
            }
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }

    /// The user hangs up, whatever the phase. Never waits (R13).
    pub(super) fn on_hang_up(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        match phase {
            Phase::Preparing(_) | Phase::Dialing(_) => self.end(cx, phase, EndReason::Cancelled, By::Local),
            Phase::Ringing(_) | Phase::Announced(_) => self.end(cx, phase, EndReason::Declined, By::Local),
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.end(cx, phase, EndReason::HungUp, By::Local)
            }
            Phase::Ended(_) => phase,
        }
    }

    /// The phone closes. What merely rings here goes on ringing on the user's other devices.
    pub(super) fn on_close(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        match phase {
            Phase::Ringing(_) | Phase::Announced(_) => self.end(cx, phase, EndReason::Missed, By::Local),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_) => self.on_hang_up(cx, phase),
        }
    }

    /// The microphone, or silence.
    pub(super) fn on_set_muted(&mut self, cx: &mut Context, phase: Phase, muted: bool) -> Phase {
        if phase.ended().is_some() || self.muted == muted {
            return phase;
        }
        self.muted = muted;
        self.on_own_media_changed(cx, phase)
    }

    /// Silence both ways, or sound again.
    pub(super) fn on_set_held(&mut self, cx: &mut Context, phase: Phase, held: bool) -> Phase {
        if phase.ended().is_some() || self.held == held {
            return phase;
        }
        self.held = held;
        self.on_own_media_changed(cx, phase)
    }

    fn on_own_media_changed(&mut self, cx: &mut Context, mut phase: Phase) -> Phase {
        self.revision += 1;
        let quiet = self.is_quiet();
        if let Some(talk) = phase.talk_mut() {
            talk.session.set_quiet(quiet);
            let peer = talk.peer.clone();
            self.tell_media(cx, &peer);
        }
        phase
    }

    /// The app's bytes for the peer.
    pub(super) fn on_send_message(&mut self, cx: &mut Context, phase: Phase, data: Vec<u8>) -> Phase {
        match &phase {
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                let fits = data.len() <= limits::MESSAGE_BYTES && self.outbox.messages() < BACKLOG;
                if let Some(talk) = phase.talk().filter(|_| fits) {
                    let body = Body::Message(Message { data });
                    let envelope = cx.envelope(self.id, to_instance(&talk.peer), body);
                    self.outbox.post(cx, Slot::Message, envelope, MESSAGE_TTL);
                }
            }
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Ended(_) => {}
        }
        phase
    }

    /// The microphone could not be opened, or is gone for good.
    pub(super) fn on_capture_failed(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        why: MicrophoneFailure,
    ) -> Phase {
        match phase {
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.end(cx, phase, EndReason::Microphone(why), By::System)
            }
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Ended(_)) => phase,
        }
    }
}

/// App messages of one call that may wait for their proof.
const BACKLOG: usize = 64;

//! An answered call: negotiation, candidates, what the peer sends, the app's bytes, the hang-up.
//!
//! From here on only the exact other end is heard: user, device and instance (R15).

use super::CallEventKind;
use super::context::Context;
use super::facts::Facts;
use super::phase::Phase;
use crate::session::MediaEvent;
use crate::signal::{Candidates, MediaState, Message, Negotiate, Sender, wire_reason};
use crate::{By, ConnId, ConnectFailure, End, EndReason, MessageId};

impl Facts {
    /// The engine reports something about a connection of this call.
    pub(super) fn on_media_event(
        &mut self,
        cx: &mut Context,
        mut phase: Phase,
        conn: ConnId,
        event: MediaEvent,
    ) -> Phase {
        if let Some(session) = phase.session_mut() {
            session.handle_event(&mut cx.env, conn, event);
        }
        phase
    }

    /// The network of this device changed.
    pub(super) fn on_network_change(&mut self, cx: &Context, mut phase: Phase) -> Phase {
        if let Some(talk) = phase.talk_mut() {
            talk.session.handle_network_change(cx.now());
        }
        phase
    }

    /// A list of the peer's candidates. One addressed to all devices is not acknowledged.
    pub(super) fn on_candidates(
        &mut self,
        cx: &mut Context,
        mut phase: Phase,
        from: &Sender,
        id: MessageId,
        list: Candidates,
        to_all: bool,
    ) -> Phase {
        if phase.peer() != Some(from) {
            return phase;
        }
        let taken = match &mut phase {
            Phase::Ringing(ringing) => {
                let newer =
                    ringing.later.as_ref().is_none_or(|have| have.candidates.len() <= list.candidates.len());
                if newer {
                    ringing.later = Some(list);
                }
                true
            }
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                if !to_all {
                    phase.note_heard();
                }
                phase.session_mut().is_some_and(|session| session.handle_candidates(&list))
            }
            Phase::Preparing(_) | Phase::Dialing(_) | Phase::Announced(_) | Phase::Ended(_) => false,
        };
        if taken && !to_all {
            cx.ack(self.id, from, id);
        }
        phase
    }

    /// A step of media negotiation.
    pub(super) fn on_negotiate(
        &mut self,
        cx: &mut Context,
        mut phase: Phase,
        from: &Sender,
        step: Negotiate,
    ) -> Phase {
        if phase.peer() != Some(from) {
            return phase;
        }
        phase.note_heard();
        if let Some(talk) = phase.talk_mut() {
            talk.session.handle_negotiate(&mut cx.env, step);
        }
        phase
    }

    /// What the peer sends changed; the last revision wins.
    pub(super) fn on_media_state(
        &mut self,
        cx: &mut Context,
        mut phase: Phase,
        from: &Sender,
        id: MessageId,
        state: MediaState,
    ) -> Phase {
        if phase.peer() != Some(from) {
            return phase;
        }
        phase.note_heard();
        let Some(talk) = phase.talk_mut() else { return phase };
        cx.ack(self.id, from, id);
        if state.revision > self.peer_media.revision {
            self.peer_media = state;
            let MediaState { muted, held, recording, .. } = state;
            cx.event(self.id, CallEventKind::PeerMedia { muted, held, recording });
            talk.session.set_quiet(self.is_quiet());
        }
        phase
    }

    /// The app's bytes, applied once.
    pub(super) fn on_app_message(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        id: MessageId,
        message: Message,
    ) -> Phase {
        if phase.peer() != Some(from) {
            return phase;
        }
        match &phase {
            Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                cx.ack(self.id, from, id);
                if self.seen.contains(&id) {
                    return phase;
                }
                if self.seen.len() == SEEN {
                    self.seen.pop_front();
                }
                self.seen.push_back(id);
                cx.event(self.id, CallEventKind::Message(message.data));
            }
            // Not yet: the sender repeats it.
            Phase::Answering(_)
            | Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Ended(_) => {}
        }
        phase
    }

    /// The other side hung up. Before we took an answer, that of a callee device is a decline.
    pub(super) fn on_hangup(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        from: &Sender,
        id: MessageId,
        reason: &str,
    ) -> Phase {
        match phase {
            Phase::Dialing(dialing) => {
                cx.ack(self.id, from, id);
                self.on_early_hangup(cx, dialing, reason)
            }
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                cx.ack(self.id, from, id);
                if phase.peer() == Some(from) {
                    let reason = explained(&phase, wire_reason(reason));
                    return self.end_quietly(cx, phase, End { reason, by: By::Remote });
                }
                phase
            }
            Phase::Ended(_) => {
                cx.ack(self.id, from, id);
                phase
            }
            phase @ (Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_)) => phase,
        }
    }
}

/// The other side's clock was first: our engine may know better why nothing connected.
fn explained(phase: &Phase, reason: EndReason) -> EndReason {
    let timed_out = reason == EndReason::ConnectFailed(ConnectFailure::Timeout);
    match phase.session() {
        Some(session) if timed_out => EndReason::ConnectFailed(session.explanation()),
        Some(_) | None => reason,
    }
}

/// App messages remembered against duplicates: a sender has 64 of them under way at most.
const SEEN: usize = 256;

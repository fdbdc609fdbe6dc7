//! What a call is in every phase, and the steps that all its handlers share.

use std::collections::VecDeque;

use super::context::{Context, MESSAGE_TTL, to_instance};
use super::outbox::{Outbox, Slot};
use super::phase::{Answering, Connecting, Ended, Phase, Reconnecting};
use super::timers;
use super::{CallEventKind, CallOrder, CallSnapshot, Delivery, Direction, Incoming};
use crate::session::{MediaCommand, MediaFailure, Session, Step};
use crate::signal::{Body, MediaState, Negotiate, Negotiation, Sender};
use crate::{By, CallId, ConnectFailure, EndReason, MessageId, Timestamp, UnsupportedWhat, UserId};

/// A call: what it is, and where it is.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) facts: Facts,
    pub(super) phase: Phase,
}

/// What a call is in every phase.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) id: CallId,
    pub(super) direction: Direction,
    pub(super) peer: UserId,
    pub(super) verified: bool,
    pub(super) display: Option<String>,
    pub(super) context: Option<String>,
    pub(super) order: CallOrder,
    pub(super) muted: bool,
    pub(super) held: bool,
    /// Counts the changes of the two above.
    pub(super) revision: u64,
    pub(super) peer_media: MediaState,
    pub(super) delivery: Option<Delivery>,
    pub(super) outbox: Outbox,
    /// App messages that were applied.
    pub(super) seen: VecDeque<MessageId>,
}

impl Facts {
    pub(super) fn new(id: CallId, direction: Direction, peer: UserId, order: CallOrder) -> Self {
        Self {
            id,
            direction,
            peer,
            verified: false,
            display: None,
            context: None,
            order,
            muted: false,
            held: false,
            revision: 0,
            peer_media: MediaState { revision: 0, muted: false, held: false, recording: false },
            delivery: None,
            outbox: Outbox::default(),
            seen: VecDeque::new(),
        }
    }

    /// An incoming call, as an event tells it.
    pub(super) fn incoming(&self) -> Incoming {
        Incoming {
            call: self.id,
            from: self.peer.clone(),
            verified: self.verified,
            display: self.display.clone(),
            context: self.context.clone(),
        }
    }

    /// The call at a glance.
    pub(super) fn snapshot(&self, phase: &Phase) -> CallSnapshot {
        CallSnapshot {
            call: self.id,
            direction: self.direction,
            peer: self.peer.clone(),
            verified: self.verified,
            display: self.display.clone(),
            context: self.context.clone(),
            state: phase.state(),
            muted: self.muted,
            held: self.held,
        }
    }

    /// The invite got further.
    pub(super) fn deliver(&mut self, cx: &mut Context, to: Delivery) {
        if self.delivery < Some(to) {
            self.delivery = Some(to);
            cx.event(self.id, CallEventKind::Delivery(to));
        }
    }

    /// Does what the session wants, until it wants nothing more.
    pub(super) fn absorb(&mut self, cx: &mut Context, mut phase: Phase) -> Phase {
        while let Some(step) = phase.session_mut().and_then(Session::poll_step) {
            phase = self.on_step(cx, phase, step);
        }
        phase
    }

    fn on_step(&mut self, cx: &mut Context, phase: Phase, step: Step) -> Phase {
        match step {
            Step::Media(conn, command) => {
                cx.media(conn, command);
                phase
            }
            Step::Ready(ready) => self.on_ready(cx, phase, ready),
            Step::Candidates(list) => self.on_own_candidates(cx, phase, list),
            Step::Negotiate(step) => self.on_own_negotiate(cx, phase, step),
            Step::OfferProved => {
                self.outbox.remove(Slot::Offer);
                phase
            }
            Step::WishProved => {
                self.outbox.remove(Slot::Wish);
                self.check_promise(cx, phase)
            }
            Step::RepeatAnswer => {
                self.outbox.repeat(cx, Slot::OfferAnswer);
                phase
            }
            Step::RepeatOffer => {
                self.outbox.repeat(cx, Slot::Offer);
                phase
            }
            Step::Up => self.on_up(phase),
            Step::Missing => Self::on_missing(cx, phase),
            Step::PeerGone => self.end(cx, phase, EndReason::HungUp, By::Remote),
            Step::Broken(failure) => self.on_broken(cx, phase, failure),
        }
    }

    /// The caller's candidates go to all ringing devices as they come, and to the winner until proved.
    fn on_own_candidates(
        &mut self,
        cx: &mut Context,
        phase: Phase,
        list: crate::signal::Candidates,
    ) -> Phase {
        match &phase {
            Phase::Dialing(_) => {
                cx.send_once(self.id, super::context::to_all(&self.peer), Body::Candidates(list));
            }
            Phase::Answering(Answering { talk, .. })
            | Phase::Connecting(Connecting { talk, .. })
            | Phase::Connected(talk)
            | Phase::Reconnecting(Reconnecting { talk, .. }) => {
                let envelope = cx.envelope(self.id, to_instance(&talk.peer), Body::Candidates(list));
                self.outbox.post(cx, Slot::Candidates, envelope, MESSAGE_TTL);
            }
            Phase::Preparing(_) | Phase::Announced(_) | Phase::Ringing(_) | Phase::Ended(_) => {}
        }
        phase
    }

    fn on_own_negotiate(&mut self, cx: &mut Context, phase: Phase, step: Negotiate) -> Phase {
        let Some(talk) = phase.talk() else { return phase };
        let slot = match step.what {
            Negotiation::Offer => Slot::Offer,
            Negotiation::Answer => Slot::OfferAnswer,
            Negotiation::Wanted | Negotiation::Rebuild => Slot::Wish,
        };
        let envelope = cx.envelope(self.id, to_instance(&talk.peer), Body::Negotiate(step));
        self.outbox.post(cx, slot, envelope, MESSAGE_TTL);
        phase
    }

    /// Media is up. At a callee that was not named yet this counts as being named.
    fn on_up(&mut self, phase: Phase) -> Phase {
        match phase {
            Phase::Answering(Answering { talk, .. })
            | Phase::Connecting(Connecting { talk, .. })
            | Phase::Connected(talk)
            | Phase::Reconnecting(Reconnecting { talk, .. }) => Phase::Connected(talk),
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Ended(_)) => phase,
        }
    }

    fn on_missing(cx: &Context, phase: Phase) -> Phase {
        match phase {
            Phase::Connected(talk) => {
                Phase::Reconnecting(Reconnecting { talk, deadline: cx.now() + timers::RECONNECT })
            }
            phase @ (Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }

    fn on_broken(&mut self, cx: &mut Context, phase: Phase, failure: MediaFailure) -> Phase {
        let reason = match failure {
            MediaFailure::Description => EndReason::Unsupported(UnsupportedWhat::Codec),
            MediaFailure::Dtls => EndReason::ConnectFailed(ConnectFailure::Dtls),
            MediaFailure::Engine | MediaFailure::Overflow => EndReason::Internal,
        };
        self.end(cx, phase, reason, By::System)
    }

    /// Tells the peer what we send, if there is a peer and anything to tell.
    pub(super) fn tell_media(&mut self, cx: &mut Context, peer: &Sender) {
        if self.revision == 0 {
            return;
        }
        let state =
            MediaState { revision: self.revision, muted: self.muted, held: self.held, recording: false };
        let envelope = cx.envelope(self.id, to_instance(peer), Body::Media(state));
        self.outbox.post(cx, Slot::Media, envelope, MESSAGE_TTL);
    }

    /// Whether a side of this call is silent on purpose.
    pub(super) fn is_quiet(&self) -> bool {
        self.held || self.peer_media.muted || self.peer_media.held
    }

    /// Closes the session of a phase, at once.
    pub(super) fn close_session(cx: &mut Context, phase: &mut Phase) {
        let Some(session) = phase.session_mut() else { return };
        session.close();
        while let Some(step) = session.poll_step() {
            if let Step::Media(conn, command) = step {
                debug_assert_eq!(command, MediaCommand::Close);
                cx.media(conn, command);
            }
        }
    }
}

impl Call {
    /// A tombstone of a call that the app never saw.
    pub(super) fn buried(facts: Facts, peer: Sender, end: crate::End, now: Timestamp) -> Self {
        let ended = Ended {
            end,
            visible: false,
            reopens: false,
            peer: Some(peer),
            since: now,
            expires: now + timers::TOMBSTONE,
        };
        Self { facts, phase: Phase::Ended(ended) }
    }
}

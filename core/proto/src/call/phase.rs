//! The phases of a call: an enum that owns what belongs to the phase.

use std::collections::BTreeSet;

use super::CallState;
use crate::session::{Ready, Session};
use crate::signal::{Candidates, Invite, Sender};
use crate::{ConnId, DeviceId, End, EndReason, Timestamp};

/// Where a call is. The diagram and the tables are in [`super`].
#[derive(Debug)]
pub(super) enum Phase {
    Preparing(Preparing),
    Dialing(Dialing),
    Announced(Announced),
    Ringing(Ringing),
    Answering(Answering),
    Connecting(Connecting),
    Connected(Talk),
    Reconnecting(Reconnecting),
    Ended(Ended),
}

/// The engine makes the offer, or signaling is awaited.
#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) session: Box<Session>,
    pub(super) ready: Option<Ready>,
    pub(super) deadline: Timestamp,
}

/// The invite is out.
#[derive(Debug)]
pub(super) struct Dialing {
    pub(super) session: Box<Session>,
    pub(super) nonce: [u8; 16],
    /// Devices that rang.
    pub(super) rang: BTreeSet<DeviceId>,
    pub(super) refusal: Option<Refusal>,
    pub(super) deadline: Timestamp,
}

/// The first device that cannot take the call. It counts if nothing rings by `at`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: Timestamp,
    pub(super) reason: EndReason,
}

/// A push announced the call; its invite is awaited.
#[derive(Debug)]
pub(super) struct Announced {
    pub(super) accepted: bool,
    pub(super) deadline: Timestamp,
}

/// An incoming call rings.
#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) invite: Box<Invite>,
    pub(super) from: Sender,
    /// Candidates of the caller that came after the invite.
    pub(super) later: Option<Candidates>,
    pub(super) deadline: Timestamp,
    /// When `ringing` is said again.
    pub(super) again: Timestamp,
}

/// We accepted; the caller has not named us the winner yet.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) talk: Talk,
    /// The caller has taken our answer: it sent us what only the winner gets.
    pub(super) heard: bool,
    pub(super) deadline: Timestamp,
}

/// Both sides know each other; media is coming up.
#[derive(Debug)]
pub(super) struct Connecting {
    pub(super) talk: Talk,
    pub(super) deadline: Timestamp,
}

/// Media was up and is missing.
#[derive(Debug)]
pub(super) struct Reconnecting {
    pub(super) talk: Talk,
    pub(super) deadline: Timestamp,
}

/// What an answered call owns.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) session: Box<Session>,
    /// The other end: at the caller the winner, at the callee the sender of the invite.
    pub(super) peer: Sender,
    pub(super) side: Side,
}

/// What each side of an answered call remembers.
#[derive(Debug)]
pub(super) enum Side {
    Caller,
    Callee {
        /// What the caller promised in the invite.
        commit: [u8; 32],
        /// The nonce that `settled` brought: opens the promise.
        nonce: Option<[u8; 16]>,
    },
}

/// The tombstone of a call: absorbs late messages and replies with the ending.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    /// The app saw this call.
    pub(super) visible: bool,
    /// An announced call whose invite came too late: the invite may still make it ring.
    pub(super) reopens: bool,
    /// The exact other end, if it was known.
    pub(super) peer: Option<Sender>,
    pub(super) since: Timestamp,
    pub(super) expires: Timestamp,
}

impl Phase {
    /// The name of the phase, as in the diagram.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Phase::Preparing(_) => "Preparing",
            Phase::Dialing(_) => "Dialing",
            Phase::Announced(_) => "Announced",
            Phase::Ringing(_) => "Ringing",
            Phase::Answering(_) => "Answering",
            Phase::Connecting(_) => "Connecting",
            Phase::Connected(_) => "Connected",
            Phase::Reconnecting(_) => "Reconnecting",
            Phase::Ended(_) => "Ended",
        }
    }

    /// The public state.
    pub(super) fn state(&self) -> CallState {
        match self {
            Phase::Preparing(_) => CallState::Initiated,
            Phase::Dialing(dialing) if dialing.rang.is_empty() => CallState::Initiated,
            Phase::Dialing(_) => CallState::Ringing,
            Phase::Announced(announced) if announced.accepted => CallState::Connecting,
            Phase::Announced(_) | Phase::Ringing(_) => CallState::Ringing,
            Phase::Answering(_) | Phase::Connecting(_) => CallState::Connecting,
            Phase::Connected(_) => CallState::Active,
            Phase::Reconnecting(_) => CallState::Reconnecting,
            Phase::Ended(ended) => CallState::Ended(ended.end.clone()),
        }
    }

    /// The media negotiation, where there is one.
    pub(super) fn session(&self) -> Option<&Session> {
        match self {
            Phase::Preparing(preparing) => Some(&preparing.session),
            Phase::Dialing(dialing) => Some(&dialing.session),
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.talk().map(|talk| &*talk.session)
            }
            Phase::Announced(_) | Phase::Ringing(_) | Phase::Ended(_) => None,
        }
    }

    /// The same, to be fed.
    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Phase::Preparing(preparing) => Some(&mut preparing.session),
            Phase::Dialing(dialing) => Some(&mut dialing.session),
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.talk_mut().map(|talk| &mut *talk.session)
            }
            Phase::Announced(_) | Phase::Ringing(_) | Phase::Ended(_) => None,
        }
    }

    /// What an answered call owns.
    pub(super) fn talk(&self) -> Option<&Talk> {
        match self {
            Phase::Answering(Answering { talk, .. })
            | Phase::Connecting(Connecting { talk, .. })
            | Phase::Connected(talk)
            | Phase::Reconnecting(Reconnecting { talk, .. }) => Some(talk),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Ended(_) => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn talk_mut(&mut self) -> Option<&mut Talk> {
        match self {
            Phase::Answering(Answering { talk, .. })
            | Phase::Connecting(Connecting { talk, .. })
            | Phase::Connected(talk)
            | Phase::Reconnecting(Reconnecting { talk, .. }) => Some(talk),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Ended(_) => None,
        }
    }

    /// The caller sent what only the winner gets.
    pub(super) fn note_heard(&mut self) {
        match self {
            Phase::Answering(answering) => answering.heard = true,
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_) => {}
        }
    }

    /// Whether the connection belongs to this call.
    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.session().is_some_and(|session| session.owns(conn))
    }

    /// Neither ended nor merely ringing: a second call hears `busy`.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_) => true,
            Phase::Announced(announced) => announced.accepted,
            Phase::Ringing(_) | Phase::Ended(_) => false,
        }
    }

    /// The exact other end, once it is known.
    pub(super) fn peer(&self) -> Option<&Sender> {
        match self {
            Phase::Preparing(_) | Phase::Dialing(_) | Phase::Announced(_) => None,
            Phase::Ringing(ringing) => Some(&ringing.from),
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                self.talk().map(|talk| &talk.peer)
            }
            Phase::Ended(ended) => ended.peer.as_ref(),
        }
    }

    /// The tombstone, once the call has ended.
    pub(super) fn ended(&self) -> Option<&Ended> {
        match self {
            Phase::Ended(ended) => Some(ended),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_) => None,
        }
    }

    /// A tombstone that nobody needs any more.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.ended().is_some_and(|ended| ended.expires <= now)
    }

    /// The invite of this call is news: it is announced, or was.
    pub(super) fn awaits_invite(&self) -> bool {
        match self {
            Phase::Announced(_) => true,
            Phase::Ended(ended) => ended.reopens,
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_) => false,
        }
    }
}

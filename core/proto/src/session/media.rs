//! The border to the media engine: what a connection is told, what it reports.
//!
//! Commands of one connection run in order. `Close` is final and idempotent, and nothing is reported after it.
//! Rounds number the negotiations of one connection; an event names the round that it answers.

use std::time::Duration;

use crate::{CallId, ConnectFailure};

/// What a connection is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaCommand {
    /// Build the connection, with one local audio track (the microphone, sendrecv).
    Open {
        /// The call: all connections of one call share one certificate.
        call: CallId,
        /// Gather relay candidates only.
        relay_only: bool,
    },
    /// Create an offer and make it the local description. Answered by [`MediaEvent::OfferReady`].
    CreateOffer {
        /// The round.
        round: u32,
        /// With new ICE credentials and fresh candidates.
        ice_restart: bool,
    },
    /// Take the peer's offer, create an answer and make it the local description. Answered by
    /// [`MediaEvent::AnswerReady`].
    TakeOffer {
        /// The round.
        round: u32,
        /// The peer's description, past the allow-list, without candidates.
        sdp: String,
    },
    /// Take the peer's answer to our offer of this round.
    TakeAnswer {
        /// The round.
        round: u32,
        /// The peer's description, past the allow-list, without candidates.
        sdp: String,
    },
    /// Add candidates of the peer, in the round they belong to. Those already added are added once.
    AddCandidates {
        /// New candidates only.
        candidates: Vec<RemoteCandidate>,
    },
    /// Report [`MediaEvent::Missing`] when no RTP or RTCP arrived for this long (400 ms, 1 s while the peer is silent
    /// on purpose).
    ExpectMedia {
        /// The longest silence.
        within: Duration,
    },
    /// From now on host and reflexive candidates may be gathered too (effective at the next round).
    AllowDirect,
    /// Give up the connection: sockets, tasks, tracks. The peer gets a DTLS close_notify.
    Close,
}

/// A candidate of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// The attribute without `a=`: `candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host`.
    pub candidate: String,
    /// The media section.
    pub mid: String,
}

/// A candidate of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCandidate {
    /// The attribute without `a=`, with `raddr 0.0.0.0 rport 0` where a related address is demanded.
    pub candidate: String,
    /// The media section.
    pub mid: String,
}

/// What a connection reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The connection exists, with this certificate: the first event after [`MediaCommand::Open`].
    Opened {
        /// SHA-256 of the certificate, the same for all connections of a call.
        fingerprint: [u8; 32],
    },
    /// Our offer is the local description; gathering goes on.
    OfferReady {
        /// The round that asked for it.
        round: u32,
        /// The description, without candidates, `o=` and `c=` saying 0.0.0.0.
        sdp: String,
    },
    /// Our answer is the local description; gathering goes on.
    AnswerReady {
        /// The round that asked for it.
        round: u32,
        /// The description, as for an offer.
        sdp: String,
    },
    /// A candidate of the newest round is known.
    Candidate(LocalCandidate),
    /// No more candidates in this round.
    GatheringDone,
    /// The state of the path (ICE).
    Path(PathState),
    /// The DTLS handshake has ended and the peer's certificate matches its description.
    Secured,
    /// The first valid SRTP packet arrived (with this, media is up).
    Arrived,
    /// No RTP or RTCP for as long as [`MediaCommand::ExpectMedia`] said.
    Missing,
    /// RTP or RTCP flows again after `Missing`.
    Back,
    /// The peer closed its end (DTLS close_notify).
    PeerClosed,
    /// The connection cannot go on; it is to be closed.
    Failed(MediaFailure),
}

/// The state of a connection's path (RFC 8445, RTCIceTransportState).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathState {
    /// Candidates are being tried.
    Checking,
    /// A pair works.
    Connected,
    /// The pair stopped answering; others may still work.
    Disconnected,
    /// Nothing works. The reason is the engine's best explanation.
    Failed(ConnectFailure),
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFailure {
    /// The description could not be applied: it does not parse, or has no codec of ours.
    Description,
    /// The DTLS handshake failed, or the certificate is not the one promised.
    Dtls,
    /// The engine refused for a reason of its own (no sockets left, say).
    Engine,
    /// A queue to the engine overflowed.
    Overflow,
}

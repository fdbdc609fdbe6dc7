//! Wire messages, SDP and candidate allow-list.
//!
//! One typed, versioned envelope, neutral to the transport: [`Envelope::decode`] and [`Envelope::encode`]. Every remote
//! byte passes through here first: what the decoder lets through keeps to the limits in [`limits`], and decoding never
//! panics. The JSON vectors in `core/proto/vectors` say the same to other languages.
//!
//! Not here: what a message means for a call (see [`crate::call`]), how it travels (the port `Signaling`).

mod body;
mod candidate;
mod envelope;
mod hex;
pub mod limits;
mod outgoing;
mod reason;
mod sdp;

pub use body::{
    Ack, Answer, Body, Cancel, CancelReason, Candidates, Decline, DeclineReason, ErrorCode, Hangup, Invite,
    Kinds, MediaState, Message, Negotiate, Negotiation, ProtocolError, Resume, Ringing, Settled,
    WireCandidate,
};
pub use candidate::{
    CandidateAddress, CandidateError, CandidateFacts, CandidateKind, CandidateScope, CandidateTransport,
    check_candidate, clean_local_candidate,
};
pub use envelope::{DecodeError, Envelope, Sender, Unsupported, VERSION};
pub use hex::Hex;
pub use outgoing::{Outgoing, RefusedWhy, To};
pub use sdp::{
    Codec, IceCredentials, MAX_SDP_BYTES, MediaDirection, MediaKind, MediaSection, NotCarried, SdpError,
    SdpFacts, SdpPart, SetupRole, check_sdp, clean_local_sdp,
};

pub(crate) use reason::{wire_code, wire_reason};

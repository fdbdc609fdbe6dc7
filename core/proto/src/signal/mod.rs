//! Wire messages, SDP and candidate allow-list.

mod candidate;
mod outgoing;
mod sdp;

pub use candidate::{
    CandidateAddress, CandidateError, CandidateFacts, CandidateKind, CandidateScope, CandidateTransport,
    check_candidate, clean_local_candidate,
};
pub use outgoing::{Outgoing, RefusedWhy, To};
pub use sdp::{
    Codec, IceCredentials, MAX_SDP_BYTES, MediaDirection, MediaKind, MediaSection, NotCarried, SdpError,
    SdpFacts, SdpPart, SetupRole, check_sdp, clean_local_sdp,
};

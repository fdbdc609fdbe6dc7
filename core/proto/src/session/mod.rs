//! Media negotiation: connections, offers, candidates, the restart ladder.

mod media;

pub use media::{LocalCandidate, MediaCommand, MediaEvent, MediaFailure, PathState, RemoteCandidate};

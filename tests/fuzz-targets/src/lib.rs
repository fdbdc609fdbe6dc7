//! The fuzz targets: for every decoder of remote bytes, a function that panics if the decoder breaks its promise.
//!
//! `cargo test -p ringback-fuzz-targets` replays the committed corpus, `tests/fuzz/corpus/<target>/*`. Exploring is the
//! business of cargo-fuzz in `tests/fuzz`, whose targets call these functions. An input that finds a fault is put
//! into the corpus under a name that says what it is.
#![forbid(unsafe_code)]

mod playout;
mod signal;

pub use playout::jitter_buffer;
pub use signal::{candidate, sdp};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by name: the name of its function, its folder in the corpus and its binary in `tests/fuzz`.
pub const TARGETS: [(&str, Target); 3] =
    [("candidate", candidate), ("jitter_buffer", jitter_buffer), ("sdp", sdp)];

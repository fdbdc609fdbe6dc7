//! The fuzz targets: for every decoder and machine that takes remote bytes, a function that panics if it breaks its
//! promise.
//!
//! `cargo test -p ringback-fuzz-targets` replays the committed corpus, `tests/fuzz/corpus/<target>/*`. Exploring is the
//! business of cargo-fuzz in `tests/fuzz`, whose targets call these functions. An input that finds a fault is put
//! into the corpus under a name that says what it is.
#![forbid(unsafe_code)]

mod bytes;
mod machine;
mod phoenix;
mod playout;
mod signal;
/// The world of the schedules in `core/proto/tests`, with its oracles.
#[path = "../../../core/proto/tests/world/mod.rs"]
mod world;

pub use machine::machine_inputs;
pub use phoenix::phoenix_frame;
pub use playout::jitter_buffer;
pub use signal::{candidate, envelope, sdp};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by name: the name of its function, its folder in the corpus and its binary in `tests/fuzz`.
pub const TARGETS: [(&str, Target); 6] = [
    ("candidate", candidate),
    ("envelope", envelope),
    ("jitter_buffer", jitter_buffer),
    ("machine_inputs", machine_inputs),
    ("phoenix_frame", phoenix_frame),
    ("sdp", sdp),
];

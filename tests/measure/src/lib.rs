//! Measures what was heard against what was said, and draws it.
//!
//! Pure functions over recordings: no devices, no clocks. Tests, the demo and the benchmarks share them, so a figure
//! means the same everywhere.
//!
//! | function | answers |
//! |---|---|
//! | [`heard`] | is this recording the speech of that reference, and how much later is it? |
//! | [`chirp`], [`locate`] | when exactly did a known sound arrive? |
//! | [`tone_in`] | how pure is a tone after its way through a call? |
//! | [`Sound::first_sound_ms`] | when does a recording stop being silent? |
//! | [`picture::draw`] | a picture of said and heard, aligned |
#![forbid(unsafe_code)]

mod chirp;
mod heard;
pub mod picture;
mod resample;
mod sound;
mod tone;

pub use chirp::{Located, chirp, locate};
pub use heard::{Heard, heard};
pub use sound::{Sound, SoundError};
pub use tone::{Tone, tone, tone_in};

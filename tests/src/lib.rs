//! The harness.
#![forbid(unsafe_code)]

pub mod pulse;

//! The harness.
#![forbid(unsafe_code)]

pub mod sim;
pub mod pulse;

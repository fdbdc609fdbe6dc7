//! The harness: simulated networks, private sound servers, benchmarks.
#![forbid(unsafe_code)]

pub mod bench;
pub mod pulse;
pub mod sim;

//! The harness: virtual worlds, exchanges between engines, private sound servers, benchmarks.
#![forbid(unsafe_code)]

pub mod bench;
pub mod exchange;
pub mod pulse;
pub mod sim;
pub mod stock;

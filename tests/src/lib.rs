//! The harness: virtual worlds, exchanges between engines, benchmarks.
#![forbid(unsafe_code)]

pub mod bench;
pub mod exchange;
pub mod sim;
pub mod stock;

//! Benchmarks, ours beside the stock engine in the same run.

pub mod call;
pub mod hub;
pub mod hub_faults;
mod left;
mod metric;
mod pair;
mod process;
pub mod setup;
pub mod setup_loss;
pub mod soak;

pub use metric::Metric;

/// Whatever keeps a measurement from being taken.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

//! Benchmarks, ours beside the stock engine in the same run.

mod metric;
pub mod setup_loss;

pub use metric::Metric;

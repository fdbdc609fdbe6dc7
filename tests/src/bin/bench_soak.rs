//! Prints the figures of `soak` as lines of JSON. Usage: `bench_soak [--calls 1000] [--pairs 8]`.

use std::io::Write;

use clap::Parser;
use ringback_tests::bench::{BoxError, soak};
use tracing_subscriber::EnvFilter;

/// Many calls in one process: memory, and what is left.
#[derive(Parser)]
struct Options {
    /// Calls.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// Pairs of phones that call at a time.
    #[arg(long, default_value_t = 8)]
    pairs: usize,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,ringback_tests=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Options { calls, pairs } = Options::parse();
    let metrics = soak::measure(calls, pairs).await?;
    let mut out = std::io::stdout().lock();
    for metric in metrics {
        writeln!(out, "{}", metric.json())?;
    }
    Ok(())
}

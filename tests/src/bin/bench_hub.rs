//! Prints the figures of `hub` as lines of JSON.
//!
//! Usage: `bench_hub [--sockets 2000] [--rate 5000] [--seconds 20] [--idle 10000]`. The server has to be built with it.

use std::io::Write;
use std::time::Duration;

use clap::Parser;
use ringback_tests::bench::BoxError;
use ringback_tests::bench::hub::{self, Cores, Load};
use tracing_subscriber::EnvFilter;

/// What the hub carries on one core.
#[derive(Parser)]
struct Options {
    /// Sockets that talk in pairs.
    #[arg(long, default_value_t = 2000)]
    sockets: usize,
    /// Deliveries a second, all pairs together.
    #[arg(long, default_value_t = 5000)]
    rate: u32,
    /// How long they talk; who only listens is closed as idle after 60.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=50))]
    seconds: u64,
    /// Sockets that do nothing.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
}

fn main() -> Result<(), BoxError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,ringback_tests=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Options { sockets, rate, seconds, idle } = Options::parse();
    let load = Load { sockets, rate, time: Duration::from_secs(seconds), idle };
    // Before the runtime, whose threads are to run on the cores of the load.
    let cores = Cores::divide()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let metrics = runtime.block_on(hub::measure(&cores, load))?;
    let mut out = std::io::stdout().lock();
    for metric in metrics {
        writeln!(out, "{}", metric.json())?;
    }
    Ok(())
}

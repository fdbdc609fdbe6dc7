//! Prints the figures of `hub` as lines of JSON.
//!
//! Usage: `bench_hub [--sockets 2000] [--rate 5000] [--seconds 20] [--idle 10000]`. The server has to be built with it.
//! It fails if a bar is missed, whatever load was asked for.

use std::io::Write;
use std::process::ExitCode;
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

fn main() -> Result<ExitCode, BoxError> {
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
    let mut good = true;
    for metric in metrics {
        writeln!(out, "{}", metric.json())?;
        for (name, most) in MOST {
            // A figure that is no number is over as well.
            if metric.name == name && (metric.ours > most || metric.ours.is_nan()) {
                writeln!(std::io::stderr(), "{name} is over {most}")?;
                good = false;
            }
        }
        let least = f64::from(rate) * KEPT_UP;
        if metric.name == "deliveries_per_s" && (metric.ours < least || metric.ours.is_nan()) {
            writeln!(std::io::stderr(), "deliveries_per_s is under {least}")?;
            good = false;
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The most that a figure may be: a message that is 20 ms late is not noticed in a call, and a small machine has 1 GB.
const MOST: [(&str, f64); 3] =
    [("delivery_p95_ms", 20.0), ("deliveries_lost", 0.0), ("idle_memory_mb", 1000.0)];
/// The share of the rate asked for that has to get through: the last message may come a moment after the time is up.
const KEPT_UP: f64 = 0.99;

//! Prints the figures of `setup --loss` as lines of JSON. Usage: `bench_setup_loss [--seeds 200]`.

use std::io::Write;

use clap::Parser;
use ringback_tests::bench::setup_loss;

/// Connections over lossy simulated paths, ours beside the stock engine.
#[derive(Parser)]
struct Options {
    /// Calls at each loss.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
}

fn main() -> std::io::Result<()> {
    let Options { seeds } = Options::parse();
    let mut out = std::io::stdout().lock();
    for loss in setup_loss::LOSSES {
        for metric in setup_loss::measure(loss, seeds) {
            writeln!(out, "{}", metric.json())?;
        }
    }
    Ok(())
}

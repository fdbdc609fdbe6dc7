//! Prints the figures of `hub-faults` as lines of JSON, or with `--checks` as named checks for the suite `hub`.
//!
//! Usage: `bench_hub_faults [--seconds 3600] [--phones 20] [--seed N] [--checks]`. It fails if a call ended wrongly or not
//! at all, something was left behind, or an hour of it fills the memory.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use ringback_tests::bench::BoxError;
use ringback_tests::bench::hub_faults::{self, Report};
use tracing_subscriber::EnvFilter;

/// Phones call at random through a hub that does everything wrong.
#[derive(Parser)]
struct Options {
    /// How long they call.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// How many.
    #[arg(long, default_value_t = 20)]
    phones: usize,
    /// Repeats the faults and the wishes of an earlier run; a new one if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints `ok NAME` and `not ok NAME: why` instead of figures.
    #[arg(long)]
    checks: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,ringback_tests=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = options.seed.unwrap_or(now.as_secs());
    let mut out = std::io::stdout();
    writeln!(std::io::stderr(), "seed {seed}, {} phones, {} s", options.phones, options.seconds)?;
    let time = Duration::from_secs(options.seconds);
    let report = hub_faults::measure(options.phones, time, seed).await?;
    for ((caller, callee), count) in &report.pairs {
        writeln!(std::io::stderr(), "{count:>6}  {caller} / {callee}")?;
    }
    let checks = checks(&report, seed, time);
    if options.checks {
        for (name, why) in &checks {
            match why {
                None => writeln!(out, "ok {name}")?,
                Some(why) => writeln!(out, "not ok {name}: {why}")?,
            }
        }
    } else {
        for metric in report.metrics() {
            writeln!(out, "{}", metric.json())?;
        }
        for (name, why) in &checks {
            if let Some(why) = why {
                writeln!(std::io::stderr(), "not so: {name}: {why}")?;
            }
        }
    }
    let good = checks.iter().all(|(_, why)| why.is_none());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What has to hold, and why it does not.
fn checks(report: &Report, seed: u64, time: Duration) -> Vec<(&'static str, Option<String>)> {
    let listed = |wrong: &[String]| (!wrong.is_empty()).then(|| format!("seed {seed}: {}", wrong.join("; ")));
    let left: Vec<String> = report
        .left
        .iter()
        .filter(|metric| metric.ours > 0.0)
        .map(|metric| format!("{} {}", metric.ours, metric.name))
        .collect();
    let quiet = report.answered == 0;
    vec![
        ("every call through a faulty hub ends with a pair of the table", listed(&report.bad_pairs)),
        ("every call through a faulty hub ends", listed(&report.stuck)),
        (
            "calls through a faulty hub are answered",
            quiet.then(|| format!("seed {seed}: none of {}", report.calls)),
        ),
        ("calls through a faulty hub leave no task, socket, thread or topic", listed(&left)),
        (
            "calls through a faulty hub do not fill the memory",
            (time >= MEMORY_TIME && report.memory_growth_kb > MOST_GROWTH_KB)
                .then(|| format!("seed {seed}: it grew by {:.0} KiB", report.memory_growth_kb)),
        ),
    ]
}

/// Over less time allocators and caches still grow to their size.
const MEMORY_TIME: Duration = Duration::from_secs(3600);
/// What is written down of each call here takes some 200 bytes, of some 20,000 calls in six tenths of an hour.
const MOST_GROWTH_KB: f64 = 16.0 * 1024.0;

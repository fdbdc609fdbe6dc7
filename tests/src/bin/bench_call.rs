//! Prints the figures of `call` as lines of JSON. Usage: `bench_call [--seconds 60]`.
//!
//! This process is the hub; it runs itself twice more, as the callee and as the caller, which measures itself.

use std::io::Write;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use ringback_server::{Hub, HubConfig};
use ringback_tests::bench::{BoxError, call};
use tokio::process::Command;
use tracing_subscriber::EnvFilter;

/// What one side of an established call costs.
#[derive(Parser)]
struct Options {
    /// How long it is measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Be one side.
    #[arg(long, hide = true, requires = "hub")]
    side: Option<Side>,
    /// The hub of the sides.
    #[arg(long, hide = true)]
    hub: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Side {
    Caller,
    Callee,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,ringback_tests=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Options { seconds, side, hub } = Options::parse();
    match (side, hub) {
        (Some(Side::Callee), Some(hub)) => call::answer(&hub).await,
        (Some(Side::Caller), Some(hub)) => {
            let metrics = call::measure(&hub, Duration::from_secs(seconds)).await?;
            let mut out = std::io::stdout().lock();
            for metric in metrics {
                writeln!(out, "{}", metric.json())?;
            }
            Ok(())
        }
        (None | Some(_), _) => both(seconds).await,
    }
}

async fn both(seconds: u64) -> Result<(), BoxError> {
    let hub = Hub::start(HubConfig::default()).await?;
    let side = |name: &str| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--side", name, "--hub", &hub.url(), "--seconds", &seconds.to_string()]);
        command.kill_on_drop(true).spawn()
    };
    let mut callee = side("callee")?;
    let caller = side("caller")?.wait().await?;
    if !caller.success() {
        return Err("the caller failed".into());
    }
    let callee = callee.wait().await?;
    hub.stop().await;
    if callee.success() { Ok(()) } else { Err("the callee failed".into()) }
}

//! Prints the figures of `setup` as lines of JSON. Usage: `bench_setup [--calls 50] [--device-calls 20]`.
//!
//! The calls over PulseAudio run in a process of their own, which finds a private sound server in its environment.

use std::io::Write;

use clap::Parser;
use ringback_tests::bench::{BoxError, Metric, setup};
use ringback_tests::pulse;
use tracing_subscriber::EnvFilter;

/// From the dial to connected and to sound, ours beside the stock engine.
#[derive(Parser)]
struct Options {
    /// Calls between file devices.
    #[arg(long, default_value_t = 50)]
    calls: usize,
    /// Calls over PulseAudio.
    #[arg(long, default_value_t = 20)]
    device_calls: usize,
    /// Measures over the sound server of the environment only.
    #[arg(long, hide = true)]
    in_pulse: bool,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,ringback_tests=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    if options.in_pulse {
        let server = pulse::PulseServer::start();
        let speech = setup::recording()?;
        let _playing = server.play("micfeed", &speech);
        return print(&setup::measure_devices(options.device_calls).await?);
    }
    for metric in setup::measure(options.calls).await? {
        print(&metric)?;
    }
    let device_calls = options.device_calls.to_string();
    match pulse::command("bench-setup", &["--in-pulse", "--device-calls", &device_calls]) {
        Ok(mut private) => {
            if !private.run()?.success() {
                return Err("the measurement over PulseAudio failed".into());
            }
        }
        Err(missing) => tracing::warn!(missing, "audio_p50_ms_pulse is left out: this is not installed"),
    }
    Ok(())
}

fn print(metric: &Metric) -> Result<(), BoxError> {
    writeln!(std::io::stdout(), "{}", metric.json())?;
    Ok(())
}

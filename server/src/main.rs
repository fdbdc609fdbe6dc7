//! `ringback-server`: the local stack as one process.
//!
//! Exit status: 0 after SIGINT or SIGTERM, 1 if it cannot start, 2 if the settings are wrong, 130 if a second signal cut
//! the end short.
#![forbid(unsafe_code)]

mod settings;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use ringback_server::{RunningStack, Stack, StartError, turn};
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

fn main() -> ExitCode {
    let (settings, matches) = match Settings::load() {
        Ok(loaded) => loaded,
        // Prints help and version, too, which are no failures.
        Err(error) => error.exit(),
    };
    log(&settings);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start: {error}")),
    };
    if settings.check {
        return match settings.stack().check() {
            Ok(()) => match say(&settings::as_file(&matches)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Err(error) => failed(&error.to_string()),
        };
    }
    let code = runtime.block_on(run(&settings));
    // Nothing of ours is left; a name look-up that hangs is not waited for.
    runtime.shutdown_background();
    code
}

async fn run(settings: &Settings) -> ExitCode {
    if settings.secret_is_public() {
        tracing::warn!("the signing secret is the public one of the demo, and other machines can connect");
    }
    // Before anybody is told that we are here.
    let mut signals = match StopSignals::new() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("signals cannot be received: {error}")),
    };
    let stack = match Stack::start(settings.stack()).await {
        Ok(stack) => stack,
        Err(error) => return failed(&advice(&error)),
    };
    tracing::info!(
        port = stack.addr().port(),
        tls = stack.url().starts_with("https"),
        demo = settings.is_demo(),
        "started"
    );
    // Nobody may be reading: that is no reason not to serve.
    let _ = say(&welcome(&stack, settings));
    signals.next().await;
    tracing::info!("stopping; a second signal ends at once");
    tokio::select! {
        () = stack.stop() => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        () = signals.next() => ExitCode::from(INTERRUPTED),
    }
}

fn log(settings: &Settings) {
    // The setting was checked; a filter that says nothing is what remains of one that is wrong.
    let filter = EnvFilter::builder().parse_lossy(format!("{},{}", turn::LOG_FILTER, settings.log));
    let colours = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn welcome(stack: &RunningStack, settings: &Settings) -> String {
    let url = stack.url();
    let mut text = format!("listening on {url}\n");
    let mut hint = |what: &str, how: &str| text.push_str(&format!("  {what:<8}{how}\n"));
    hint("open", &format!("{url}/ - a phone in the browser"));
    if let Some(echo) = stack.snapshot().echo {
        hint("call", &format!("{} - it says back what it hears", echo.user));
    }
    let server = if url == DEFAULT_SERVER { String::new() } else { format!(" -- --server {url}") };
    hint("run", &format!("cargo run --example phone{server} - a second phone, to be called"));
    if settings.is_demo() && settings.status_key.is_none() {
        hint("see", &format!("{url}/status.html - who is online, which calls are on"));
    }
    hint("stop", "Ctrl-C");
    text
}

/// An error, and what to do about it.
fn advice(error: &StartError) -> String {
    match error {
        StartError::Listen { addr, source } if source.kind() == io::ErrorKind::AddrInUse => format!(
            "{error}; choose another with --listen {}:PORT (port 0 takes a free one)",
            match addr.ip() {
                std::net::IpAddr::V4(ip) => ip.to_string(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            }
        ),
        StartError::Listen { .. } => format!("{error}; choose another address with --listen ADDR:PORT"),
        StartError::TurnListen { .. } => {
            format!("{error}; choose another address with --turn-listen ADDR:PORT, or --turn=false")
        }
        StartError::TurnTlsListen { .. } => {
            format!("{error}; choose another port with --turn-tls-port PORT (0 takes a free one)")
        }
        StartError::Turn(_)
        | StartError::Tls(_)
        | StartError::Random
        | StartError::EchoUser
        | StartError::EchoLines => error.to_string(),
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn failed(why: &str) -> ExitCode {
    // If nobody reads, the status still tells.
    let _ = writeln!(io::stderr(), "error: {why}");
    ExitCode::FAILURE
}

/// The signals that ask a program to end; from its making on, none is missed.
#[cfg(unix)]
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(windows)]
struct StopSignals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl StopSignals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        let _ = self.0.recv().await;
    }
}

/// What the terminal phone connects to unless told otherwise.
const DEFAULT_SERVER: &str = "http://127.0.0.1:4000";
/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

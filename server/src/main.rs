//! `ringback-server`: the local stack as one process.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;
use ringback_server::{DEMO_KEY, DEMO_SECRET, Hub, HubConfig};
use tracing_subscriber::EnvFilter;

/// A hub that speaks the wire of Supabase Realtime, for development on one machine.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "RINGBACK_LISTEN", default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// The API key that clients present.
    #[arg(long, env = "RINGBACK_API_KEY", default_value = DEMO_KEY, hide_env_values = true)]
    api_key: String,
    /// The secret that signs users' tokens (HS256).
    #[arg(long, env = "RINGBACK_JWT_SECRET", default_value = DEMO_SECRET, hide_env_values = true, hide_default_value = true)]
    jwt_secret: String,
    /// Sign a token for whoever asks at POST /local/token. For demos on one machine only.
    #[arg(long, env = "RINGBACK_DEMO")]
    demo: bool,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    if args.jwt_secret == DEMO_SECRET && !args.listen.ip().is_loopback() {
        tracing::warn!("the signing secret is the public one of the demo, and other machines can connect");
    }
    let config = HubConfig {
        listen: args.listen,
        api_key: args.api_key,
        jwt_secret: args.jwt_secret,
        demo: args.demo,
        ..HubConfig::default()
    };
    let hub = Hub::start(config).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", hub.url())?;
    stdout.flush()?;
    asked_to_stop().await?;
    hub.stop().await;
    Ok(())
}

#[cfg(unix)]
async fn asked_to_stop() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

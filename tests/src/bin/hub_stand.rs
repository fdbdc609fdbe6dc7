//! A hub with the limits and policies that a conformance check asks for; the suite `hub` starts it.
//!
//! Private topics: an inbox `user:<sub>` as usual; `readonly:..` is read by every signed-in user and written by none;
//! `open:..` is read and written by every signed-in user until the line `revoke` is read from standard input, which is
//! answered with the line `revoked`. The key and the secret come from `RINGBACK_API_KEY` and `RINGBACK_JWT_SECRET`. It
//! ends when standard input does.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use ringback_server::{Authorizer, Claims, Hub, HubConfig, InboxAuthorizer, Limits};
use ringback_tests::bench::BoxError;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[derive(Parser)]
struct Options {
    #[arg(long, env = "RINGBACK_API_KEY")]
    api_key: String,
    #[arg(long, env = "RINGBACK_JWT_SECRET")]
    jwt_secret: String,
    #[arg(long)]
    connections: Option<usize>,
    #[arg(long)]
    joins_per_second: Option<u32>,
    #[arg(long)]
    messages_per_second: Option<u32>,
    #[arg(long)]
    presence_messages_per_second: Option<u32>,
    /// How often averages are taken.
    #[arg(long, default_value_t = 5000)]
    tick_ms: u64,
    /// How long after the first join messages of the database are lost.
    #[arg(long, default_value_t = 0)]
    warm_up_ms: u64,
}

#[derive(Default)]
struct Policies {
    revoked: AtomicBool,
}

impl Authorizer for Policies {
    fn may_read(&self, who: &Claims, topic: &str) -> bool {
        InboxAuthorizer.may_read(who, topic)
            || (who.sub.is_some() && (topic.starts_with("readonly:") || self.is_open(topic)))
    }

    fn may_write(&self, who: &Claims, topic: &str) -> bool {
        InboxAuthorizer.may_write(who, topic) || (who.sub.is_some() && self.is_open(topic))
    }
}

impl Policies {
    fn is_open(&self, topic: &str) -> bool {
        topic.starts_with("open:") && !self.revoked.load(Ordering::Relaxed)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let options = Options::parse();
    let policies = Arc::new(Policies::default());
    let limits = Limits {
        connections: options.connections,
        joins_per_second: options.joins_per_second,
        messages_per_second: options.messages_per_second,
        presence_messages_per_second: options.presence_messages_per_second,
        tick: Duration::from_millis(options.tick_ms),
        ..Limits::default()
    };
    let hub = Hub::start(HubConfig {
        api_key: options.api_key,
        jwt_secret: options.jwt_secret,
        authorizer: policies.clone(),
        replication_warm_up: Duration::from_millis(options.warm_up_ms),
        limits,
        demo: true,
        ..HubConfig::default()
    })
    .await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on {}", hub.url())?;
    out.flush()?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "revoke" {
            policies.revoked.store(true, Ordering::Relaxed);
            writeln!(out, "revoked")?;
            out.flush()?;
        }
    }
    hub.stop().await;
    Ok(())
}

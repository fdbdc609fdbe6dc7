//! A world: virtual time, a network, a log.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use ringback::media::webrtc::{WebRtcEngine, WebRtcEngineBuilder};
use tokio::time::{Instant, sleep, timeout};

use super::mail::{Mailbox, Sender, mail};
use super::mix;
use super::net::Net;
use super::path::Path;
use super::runtime::Host;

/// A world of its own for one scenario. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World {
    seed: u64,
    net: Arc<Net>,
    shuffled: bool,
}

/// What a scenario leaves.
#[derive(Debug)]
pub struct Report<T = ()> {
    /// Every datagram and every line of the scenario, with virtual milliseconds.
    pub log: String,
    /// How long the scenario took, in virtual time.
    pub took: Duration,
    /// What the scenario returned.
    pub output: T,
}

impl World {
    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A random number that depends on the seed and `purpose` alone.
    pub fn random(&self, purpose: &str) -> u64 {
        purpose.bytes().fold(mix(self.seed), |hash, b| mix(hash ^ u64::from(b)))
    }

    /// The network.
    pub fn net(&self) -> &Arc<Net> {
        &self.net
    }

    /// The same world, in which drivers take what is ready in another legal order, by seed: finds faults that the
    /// ordinary order hides, as exactly.
    pub fn shuffled(&self) -> Self {
        Self { shuffled: true, ..self.clone() }
    }

    /// A media engine on `host`, which needs no further set-up.
    pub fn engine(&self, host: &str) -> WebRtcEngine {
        self.engine_builder(host).build()
    }

    /// The same, to be set up further.
    pub fn engine_builder(&self, host: &str) -> WebRtcEngineBuilder {
        let shuffle = self.shuffled.then(|| self.random(host));
        let runtimes = Host { name: host.to_owned(), net: self.net.clone(), shuffle };
        WebRtcEngine::builder()
            .runtimes(Arc::new(runtimes))
            .bind(vec![([127, 0, 0, 1], 0).into()])
            .local_demo(true)
            .mdns(false)
    }

    /// A way for signaling messages from one host to another.
    pub fn mail<T>(&self, from: &str, to: &str, path: Path) -> (Sender<T>, Mailbox<T>) {
        mail(self.seed, &format!("mail {from}>{to}"), path)
    }

    /// Writes a line into the log. Nothing random may be in it.
    pub fn log(&self, line: impl Display) {
        self.net.log(format_args!("{line}"));
    }

    /// The virtual time since the start, in milliseconds.
    pub fn now_ms(&self) -> f64 {
        self.net.now_ms()
    }
}

/// Runs a scenario of at most ten virtual minutes.
///
/// # Panics
/// If the scenario does, takes longer than that, or leaves a task or a socket.
pub fn run<T, F: Future<Output = T>>(seed: u64, scenario: impl FnOnce(World) -> F) -> Report<T> {
    run_with_limit(seed, DEFAULT_LIMIT, scenario)
}

/// Runs a scenario of at most `limit` virtual time.
///
/// # Panics
/// As [`run`].
pub fn run_with_limit<T, F: Future<Output = T>>(
    seed: u64,
    limit: Duration,
    scenario: impl FnOnce(World) -> F,
) -> Report<T> {
    let _watchdog = Watchdog::start(seed);
    // For whoever looks for a fault: RUST_LOG=ringback=debug. A second subscriber is refused, which is fine.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no tokio runtime: {error}"));
    runtime.block_on(async {
        tokio::time::advance(AHEAD).await;
        let start = Instant::now();
        let net = Net::new(seed);
        let world = World { seed, net: net.clone(), shuffled: false };
        let Ok(output) = timeout(limit, scenario(world)).await else {
            panic!("seed {seed}: not over after {limit:?} of virtual time\n{}", tail(&net.take_log()));
        };
        let took = start.elapsed();
        // Whatever is left over has its chance to end.
        sleep(AFTERLIFE).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let log = net.take_log();
        assert_eq!((tasks, net.sockets()), (0, 0), "seed {seed}: (tasks, sockets) left\n{}", tail(&log));
        Report { log, took, output }
    })
}

/// The last lines of a log: enough to see what happened at the end.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// Ends the process if a simulation hangs, which no virtual timeout can see: time stands still while a task spins.
struct Watchdog {
    _alive: std::sync::mpsc::SyncSender<()>,
}

impl Watchdog {
    fn start(seed: u64) -> Self {
        let (alive, dropped) = sync_channel(1);
        std::thread::spawn(move || {
            if dropped.recv_timeout(WALL_LIMIT) == Err(RecvTimeoutError::Timeout) {
                tracing::error!(seed, "the simulation hangs");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}

const DEFAULT_LIMIT: Duration = Duration::from_secs(600);
/// So that a stray look at the wall clock shows.
const AHEAD: Duration = Duration::from_secs(3600);
/// Longer than any timer that may outlive its owner.
const AFTERLIFE: Duration = Duration::from_secs(60);
/// A scenario takes well under a second.
const WALL_LIMIT: Duration = Duration::from_secs(300);

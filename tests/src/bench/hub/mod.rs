//! `hub`: what the hub carries on one core, and what an idle socket costs.
//!
//! The server runs as a process of its own on one core, the load on the others. Two phases, each with a fresh server:
//!
//! | phase | sockets | what they do |
//! |---|---|---|
//! | deliveries | 2,000 in pairs, each pair on a topic of its own | messages of 600 bytes on a fixed schedule, one to one |
//! | idle | 10,000, each on a topic of its own | nothing |
//!
//! A delivery is timed from when it was due, not from when it was sent: a generator that falls behind shows.

mod load;
mod machine;
mod socket;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub use self::machine::Cores;
use super::metric::percentile;
use super::{BoxError, Metric, process};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Sockets of the phase of deliveries; an even number.
    pub sockets: usize,
    /// Deliveries a second.
    pub rate: u32,
    /// How long.
    pub time: Duration,
    /// Sockets of the idle phase.
    pub idle: usize,
}

/// Runs both phases.
///
/// # Errors
/// The machine does not allow so many open files, the server cannot be started, or a socket was refused or lost.
pub async fn measure(cores: &Cores, load: Load) -> Result<Vec<Metric>, BoxError> {
    machine::raise_file_limit(load.sockets.max(load.idle))?;
    let mut metrics = deliveries(cores, load).await?;
    metrics.push(idle(cores, load.idle).await?);
    Ok(metrics)
}

async fn deliveries(cores: &Cores, load: Load) -> Result<Vec<Metric>, BoxError> {
    let server = Server::start(cores).await?;
    let before = process::cpu_ticks_of(server.pid())?;
    let mut told = load::deliver(&server.url, load).await?;
    let busy = (process::cpu_ticks_of(server.pid())? - before) as f64 / 100.0;
    tracing::info!(server_cpu_s = busy, lost = told.lost, "delivered");
    let count = told.delays_ms.len();
    let metric = |name: &str, ours, unit| Metric { name: name.to_owned(), ours, peer: None, unit, count };
    Ok(vec![
        metric("deliveries_per_s", count as f64 / told.seconds, "1/s"),
        metric("delivery_p50_ms", percentile(&mut told.delays_ms, 50.0), "ms"),
        metric("delivery_p95_ms", percentile(&mut told.delays_ms, 95.0), "ms"),
        metric("delivery_p99_ms", percentile(&mut told.delays_ms, 99.0), "ms"),
        metric("deliveries_lost", told.lost as f64, "messages"),
    ])
}

async fn idle(cores: &Cores, sockets: usize) -> Result<Metric, BoxError> {
    let server = Server::start(cores).await?;
    let start = process::resident_kb_of(server.pid())?;
    let open = load::open_idle(&server.url, sockets).await?;
    tokio::time::sleep(SETTLE).await;
    let resident = process::resident_kb_of(server.pid())?;
    let alive = server.sockets().await?;
    tracing::info!(start_kb = start, resident_kb = resident, alive, "idle sockets are open");
    drop(open);
    // The echo bot has one more.
    if alive < sockets {
        return Err(format!("{alive} of {sockets} idle sockets are open").into());
    }
    Ok(Metric {
        name: "idle_memory_mb".to_owned(),
        ours: resident as f64 / 1024.0,
        peer: None,
        unit: "MiB",
        count: sockets,
    })
}

/// The server as a process on its core. Dropping it kills it.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    async fn start(cores: &Cores) -> Result<Self, BoxError> {
        let mut command = Command::new(program()?);
        // Logging would be measured, too.
        command.args(["--listen", "127.0.0.1:0", "--demo", "--log", "off"]);
        for (name, _) in std::env::vars_os() {
            // The settings of somebody's own server.
            if name.to_string_lossy().starts_with("RINGBACK_") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cores.spawn_server(&mut command)?;
        let out = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self { child, url: String::new() };
        let mut lines = BufReader::new(tokio::process::ChildStdout::from_std(out)?).lines();
        let deadline = Instant::now() + START;
        while let Ok(Some(line)) = tokio::time::timeout_at(deadline.into(), lines.next_line()).await? {
            if let Some(at) = line.find("http://127.0.0.1:") {
                let url = line[at..].split_whitespace().next().unwrap_or_default();
                server.url = url.trim_end_matches('/').to_owned();
                return Ok(server);
            }
        }
        Err("the server did not say where it listens".into())
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many sockets the server has open, as it says itself.
    async fn sockets(&self) -> Result<usize, BoxError> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).await?;
        let request = format!("GET /status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tokio::time::timeout(START, stream.read_to_string(&mut answer)).await??;
        let (_, after) = answer.split_once(r#""sockets":"#).ok_or("the server's status names no sockets")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or ends now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server lies beside this program.
fn program() -> Result<PathBuf, BoxError> {
    let own = std::env::current_exe()?;
    let server = own.parent().unwrap_or(Path::new(".")).join("ringback-server");
    if !server.is_file() {
        return Err(format!("{} is not built", server.display()).into());
    }
    Ok(server)
}

/// A server starts in milliseconds.
const START: Duration = Duration::from_secs(10);
/// What was needed to open sockets is given back by then.
const SETTLE: Duration = Duration::from_secs(3);

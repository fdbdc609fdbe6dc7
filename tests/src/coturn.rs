//! A private coturn on loopback, for tests with a real TURN server.
//!
//! STUN and TURN over UDP and TCP, over TLS if there is a certificate; credentials are minted from a secret. No
//! configuration file, no database but one in a folder of its own. It ends with its owner.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How a coturn is set up.
#[derive(Debug, Clone, Copy)]
pub struct CoturnConfig<'a> {
    /// Its `static-auth-secret`.
    pub secret: &'a str,
    /// Allocations that a user may have.
    pub user_quota: Option<usize>,
    /// Relay to peers on this machine.
    pub loopback_peers: bool,
    /// Certificate and key in PEM.
    pub tls: Option<(&'a str, &'a str)>,
}

/// A running coturn.
#[derive(Debug)]
pub struct Coturn {
    child: Child,
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    dir: PathBuf,
}

impl Coturn {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    /// `NotFound` if coturn is not installed; `TimedOut` if it does not answer within 10 s, three times in a row.
    pub fn start_with(config: &CoturnConfig<'_>) -> io::Result<Self> {
        let mut tries = 1;
        loop {
            match Self::try_start(config) {
                // Somebody else took one of its ports.
                Err(error) if tries < MOST_TRIES && is_port_taken(&error) => tries += 1,
                started => return started,
            }
        }
    }

    fn try_start(config: &CoturnConfig<'_>) -> io::Result<Self> {
        // Free a moment ago; should somebody else take one, coturn ends or does not answer.
        let addr = free_for_both()?;
        let tls_addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let dir =
            std::env::temp_dir().join(format!("ringback-coturn-{}-{}", std::process::id(), addr.port()));
        fs::create_dir_all(&dir)?;
        let child = spawn(config, addr, tls_addr, &dir).inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        let mut coturn = Self { child, addr, tls_addr: config.tls.map(|_| tls_addr), dir };
        coturn.wait()?;
        Ok(coturn)
    }

    /// Where it listens over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens over TLS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    fn wait(&mut self) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until && self.child.try_wait()?.is_none() {
            socket.send_to(&BINDING_REQUEST, self.addr)?;
            // A port that nobody has yet answers with an error at once, on a connected socket only.
            let answers = socket.recv_from(&mut [0; 512]).is_ok();
            let streams = [Some(self.addr), self.tls_addr];
            if answers && streams.iter().flatten().all(|addr| TcpStream::connect(addr).is_ok()) {
                return Ok(());
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn spawn(config: &CoturnConfig<'_>, addr: SocketAddr, tls_addr: SocketAddr, dir: &Path) -> io::Result<Child> {
    let mut command = Command::new("turnserver");
    command
        .args(["-n", "--no-cli", "--no-dtls", "--use-auth-secret", "--realm=ringback"])
        .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
        .arg(format!("--static-auth-secret={}", config.secret))
        .arg(format!("--listening-port={}", addr.port()))
        .arg(format!("--userdb={}", dir.join("turndb").display()))
        .arg(format!("--pidfile={}", dir.join("pid").display()))
        .args(["--simple-log", "--log-file", "/dev/null"]);
    if let Some(quota) = config.user_quota {
        command.arg(format!("--user-quota={quota}"));
    }
    if config.loopback_peers {
        command.arg("--allow-loopback-peers");
    }
    match config.tls {
        Some((certificate, key)) => {
            let (certificate_file, key_file) = (dir.join("cert.pem"), dir.join("key.pem"));
            fs::write(&certificate_file, certificate)?;
            fs::write(&key_file, key)?;
            command
                .arg(format!("--tls-listening-port={}", tls_addr.port()))
                .arg(format!("--cert={}", certificate_file.display()))
                .arg(format!("--pkey={}", key_file.display()));
        }
        None => {
            command.arg("--no-tls");
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn is_port_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::TimedOut)
}

/// A port that neither UDP nor TCP uses.
fn free_for_both() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    UdpSocket::bind(listener.local_addr()?)?.local_addr()
}

/// Of ports that are free a moment before, one in thousands is taken.
const MOST_TRIES: usize = 3;
/// RFC 8489 section 5, without attributes.
const BINDING_REQUEST: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

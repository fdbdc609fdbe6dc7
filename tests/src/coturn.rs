//! A private coturn on loopback, for tests with a real TURN server.
//!
//! One user, STUN and TURN over UDP, no TLS, no configuration file, no database but one in a folder of its own. It
//! ends with its owner.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringback::media::ice::IceServer;

/// A running coturn.
#[derive(Debug)]
pub struct Coturn {
    child: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl Coturn {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    /// `NotFound` if coturn is not installed; `TimedOut` if it does not answer within 10 s.
    pub fn start() -> io::Result<Self> {
        // Free a moment ago; should somebody else take it, coturn does not answer.
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let dir =
            std::env::temp_dir().join(format!("ringback-coturn-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&dir)?;
        let child = Command::new("turnserver")
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--lt-cred-mech"])
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--realm=ringback.test"])
            .arg(format!("--listening-port={}", address.port()))
            .arg(format!("--user={USER}:{PASSWORD}"))
            .arg(format!("--userdb={}", dir.join("turndb").display()))
            .arg(format!("--pidfile={}", dir.join("pid").display()))
            .args(["--simple-log", "--log-file", "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.inspect_err(|_| drop(fs::remove_dir_all(&dir)))?;
        let coturn = Self { child, address, dir };
        coturn.wait()?;
        Ok(coturn)
    }

    /// How the server is configured in an app.
    pub fn ice_server(&self) -> IceServer {
        IceServer {
            urls: vec![format!("turn:{}", self.address)],
            username: USER.to_owned(),
            credential: PASSWORD.to_owned(),
        }
    }

    fn wait(&self) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            socket.send_to(&BINDING_REQUEST, self.address)?;
            // A port that nobody has yet answers with an error at once, on a connected socket only.
            if socket.recv_from(&mut [0; 512]).is_ok() {
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

const USER: &str = "rider";
const PASSWORD: &str = "secret";
/// RFC 8489 section 5, without attributes.
const BINDING_REQUEST: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

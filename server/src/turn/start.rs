//! The TURN server as a running thing: start, look, stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::config::TurnConfig;
use super::error::TurnError;
use super::ledger::{Ledger, TurnSnapshot};
use super::stream::Streams;
use super::udp::Udp;

/// A STUN and TURN server.
#[derive(Debug)]
pub struct TurnServer;

/// A STUN and TURN server that runs. Dropping it stops it at once; [`RunningTurn::stop`] waits until everything is gone.
#[derive(Debug)]
pub struct RunningTurn {
    urls: TurnUrls,
    addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    ledger: Arc<Ledger>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Where clients find the server (RFC 7064, RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TurnUrls {
    /// STUN over UDP.
    pub stun: Vec<String>,
    /// TURN over UDP, TCP and, if there is a certificate, TLS; in the order in which they are best tried.
    pub turn: Vec<String>,
}

impl TurnServer {
    /// Starts a server. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// An address cannot be listened on, or the configuration cannot work.
    pub async fn start(config: TurnConfig) -> Result<RunningTurn, TurnError> {
        let config = Arc::new(config.checked()?);
        let open_failed = |source| TurnError::Listen { addr: config.listen, source };
        let (listener, socket, addr) = bind(config.listen).await.map_err(open_failed)?;
        let tls = match &config.tls {
            Some(tls) => {
                let bound = bind_tcp(tls.listen).await;
                let (listener, addr) =
                    bound.map_err(|source| TurnError::ListenTls { addr: tls.listen, source })?;
                Some((listener, addr, TlsAcceptor::from(tls.config.clone())))
            }
            None => None,
        };
        let tls_addr = tls.as_ref().map(|(_, addr, _)| *addr);
        let ledger = Arc::new(Ledger::new(config.user_quota, config.most_allocations));
        let (stop, stopped) = watch::channel(false);
        let urls = TurnUrls::new(config.host.as_deref(), addr, tls_addr);
        let mut tasks = JoinSet::new();
        let udp = Udp::new(config.clone(), ledger.clone(), socket).map_err(open_failed)?;
        tasks.spawn(udp.run(stopped.clone()));
        let open = Streams { config: config.clone(), ledger: ledger.clone(), listener, tls: None };
        tasks.spawn(open.run(stopped.clone()));
        if let Some((listener, _, acceptor)) = tls {
            let ledger = ledger.clone();
            let secure = Streams { config: config.clone(), ledger, listener, tls: Some(acceptor) };
            tasks.spawn(secure.run(stopped));
        }
        tracing::info!(tls = tls_addr.is_some(), "TURN started");
        Ok(RunningTurn { urls, addr, tls_addr, ledger, stop, tasks })
    }
}

impl RunningTurn {
    /// Where it listens over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens over TLS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// Where clients find it.
    pub fn urls(&self) -> &TurnUrls {
        &self.urls
    }

    /// What it does and has done.
    pub fn snapshot(&self) -> TurnSnapshot {
        self.ledger.snapshot()
    }

    /// A way to ask for snapshots that outlives a borrow: for a status page.
    pub fn snapshots(&self) -> impl Fn() -> TurnSnapshot + Clone + Send + Sync + 'static {
        let ledger = self.ledger.clone();
        move || ledger.snapshot()
    }

    /// Ends every connection and allocation; returns when no task and no socket is left, after 2 s at most.
    pub async fn stop(mut self) {
        // Fails if every task has ended by itself: then there is nothing to stop.
        let _ = self.stop.send(true);
        let gone = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_LIMIT, gone).await.is_err() {
            self.tasks.shutdown().await;
        }
        tracing::info!("TURN stopped");
    }
}

impl TurnUrls {
    fn new(host: Option<&str>, addr: SocketAddr, tls: Option<SocketAddr>) -> Self {
        let place = |addr: SocketAddr| match host {
            Some(host) => format!("{host}:{}", addr.port()),
            None => addr.to_string(),
        };
        let open = place(addr);
        let mut turn = vec![format!("turn:{open}?transport=udp"), format!("turn:{open}?transport=tcp")];
        turn.extend(tls.map(|addr| format!("turns:{}?transport=tcp", place(addr))));
        Self { stun: vec![format!("stun:{open}")], turn }
    }
}

/// TCP and UDP on one port. A free port of the one may be taken of the other.
async fn bind(listen: SocketAddr) -> io::Result<(TcpListener, UdpSocket, SocketAddr)> {
    let mut tries = if listen.port() == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        let (listener, addr) = bind_tcp(listen).await?;
        tries -= 1;
        match UdpSocket::bind(addr).await {
            Ok(socket) => return Ok((listener, socket, addr)),
            Err(error) if tries == 0 || error.kind() != io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => {}
        }
    }
}

async fn bind_tcp(listen: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// Half of all ports would have to be taken for this to fail once in 65,000 starts.
const FREE_PORT_TRIES: u32 = 16;
/// How long the tasks may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

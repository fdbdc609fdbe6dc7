//! Serving a router on one listener: accepting, the time and number limits of connections, and a graceful stop.
//!
//! ```text
//! accept --> [ TLS handshake, 5 s ] --> request head, 10 s --> the router, 30 s --> answer --> next request
//!                                                               +--> a websocket: leaves this module
//! ```
//!
//! A client that opens a connection and says nothing, or half of something, holds one of [`MOST_CONNECTIONS`] places
//! for seconds only; so does one that asks and does not read: an answer that stands still for 30 s ends its connection.
//! Websockets hold none: they belong to the hub, which has limits of its own.

mod write_limit;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use self::write_limit::WriteLimited;

/// A bound port that nobody serves yet; clients that connect wait.
#[derive(Debug)]
pub(crate) struct Listener {
    tcp: TcpListener,
    addr: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

/// A router being served. Dropping it ends every connection that is not a websocket.
#[derive(Debug)]
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Binds; port 0 takes a free one.
    pub(crate) async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let tcp = TcpListener::bind(addr).await?;
        let addr = tcp.local_addr()?;
        Ok(Self { tcp, addr, tls: None })
    }

    /// Speaks TLS instead of plain TCP.
    pub(crate) fn with_tls(self, config: Arc<ServerConfig>) -> Self {
        Self { tls: Some(config), ..self }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL that a client is given: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// Serves the router from now on.
    pub(crate) fn serve(self, router: Router) -> Serving {
        let (stop, stopped) = watch::channel(false);
        let router = router.layer(RequestBodyLimitLayer::new(MOST_BODY));
        let router = router.layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_LIMIT));
        Serving { stop, task: tokio::spawn(accept(self, router, stopped)) }
    }
}

impl Serving {
    /// Accepts no more, and tells every connection to end after the request in hand.
    pub(crate) fn stop(&self) {
        // Fails if serving ended by itself: then there is nothing to stop.
        let _ = self.stop.send(true);
    }

    /// Returns once every connection has ended. Cancel safe.
    pub(crate) async fn stopped(&mut self) {
        // An error says that the task was aborted: it is over, too.
        let _ = (&mut self.task).await;
    }

    /// Ends every connection at once.
    pub(crate) fn abort(&self) {
        self.task.abort();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.abort();
    }
}

async fn accept(listener: Listener, router: Router, stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut asked_to_stop = stopped.clone();
    loop {
        let accepted = tokio::select! {
            // An error says that the server was dropped: stop, too.
            _ = asked_to_stop.wait_for(|&stop| stop) => break,
            accepted = listener.tcp.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Out of file descriptors, mostly: those who are served will free some.
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!("too many connections: one is closed unheard");
            continue;
        };
        let tls = listener.tls.clone().map(TlsAcceptor::from);
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            connection(stream, tls, router, stopped).await;
            drop(place);
        });
    }
    // The port is free from here on.
    drop(listener);
    drop(router);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    // Small frames one by one: waiting for more would add 40 ms to each.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let Some(tls) = tls else {
        return requests(stream, router, stopped, WRITE_LIMIT).await;
    };
    match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, stopped, WRITE_LIMIT).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Answers the requests of a connection until it ends, becomes a websocket, or the server stops.
async fn requests<S>(stream: S, router: Router, mut stopped: watch::Receiver<bool>, write_limit: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Lifted with this function's end: whoever has the stream then has limits of its own.
    let (stream, _limit) = WriteLimited::new(stream, write_limit);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            _ = stopped.wait_for(|&stop| stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Whether only the connection that was about to be accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Connections that have not become websockets. A browser holds 6; 1,024 file descriptors is a usual limit of a process,
/// but whoever hits that one is told so by `accept`.
const MOST_CONNECTIONS: usize = 4096;
/// Three round trips of a slow mobile network.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// How long a client may take for the head of a request, and keep a connection without a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a request may take, its body included. The slowest answer of ours is a refused connection's, after 2 s.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// The largest body, in bytes: a broadcast over REST may be as large as a frame.
const MOST_BODY: usize = 5_000_000;
/// How long an answer may stand still because its client does not read: as long as the router may take for it.
const WRITE_LIMIT: Duration = Duration::from_secs(30);
/// Between two attempts to accept when the system refuses.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answer_is_given_up() {
        let router = Router::new().route("/", get(async || "x".repeat(1 << 20)));
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        let (_stop, stopped) = watch::channel(false);
        let served = requests(server, router, stopped, Duration::from_millis(50));
        tokio::time::timeout(Duration::from_secs(30), served).await.expect("its connection ends");
    }
}

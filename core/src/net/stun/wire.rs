//! A connection to a STUN server, and one question on it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::message::{Answer, Read, Request};
use crate::net::Resolver;
use crate::net::failure::{ServerFailure, TlsFailure};
use crate::redacted::Redacted;

/// Where a server is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// A name or an address, an IPv6 address without its brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

/// What carries the questions.
#[derive(Debug, Clone)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
    Tls(Arc<ClientConfig>),
}

/// A connection to a server.
pub(crate) enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An answer, and how long it took from the first sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) round_trip: Duration,
}

impl Target<'_> {
    /// The addresses to try, IPv4 first, as the media engine prefers it.
    ///
    /// # Errors
    /// [`ServerFailure::Name`], also when the name takes longer than `until`.
    pub(crate) async fn resolve(
        &self,
        resolver: &dyn Resolver,
        until: Instant,
    ) -> Result<Vec<SocketAddr>, ServerFailure> {
        if let Ok(literal) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(literal, self.port)]);
        }
        let Ok(Ok(mut addresses)) = timeout_at(until, resolver.resolve(self.host)).await else {
            return Err(ServerFailure::Name);
        };
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses.dedup();
        if addresses.is_empty() {
            return Err(ServerFailure::Name);
        }
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect())
    }
}

impl Wire {
    /// Connects to the first address that takes us.
    ///
    /// # Errors
    /// That of the last address.
    pub(crate) async fn open(
        target: Target<'_>,
        carrier: &Carrier,
        resolver: &dyn Resolver,
        until: Instant,
    ) -> Result<Self, ServerFailure> {
        let mut failure = ServerFailure::Name;
        for address in target.resolve(resolver, until).await? {
            let opening = async {
                match carrier {
                    Carrier::Udp => Self::udp(address).await.map(Wire::Udp),
                    Carrier::Tcp => Ok(Wire::Tcp(Self::tcp(address).await?)),
                    Carrier::Tls(config) => {
                        let tcp = Self::tcp(address).await?;
                        let secured = timeout_at(until, Self::tls(target.host, config.clone(), tcp)).await;
                        secured.unwrap_or(Err(ServerFailure::Tls(TlsFailure::Silent)))
                    }
                }
            };
            match timeout_at(until, opening).await {
                Ok(Ok(wire)) => return Ok(wire),
                Ok(Err(error)) => failure = error,
                Err(_) => return Err(ServerFailure::Silent),
            }
        }
        Err(failure)
    }

    /// Asks, over UDP again and again, until the answer came or `until`.
    ///
    /// # Errors
    /// Why there is no answer. The connection is of no use then.
    pub(crate) async fn ask(&mut self, request: &Request, until: Instant) -> Result<Asked, ServerFailure> {
        let start = Instant::now();
        let answer = match self {
            Wire::Udp(socket) => ask_datagrams(socket, request, until).await?,
            Wire::Tcp(stream) => ask_stream(stream, request, until).await?,
            Wire::Tls(stream) => ask_stream(stream, request, until).await?,
        };
        Ok(Asked { answer, round_trip: start.elapsed() })
    }

    async fn udp(server: SocketAddr) -> Result<UdpSocket, ServerFailure> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| io_failure(&error))?;
        // Connected, so that a closed port says so.
        socket.connect(server).await.map_err(|error| io_failure(&error))?;
        Ok(socket)
    }

    async fn tcp(server: SocketAddr) -> Result<TcpStream, ServerFailure> {
        let stream = TcpStream::connect(server).await.map_err(|error| io_failure(&error))?;
        // Small messages one by one; without it a figure may be 40 ms too long.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        Ok(stream)
    }

    async fn tls(host: &str, config: Arc<ClientConfig>, tcp: TcpStream) -> Result<Self, ServerFailure> {
        // A name or an address literal, as certificates name it.
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| ServerFailure::Tls(TlsFailure::WrongName))?;
        match TlsConnector::from(config).connect(name, tcp).await {
            Ok(stream) => Ok(Wire::Tls(Box::new(stream))),
            Err(error) => {
                tracing::debug!(error = %Redacted(&error), "no TLS");
                Err(TlsFailure::of(&error).map_or_else(|| io_failure(&error), ServerFailure::Tls))
            }
        }
    }
}

async fn ask_datagrams(
    socket: &UdpSocket,
    request: &Request,
    until: Instant,
) -> Result<Answer, ServerFailure> {
    let mut heard_garbage = false;
    let mut wait = FIRST_WAIT;
    let mut again = Instant::now();
    let mut buffer = [0; LONGEST];
    loop {
        let now = Instant::now();
        if now >= until {
            return Err(if heard_garbage { ServerFailure::NotStun } else { ServerFailure::Silent });
        }
        if now >= again {
            socket.send(request.bytes()).await.map_err(|error| io_failure(&error))?;
            again = now + wait;
            wait *= 2;
        }
        let Ok(received) = timeout_at(again.min(until), socket.recv(&mut buffer)).await else { continue };
        let length = received.map_err(|error| io_failure(&error))?;
        match request.read(&buffer[..length]) {
            Read::Answer(answer) => return Ok(answer),
            Read::Garbage => heard_garbage = true,
            Read::Other => {}
        }
    }
}

async fn ask_stream(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &Request,
    until: Instant,
) -> Result<Answer, ServerFailure> {
    let asking = async {
        stream.write_all(request.bytes()).await.map_err(|error| io_failure(&error))?;
        stream.flush().await.map_err(|error| io_failure(&error))?;
        loop {
            match request.read(&message(stream).await?) {
                Read::Answer(answer) => return Ok(answer),
                Read::Garbage => return Err(ServerFailure::NotStun),
                Read::Other => {}
            }
        }
    };
    timeout_at(until, asking).await.unwrap_or(Err(ServerFailure::Silent))
}

/// The next message of a stream: its header says how long it is (RFC 8489 section 6.2.2).
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ServerFailure> {
    let mut message = vec![0; HEADER];
    stream.read_exact(&mut message).await.map_err(|error| io_failure(&error))?;
    let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
    // Else a server that speaks something else would be waited for.
    if message[4..8] != COOKIE || length > LONGEST - HEADER {
        return Err(ServerFailure::NotStun);
    }
    message.resize(HEADER + length, 0);
    stream.read_exact(&mut message[HEADER..]).await.map_err(|error| io_failure(&error))?;
    Ok(message)
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the system has many more; they all mean that there is no way"
)]
fn io_failure(error: &io::Error) -> ServerFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ServerFailure::Closed,
        io::ErrorKind::TimedOut => ServerFailure::Silent,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => ServerFailure::HungUp,
        _ => ServerFailure::Unreachable,
    }
}

/// RFC 8489 section 6.2.1: at least 500 ms, doubled each time.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The header and the cookie in it (RFC 8489 section 5).
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// A server's answer has some 200 bytes; over UDP it must fit into the path's smallest packet anyway.
pub(super) const LONGEST: usize = 2048;

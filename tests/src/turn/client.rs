//! A TURN client over real sockets: the sans-IO crate `turn-client-proto`, and the little that it lacks.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringback_server::turn::TurnCredential;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;
use turn_client_proto::api::{Transmit, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::prelude::DelayedTransmitBuild;
use turn_client_proto::stun::Instant as MachineInstant;
use turn_client_proto::stun::auth::Feature;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::stun::attribute::ErrorCode;
use turn_client_proto::types::stun::message::Message;
use turn_client_proto::types::{TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::TestServer;

turn_client_proto::impl_client!(Machine, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));

/// What carries a client's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS, with the server's certificate checked.
    Tls,
}

/// A client of one server.
pub struct Client {
    machine: Machine,
    wire: Wire,
    local: SocketAddr,
    server: SocketAddr,
    start: Instant,
    /// What a stream has brought of the next frame.
    partial: Vec<u8>,
    /// STUN messages that the server sent.
    answers: usize,
    /// The codes of the errors that the server answered, in order.
    codes: Vec<u16>,
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// The server did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    /// The last code that it answered; `None` if it fell silent or hung up.
    pub code: Option<u16>,
}

enum Wire {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    /// Connects; nothing is asked yet.
    ///
    /// # Errors
    /// No connection, or a certificate that is not the server's.
    pub async fn connect(server: &TestServer, over: Over, pass: &TurnCredential) -> io::Result<Self> {
        let addr = if over == Over::Tls { server.tls_addr()? } else { server.addr() };
        let (wire, local) = match over {
            Over::Udp => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                socket.connect(addr).await?;
                let local = socket.local_addr()?;
                (Wire::Udp(socket), local)
            }
            Over::Tcp | Over::Tls => {
                let stream = TcpStream::connect(addr).await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                let wire: Box<dyn Stream> = if over == Over::Tls {
                    Box::new(secured(server, stream).await?)
                } else {
                    Box::new(stream)
                };
                (Wire::Stream(wire), local)
            }
        };
        let mut config = TurnConfig::new(TurnCredentials::new(&pass.username, &pass.credential));
        // A name by its hash cannot be served with minted credentials: the expiry is in the name.
        config.set_anonymous_username(Feature::Disabled);
        let machine = match over {
            Over::Udp => Machine::Udp(TurnClientUdp::allocate(local, addr, config)),
            Over::Tcp | Over::Tls => Machine::Tcp(TurnClientTcp::allocate(local, addr, config)),
        };
        Ok(Self {
            machine,
            wire,
            local,
            server: addr,
            start: Instant::now(),
            partial: Vec::new(),
            answers: 0,
            codes: Vec::new(),
            inbox: VecDeque::new(),
        })
    }

    /// Asks for an allocation and returns its address.
    ///
    /// # Errors
    /// [`Denied`], with the server's code.
    pub async fn allocate(&mut self) -> Result<SocketAddr, Denied> {
        loop {
            let event = self.event().await?;
            if let TurnEvent::AllocationCreated(_, addr) = event {
                return Ok(addr);
            }
            if let TurnEvent::AllocationCreateFailed(_) = event {
                return Err(self.denied());
            }
        }
    }

    /// Asks for the permission to hear a peer.
    ///
    /// # Errors
    /// [`Denied`], with the server's code.
    pub async fn permit(&mut self, peer: IpAddr) -> Result<(), Denied> {
        let now = self.now();
        self.machine.create_permission(TransportType::Udp, peer, now).map_err(|_| Denied { code: None })?;
        loop {
            let event = self.event().await?;
            if let TurnEvent::PermissionCreated(..) = event {
                return Ok(());
            }
            if let TurnEvent::PermissionCreateFailed(..) = event {
                return Err(self.denied());
            }
        }
    }

    /// Asks for a channel to a peer.
    ///
    /// # Errors
    /// [`Denied`], with the server's code.
    pub async fn bind(&mut self, peer: SocketAddr) -> Result<(), Denied> {
        let now = self.now();
        self.machine.bind_channel(TransportType::Udp, peer, now).map_err(|_| Denied { code: None })?;
        loop {
            let event = self.event().await?;
            if let TurnEvent::ChannelCreated(..) = event {
                return Ok(());
            }
            if let TurnEvent::ChannelCreateFailed(..) = event {
                return Err(self.denied());
            }
        }
    }

    /// Sends to a peer: over its channel, if there is one.
    ///
    /// # Errors
    /// [`Denied`]: there is no permission, or the server has hung up.
    pub async fn send(&mut self, peer: SocketAddr, bytes: &[u8]) -> Result<(), Denied> {
        let now = self.now();
        let sent = self.machine.send_to(TransportType::Udp, peer, bytes, now);
        let Ok(transmit) = sent else { return Err(Denied { code: None }) };
        if let Some(transmit) = transmit {
            let mut frame = transmit.data.build();
            // The crate does not pad channel data over a stream (RFC 8656 section 12.5).
            if matches!(self.wire, Wire::Stream(_)) {
                frame.resize(frame.len().next_multiple_of(4), 0);
            }
            self.wire.write(&frame).await.map_err(|_| Denied { code: None })?;
        }
        Ok(())
    }

    /// The next datagram of a peer.
    ///
    /// # Errors
    /// [`Denied`]: the server has hung up.
    pub async fn receive(&mut self) -> Result<(SocketAddr, Vec<u8>), Denied> {
        loop {
            if let Some(received) = self.inbox.pop_front() {
                return Ok(received);
            }
            self.step().await?;
        }
    }

    /// Gives the allocation back; returns when the server has answered, or hung up.
    pub async fn delete(mut self) {
        let now = self.now();
        if self.machine.delete(now).is_err() {
            return;
        }
        // The crate spaces its requests, so this one may leave a step later.
        let before = self.answers;
        while self.answers == before && self.step().await.is_ok() {}
    }

    async fn event(&mut self) -> Result<TurnEvent, Denied> {
        loop {
            if let Some(event) = self.machine.poll_event() {
                return Ok(event);
            }
            self.step().await?;
        }
    }

    /// Sends what is to be sent, then waits for the server or the clock.
    async fn step(&mut self) -> Result<(), Denied> {
        let hung_up = |_| Denied { code: None };
        let polled = self.machine.poll(self.now());
        self.flush().await.map_err(hung_up)?;
        let until = match polled {
            TurnPollRet::WaitUntil(at) => self.start + at.duration_since(MachineInstant::ZERO),
            TurnPollRet::Closed => return Err(self.denied()),
            // RFC 6062, which nobody asked for.
            TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => return Ok(()),
        };
        let mut buffer = vec![0; 65_536];
        let size = tokio::select! {
            read = self.wire.read(&mut buffer) => match read {
                // The end of the stream.
                Ok(0) | Err(_) => return Err(self.denied()),
                Ok(size) => size,
            },
            () = sleep_until(until) => return Ok(()),
        };
        buffer.truncate(size);
        let known = self.codes.len();
        match self.wire {
            Wire::Udp(_) => self.received(buffer),
            Wire::Stream(_) => {
                self.partial.extend(buffer);
                while let Some(frame) = next_frame(&mut self.partial) {
                    self.received(frame);
                }
            }
        }
        self.flush().await.map_err(hung_up)?;
        if self.codes.len() > known && self.is_final() { Err(self.denied()) } else { Ok(()) }
    }

    /// Is the last code the server's last word? The first 401 asks for a signature, 438 for another nonce. The crate
    /// waits for a signed answer until it gives up, and servers do not sign for those whom they do not know.
    fn is_final(&self) -> bool {
        let unauthorized = self.codes.iter().filter(|code| **code == 401).count();
        match self.codes.last() {
            Some(401) => unauthorized > 1,
            Some(438) | None => false,
            Some(_) => true,
        }
    }

    fn received(&mut self, bytes: Vec<u8>) {
        if let Ok(message) = Message::from_bytes(&bytes) {
            self.answers += 1;
            if let Ok(error) = message.attribute::<ErrorCode>() {
                self.codes.push(error.code());
            }
        }
        let now = self.now();
        let transport = self.machine.transport();
        let received = Transmit::new(bytes, transport, self.server, self.local);
        if let TurnRecvRet::PeerData(data) = self.machine.recv(received, now) {
            self.inbox.push_back((data.peer, data.data().to_vec()));
        }
        while let Some(data) = self.machine.poll_recv(now) {
            self.inbox.push_back((data.peer, data.data().to_vec()));
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        while let Some(transmit) = self.machine.poll_transmit(self.now()) {
            self.wire.write(&transmit.data).await?;
        }
        Ok(())
    }

    fn denied(&self) -> Denied {
        Denied { code: self.codes.last().copied() }
    }

    fn now(&self) -> MachineInstant {
        MachineInstant::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Wire {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Wire::Udp(socket) => socket.send(bytes).await.map(drop),
            Wire::Stream(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Udp(socket) => socket.recv(buffer).await,
            Wire::Stream(stream) => stream.read(buffer).await,
        }
    }
}

/// Takes the next whole frame, without its padding: the crate takes padding for the beginning of another frame.
fn next_frame(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let &[first, _, third, fourth, ..] = bytes.as_slice() else { return None };
    let length = usize::from(u16::from_be_bytes([third, fourth]));
    // STUN (RFC 8489 section 5), or channel data (RFC 8656 section 12.4).
    let whole = if first < 0x40 { 20 + length } else { 4 + length };
    if bytes.len() < whole.next_multiple_of(4) {
        return None;
    }
    let mut frame: Vec<u8> = bytes.drain(..whole.next_multiple_of(4)).collect();
    frame.truncate(whole);
    Some(frame)
}

async fn secured(server: &TestServer, stream: TcpStream) -> io::Result<impl Stream + use<>> {
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate().clone()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// How long a test waits for anything: a loaded machine takes its time, and the client's own limit for a request is 40 s.
pub const PATIENCE: Duration = Duration::from_secs(30);

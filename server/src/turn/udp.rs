//! TURN over UDP: one socket, and a session for every address that has asked for more than its own address.
//!
//! A Binding request needs no session. Addresses without an allocation are bounded; when there are too many the oldest
//! makes room, so that a flood of forged addresses shortens the time that others have, but locks nobody out at once.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use turn_server_proto::types::stun::attribute::XorMappedAddress;
use turn_server_proto::types::stun::message::{BINDING, Message, MessageClass, MessageWriteVec};
use turn_server_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};

use super::config::TurnConfig;
use super::ledger::{Ledger, add};
use super::session::{MOST_DATAGRAM, Outlet, Session};

/// TURN over UDP.
pub(super) struct Udp {
    config: Arc<TurnConfig>,
    ledger: Arc<Ledger>,
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    /// Sessions as they began; those that got an allocation are skipped when room is needed.
    half_open: VecDeque<HalfOpen>,
    tasks: JoinSet<SocketAddr>,
}

struct HalfOpen {
    task: AbortHandle,
    client: SocketAddr,
    established: Arc<AtomicBool>,
}

struct UdpOutlet {
    socket: Arc<UdpSocket>,
    client: SocketAddr,
}

impl Udp {
    pub(super) fn new(config: Arc<TurnConfig>, ledger: Arc<Ledger>, socket: UdpSocket) -> io::Result<Self> {
        let server = socket.local_addr()?;
        let (clients, half_open) = (HashMap::new(), VecDeque::new());
        Ok(Self {
            config,
            ledger,
            socket: Arc::new(socket),
            server,
            clients,
            half_open,
            tasks: JoinSet::new(),
        })
    }

    /// Serves until it is told to stop; then every session is gone.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut buffer = vec![0; MOST_DATAGRAM];
        let socket = self.socket.clone();
        loop {
            tokio::select! {
                _ = stop.wait_for(|&stop| stop) => break,
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((size, client)) if size < buffer.len() => self.handle(client, &buffer[..size]),
                    // Cut off, perhaps.
                    Ok(_) => add(&self.ledger.dropped, 1),
                    // What a peer's ICMP says is no fault of the socket.
                    Err(error) => tracing::debug!(%error, "receiving over UDP"),
                },
                Some(ended) = self.tasks.join_next() => self.forget(ended),
            }
        }
        self.tasks.shutdown().await;
    }

    fn handle(&mut self, client: SocketAddr, datagram: &[u8]) {
        if let Some(session) = self.clients.get(&client) {
            match session.try_send(datagram.to_vec()) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(_)) => return add(&self.ledger.dropped, 1),
                // It ended just now.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        // Without a session only a request means anything.
        let Ok(message) = Message::from_bytes(datagram) else { return };
        if !message.has_class(MessageClass::Request) {
            return;
        }
        if message.has_method(BINDING) {
            if let Some(answer) = binding_answer(&message, client)
                && self.socket.try_send_to(&answer, client).is_err()
            {
                add(&self.ledger.dropped, 1);
            }
            return;
        }
        self.open(client, datagram);
    }

    fn open(&mut self, client: SocketAddr, datagram: &[u8]) {
        self.make_room();
        let outlet = UdpOutlet { socket: self.socket.clone(), client };
        let session = Session::new(self.config.clone(), self.ledger.clone(), outlet, self.server, client);
        let established = session.established();
        let (frames, inbox) = mpsc::channel(QUEUE);
        // The queue is new and has room.
        let _ = frames.try_send(datagram.to_vec());
        self.clients.insert(client, frames);
        let task = self.tasks.spawn(async move {
            session.run(inbox).await;
            client
        });
        self.half_open.push_back(HalfOpen { task, client, established });
    }

    /// Ends the oldest session without allocation if there are too many of them.
    fn make_room(&mut self) {
        while self.half_open.len() >= self.config.most_half_open.max(1) {
            let Some(oldest) = self.half_open.pop_front() else { return };
            if !oldest.established.load(Ordering::Relaxed) && !oldest.task.is_finished() {
                oldest.task.abort();
                self.clients.remove(&oldest.client);
                add(&self.ledger.refused_connections, 1);
            }
        }
    }

    fn forget(&mut self, ended: Result<SocketAddr, tokio::task::JoinError>) {
        match ended {
            // Another session of the same address may have taken its place.
            Ok(client) if self.clients.get(&client).is_some_and(mpsc::Sender::is_closed) => {
                self.clients.remove(&client);
            }
            Ok(_) => {}
            Err(error) if error.is_cancelled() => {}
            Err(_) => {
                tracing::error!("a TURN session panicked");
                self.clients.retain(|_, frames| !frames.is_closed());
            }
        }
        while self.half_open.front().is_some_and(|oldest| oldest.task.is_finished()) {
            self.half_open.pop_front();
        }
    }
}

impl Outlet for UdpOutlet {
    fn try_send(&self, frame: Vec<u8>) -> io::Result<()> {
        self.socket.try_send_to(&frame, self.client).map(drop)
    }
}

/// RFC 8489 section 6.3.1.
fn binding_answer(request: &Message<'_>, client: SocketAddr) -> Option<Vec<u8>> {
    let mut answer = Message::builder_success(request, MessageWriteVec::new());
    answer.add_attribute(&XorMappedAddress::new(client, request.transaction_id())).ok()?;
    answer.add_fingerprint().ok()?;
    Some(answer.finish())
}

/// Datagrams of one client that wait for its session: 1.3 s of sound. More are dropped, as a network does.
const QUEUE: usize = 64;

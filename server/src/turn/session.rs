//! One client: its protocol machine, its gate, and the sockets that relay for it.
//!
//! | state | ends with |
//! |---|---|
//! | without allocation | [`TurnConfig::setup_limit`] after it began, or the end of the connection |
//! | with allocation | a Refresh with lifetime 0, the end of its lifetime, or the end of the connection; then the first state again |

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use turn_server_proto::api::{SocketAllocateError, Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer as Machine;
use turn_server_proto::stun::Instant as MachineInstant;
use turn_server_proto::types::{AddressFamily, TransportType};

use super::config::TurnConfig;
use super::gate::{Gate, Judgement};
use super::ledger::{Ledger, Place, add};
use super::relay::{self, Relay};

/// The way back to a client.
pub(super) trait Outlet {
    /// Sends a STUN message or channel data. A full one refuses, as a network drops.
    fn try_send(&self, frame: Vec<u8>) -> io::Result<()>;
}

/// One client.
pub(super) struct Session<O> {
    config: Arc<TurnConfig>,
    ledger: Arc<Ledger>,
    /// Speaks UDP whatever carries the frames: RFC 6062 is not ours, and frames come whole.
    machine: Machine,
    /// Does the machine know a user? It never knows two, and none that the gate does not.
    introduced: bool,
    gate: Gate,
    outlet: O,
    server: SocketAddr,
    client: SocketAddr,
    relays: Vec<Relay>,
    /// Held with the relays.
    place: Option<Place>,
    established: Arc<AtomicBool>,
    clock: Clock,
    /// When the machine wants to be asked again.
    wake: Instant,
}

/// The machine's clock: it counts from the session's start.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
}

impl<O: Outlet> Session<O> {
    pub(super) fn new(
        config: Arc<TurnConfig>,
        ledger: Arc<Ledger>,
        outlet: O,
        server: SocketAddr,
        client: SocketAddr,
    ) -> Self {
        let start = Instant::now();
        let machine = machine(&config, server);
        let gate = Gate::new(config.clone(), ledger.clone());
        Self {
            config,
            ledger,
            machine,
            introduced: false,
            gate,
            outlet,
            server,
            client,
            relays: Vec::new(),
            place: None,
            established: Arc::default(),
            clock: Clock { start },
            wake: start,
        }
    }

    /// Is there an allocation? For whoever has to choose which session makes room.
    pub(super) fn established(&self) -> Arc<AtomicBool> {
        self.established.clone()
    }

    /// Serves the client until it is done; see the table of this module. Dropping the future ends it at once.
    pub(super) async fn run(mut self, mut frames: mpsc::Receiver<Vec<u8>>) {
        let mut setup_end = Instant::now() + self.config.setup_limit;
        let mut buffer = vec![0; MOST_DATAGRAM];
        loop {
            let idle = self.relays.is_empty();
            let until = if idle { setup_end } else { self.wake };
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => self.handle_client(frame),
                    None => return,
                },
                index = relay::readable(&self.relays) => self.read_peer(index, &mut buffer),
                () = sleep_until(until) => {
                    if idle {
                        return;
                    }
                    self.drain();
                }
            }
            if !idle && self.relays.is_empty() {
                setup_end = Instant::now() + self.config.setup_limit;
            }
        }
    }

    fn handle_client(&mut self, frame: Vec<u8>) {
        let now = self.clock.now();
        match self.gate.judge(&frame, now, SystemTime::now()) {
            Judgement::Pass => self.pass(frame, now),
            Judgement::Introduce { username, password, place } => {
                if std::mem::replace(&mut self.introduced, true) {
                    self.machine = machine(&self.config, self.server);
                }
                self.machine.add_user(username, password);
                self.place = place.or(self.place.take());
                self.pass(frame, now);
            }
            Judgement::Allocate(place) => {
                self.place = Some(place);
                self.pass(frame, now);
            }
            Judgement::Forget => {
                self.introduced = false;
                self.machine = machine(&self.config, self.server);
                self.pass(frame, now);
            }
            Judgement::Answer(answer) => self.to_client(answer),
            Judgement::Drop => add(&self.ledger.dropped, 1),
        }
        self.drain();
    }

    fn pass(&mut self, frame: Vec<u8>, now: MachineInstant) {
        let received = Transmit::new(frame, TransportType::Udp, self.client, self.server);
        let Some(transmit) = self.machine.recv(received, now) else { return };
        let transmit = transmit.build();
        self.forward(transmit);
    }

    /// Takes one datagram of a peer, so that a flood of them does not keep the client's frames waiting.
    fn read_peer(&mut self, index: usize, buffer: &mut [u8]) {
        let Some(relay) = self.relays.get(index) else { return };
        let Ok((size, peer)) = relay.socket.try_recv_from(buffer) else { return };
        if size == buffer.len() {
            // It may have been cut off.
            add(&self.ledger.dropped, 1);
            return;
        }
        if !self.config.allows_peer(peer.ip()) {
            add(&self.ledger.dropped, 1);
            return;
        }
        let received = Transmit::new(&buffer[..size], TransportType::Udp, peer, relay.advertised);
        // `None`: a peer without permission.
        let Some(transmit) = self.machine.recv(received, self.clock.now()) else { return };
        let frame = transmit.build().data;
        if self.to_client_counted(frame) {
            add(&self.ledger.from_peers, size);
        }
    }

    /// Does what the machine wants done.
    fn drain(&mut self) {
        let now = self.clock.now();
        loop {
            match self.machine.poll(now) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    let opened = self.open(family);
                    self.machine.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        opened,
                        now,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.relays.retain(|relay| relay.advertised != listen_addr);
                }
                // The machine speaks UDP.
                TurnServerPollRet::TcpConnect { .. } | TurnServerPollRet::TcpClose { .. } => {}
                TurnServerPollRet::WaitUntil(at) => {
                    self.wake = self.clock.after(at);
                    break;
                }
            }
        }
        while let Some(transmit) = self.machine.poll_transmit(now) {
            self.gate.remember_allocated(&transmit.data);
            self.forward(transmit);
        }
        if self.relays.is_empty() {
            self.place = None;
            self.gate.forget_allocated();
        }
        let before = self.established.swap(!self.relays.is_empty(), Ordering::Relaxed);
        if !before && !self.relays.is_empty() {
            self.ledger.allocated();
        }
    }

    /// Opens a socket to relay from. The gate has taken the place for it: the machine may not allocate without.
    fn open(&mut self, family: AddressFamily) -> Result<SocketAddr, SocketAllocateError> {
        if self.place.is_none() {
            return Err(SocketAllocateError::InsufficientCapacity);
        }
        let four = family == AddressFamily::IPV4;
        let Some(ip) = self.config.relay.iter().find(|relay| relay.bind.is_ipv4() == four) else {
            return Err(SocketAllocateError::AddressFamilyNotSupported);
        };
        match Relay::open(*ip, self.config.relay_ports.as_ref(), self.gate.parity()) {
            Ok(relay) => {
                let advertised = relay.advertised;
                self.relays.push(relay);
                Ok(advertised)
            }
            Err(error) => {
                tracing::warn!(%error, "no socket to relay from");
                Err(SocketAllocateError::InsufficientCapacity)
            }
        }
    }

    /// Sends what the machine wants sent. Whatever permissions the machine has given, no other peer is reached than those
    /// of the policy.
    fn forward(&mut self, transmit: Transmit<Vec<u8>>) {
        if transmit.from == self.server {
            self.to_client(transmit.data);
            return;
        }
        let Some(relay) = self.relays.iter().find(|relay| relay.advertised == transmit.from) else { return };
        if !self.config.allows_peer(transmit.to.ip()) {
            add(&self.ledger.dropped, 1);
            return;
        }
        match relay.socket.try_send_to(&transmit.data, transmit.to) {
            Ok(sent) => add(&self.ledger.to_peers, sent),
            Err(error) => {
                tracing::trace!(%error, "a datagram to a peer was dropped");
                add(&self.ledger.dropped, 1);
            }
        }
    }

    fn to_client(&self, frame: Vec<u8>) {
        self.to_client_counted(frame);
    }

    fn to_client_counted(&self, frame: Vec<u8>) -> bool {
        let sent = self.outlet.try_send(frame).is_ok();
        if !sent {
            add(&self.ledger.dropped, 1);
        }
        sent
    }
}

impl Clock {
    fn now(self) -> MachineInstant {
        // 292 years.
        MachineInstant::from_nanos(i64::try_from(self.start.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }

    /// Shortly after a moment: the machine takes things away that ended before, not at, the moment it is asked.
    fn after(self, at: MachineInstant) -> Instant {
        self.start + at.duration_since(MachineInstant::ZERO) + std::time::Duration::from_millis(1)
    }
}

fn machine(config: &TurnConfig, server: SocketAddr) -> Machine {
    Machine::new(TransportType::Udp, server, config.realm.clone())
}

/// The largest datagram of a peer: jumbo frames have 9000 bytes, and no media packet is larger than a frame.
pub(super) const MOST_DATAGRAM: usize = 9216;

#[cfg(test)]
mod tests;

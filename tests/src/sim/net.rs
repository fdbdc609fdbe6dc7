//! The network: named hosts, their sockets, a link for each direction between two hosts.
//!
//! An address is that of a real socket bound on loopback, which is never read or written: that way addresses of
//! simulations that run side by side differ. Datagrams go from table to table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::describe;
use super::gate::Gate;
use super::mdns;
use super::path::{Fate, Link, Path};
use super::turn::TurnServer;
use super::{lock, stun};

/// The network of a world.
#[derive(Debug)]
pub struct Net {
    seed: u64,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sockets: BTreeMap<SocketAddr, Arc<Inbox>>,
    /// Outer addresses of sockets, as a STUN server sees them.
    aliases: BTreeMap<SocketAddr, SocketAddr>,
    stun_servers: Vec<SocketAddr>,
    turn: Option<TurnServer>,
    mdns_names: Vec<(String, Ipv4Addr)>,
    binds: Binds,
    refused: u64,
    next_socket: u64,
    next_arrival: u64,
    links: BTreeMap<(String, String), Link>,
    paths: BTreeMap<(String, String), Path>,
    default_path: Path,
    log: String,
    datagrams: u64,
}

/// Which sockets can be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binds {
    /// All.
    #[default]
    All,
    /// All but those on the port of mDNS.
    WithoutMdns,
    /// None.
    None,
}

/// What waits at a socket.
#[derive(Debug)]
struct Inbox {
    host: String,
    /// The socket's number, in the order of binding: its key at the gate.
    key: u64,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    datagrams: BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>,
    timer: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

impl Net {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { seed, start: Instant::now(), state: Mutex::default() })
    }

    /// The path of all directions that have none of their own.
    pub fn set_all(&self, path: Path) {
        let mut state = lock(&self.state);
        state.default_path = path;
        state.paths.clear();
    }

    /// The path from one host to another, from now on.
    pub fn set(&self, from: &str, to: &str, path: Path) {
        lock(&self.state).paths.insert((from.to_owned(), to.to_owned()), path);
    }

    /// The path between two hosts, both ways.
    pub fn set_both(&self, a: &str, b: &str, path: Path) {
        self.set(a, b, path);
        self.set(b, a, path);
    }

    /// Nothing passes between two hosts any more.
    pub fn cut(&self, a: &str, b: &str) {
        let path = lock(&self.state).default_path;
        self.set_both(a, b, path.loss(super::Loss::All));
    }

    /// The two hosts have the path of all again.
    pub fn mend(&self, a: &str, b: &str) {
        let mut state = lock(&self.state);
        for (from, to) in [(a, b), (b, a)] {
            state.paths.remove(&(from.to_owned(), to.to_owned()));
        }
    }

    /// A STUN server at this address: it answers binding requests, and datagrams to the outer addresses that it gives
    /// away reach their sockets.
    pub fn stun_server(&self, address: SocketAddr) {
        lock(&self.state).stun_servers.push(address);
    }

    /// A TURN server at this address, the host `turn` of the network. It takes one user, with any password.
    pub fn turn_server(&self, address: SocketAddr, user: &str) {
        lock(&self.state).turn = Some(TurnServer::new(address, user));
    }

    /// The machine behind this name ending in `.local` answers for it. Only one host of a world may have mDNS on,
    /// since all its sockets have one address.
    pub fn mdns_name(&self, name: &str, address: Ipv4Addr) {
        lock(&self.state).mdns_names.push((name.to_owned(), address));
    }

    /// Which sockets can be bound from now on.
    pub fn allow(&self, binds: Binds) {
        lock(&self.state).binds = binds;
    }

    /// How many sockets could not be bound.
    pub fn refused(&self) -> u64 {
        lock(&self.state).refused
    }

    /// The address of a host's newest socket.
    pub fn address(&self, host: &str) -> Option<SocketAddr> {
        let state = lock(&self.state);
        let of_host = state.sockets.iter().filter(|(_, inbox)| inbox.host == host);
        of_host.max_by_key(|(_, inbox)| inbox.key).map(|(address, _)| *address)
    }

    /// A datagram reaches every socket of `host` now, with `from` as its source, whoever wrote it.
    pub fn forge(&self, from: SocketAddr, host: &str, bytes: &[u8]) {
        let mut state = lock(&self.state);
        let inboxes: Vec<_> = state.sockets.values().filter(|inbox| inbox.host == host).cloned().collect();
        for inbox in inboxes {
            state.next_arrival += 1;
            inbox.deliver(Instant::now(), state.next_arrival, from, bytes);
        }
    }

    /// How many datagrams were sent.
    pub fn datagrams(&self) -> u64 {
        lock(&self.state).datagrams
    }

    /// How many sockets are open.
    pub fn sockets(&self) -> usize {
        lock(&self.state).sockets.len()
    }

    /// The virtual time since the start, in milliseconds.
    pub fn now_ms(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1e3
    }

    pub(super) fn log(&self, line: std::fmt::Arguments<'_>) {
        let now = self.now_ms();
        // A string takes everything.
        let _ = writeln!(lock(&self.state).log, "{now:12.3} {line}");
    }

    pub(super) fn take_log(&self) -> String {
        std::mem::take(&mut lock(&self.state).log)
    }

    pub(super) fn bind(
        self: &Arc<Self>,
        host: &str,
        socket: UdpSocket,
        gate: Arc<Gate>,
    ) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let address = socket.local_addr()?;
        let mut state = lock(&self.state);
        let allowed = match state.binds {
            Binds::All => true,
            Binds::WithoutMdns => address.port() != mdns::PORT,
            Binds::None => false,
        };
        if !allowed {
            state.refused += 1;
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.next_socket += 1;
        let inbox =
            Arc::new(Inbox { host: host.to_owned(), key: state.next_socket, queue: Mutex::default() });
        state.sockets.insert(address, inbox.clone());
        Ok(Arc::new(SimSocket { net: self.clone(), address, inbox, gate, _reserved: socket }))
    }

    fn send(&self, from: SocketAddr, host: &str, to: SocketAddr, bytes: &[u8]) {
        let now_ms = self.now_ms();
        let mut state = lock(&self.state);
        state.datagrams += 1;
        if state.stun_servers.contains(&to) {
            return self.answer_as_stun_server(&mut state, from, to, bytes);
        }
        if to == mdns::GROUP {
            return state.answer_by_mdns(from, bytes);
        }
        let mut relayed = Vec::new();
        let first = Travelling { host: host.to_owned(), from, to, after: Duration::ZERO, bytes };
        state.pass(self.seed, now_ms, first, &mut relayed);
        // Through a relay, and perhaps through another: at most three legs.
        for _ in 0..2 {
            for (from, to, after, bytes) in std::mem::take(&mut relayed) {
                let datagram = Travelling { host: TURN_HOST.to_owned(), from, to, after, bytes: &bytes };
                state.pass(self.seed, now_ms, datagram, &mut relayed);
            }
        }
    }

    fn answer_as_stun_server(&self, state: &mut State, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let outer = SocketAddr::new([203, 0, 113, 1].into(), from.port());
        let (Some(answer), Some(inbox)) = (stun::answer(bytes, outer), state.sockets.get(&from).cloned())
        else {
            return;
        };
        state.aliases.insert(outer, from);
        state.next_arrival += 1;
        let round_trip = state.default_path.delay * 2;
        inbox.deliver(Instant::now() + round_trip, state.next_arrival, to, &answer);
    }
}

/// A datagram on its way.
struct Travelling<'a> {
    host: String,
    from: SocketAddr,
    to: SocketAddr,
    /// The legs before took this long.
    after: Duration,
    bytes: &'a [u8],
}

/// What the relay sends on: from, to, after this long.
type FromRelay = (SocketAddr, SocketAddr, Duration, Vec<u8>);

impl State {
    /// Takes a datagram over one leg: to a socket, or to the relay, which may send something on.
    fn pass(&mut self, seed: u64, now_ms: f64, datagram: Travelling<'_>, relayed: &mut Vec<FromRelay>) {
        let Travelling { host, from, to, after, bytes } = datagram;
        let inner = self.aliases.get(&to).copied().unwrap_or(to);
        let to_relay = self.turn.as_ref().is_some_and(|turn| turn.owns(to));
        let inbox = self.sockets.get(&inner).cloned();
        let there = match &inbox {
            _ if to_relay => TURN_HOST.to_owned(),
            Some(inbox) => inbox.host.clone(),
            None => {
                let _ = writeln!(self.log, "{now_ms:12.3} {host}>nobody {}", describe::datagram(bytes));
                return;
            }
        };
        // A datagram to an outer address comes from an outer address.
        let outer = |(outer, inner): (&SocketAddr, &SocketAddr)| (*inner == from).then_some(*outer);
        let shown = if inner == to { from } else { self.aliases.iter().find_map(outer).unwrap_or(from) };
        let name = format!("{host}>{there}");
        // Within the relay nothing is lost.
        let fate = if host == there { Fate::INSTANT } else { self.fate(seed, &host, &there, &name) };
        let lost = if fate.copies[0].is_none() { " LOST" } else { "" };
        // A string takes everything.
        let _ =
            writeln!(self.log, "{now_ms:12.3} {name} #{} {}{lost}", fate.number, describe::datagram(bytes));
        for delay in fate.copies.into_iter().flatten() {
            let after = after + delay;
            match (&mut self.turn, &inbox) {
                (Some(turn), _) if to_relay => {
                    let sent = turn.handle(from, to, bytes);
                    relayed.extend(sent.map(|sent| (sent.from, sent.to, after, sent.bytes)));
                }
                (_, Some(inbox)) => {
                    self.next_arrival += 1;
                    inbox.deliver(Instant::now() + after, self.next_arrival, shown, bytes);
                }
                (_, None) => {}
            }
        }
    }

    fn answer_by_mdns(&mut self, from: SocketAddr, question: &[u8]) {
        let Some(inbox) = self.sockets.get(&from).cloned() else { return };
        for (name, address) in &self.mdns_names {
            if let Some(answer) = mdns::answer(question, name, *address) {
                self.next_arrival += 1;
                let at = Instant::now() + self.default_path.delay * 2;
                inbox.deliver(at, self.next_arrival, (*address, mdns::PORT).into(), &answer);
            }
        }
    }

    fn fate(&mut self, seed: u64, from: &str, to: &str, name: &str) -> Fate {
        let direction = (from.to_owned(), to.to_owned());
        let path = self.paths.get(&direction).copied().unwrap_or(self.default_path);
        self.links.entry(direction).or_insert_with(|| Link::new(seed, name)).next(&path)
    }
}

/// The relay's name in paths and in the log.
const TURN_HOST: &str = "turn";

impl Inbox {
    fn deliver(&self, at: Instant, number: u64, from: SocketAddr, bytes: &[u8]) {
        let mut queue = lock(&self.queue);
        queue.datagrams.insert((at, number), (from, bytes.to_vec()));
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Debug)]
struct SimSocket {
    net: Arc<Net>,
    address: SocketAddr,
    inbox: Arc<Inbox>,
    gate: Arc<Gate>,
    /// Keeps the address ours.
    _reserved: UdpSocket,
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        let mut state = lock(&self.net.state);
        state.sockets.remove(&self.address);
        let address = self.address;
        state.aliases.retain(|_, inner| *inner != address);
    }
}

impl AsyncUdpSocket for SimSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let segment = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for bytes in transmit.contents.chunks(segment) {
            self.net.send(self.address, &self.inbox.host, transmit.destination, bytes);
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut queue = lock(&self.inbox.queue);
        let due = queue.datagrams.keys().next().map(|(at, _)| *at);
        let (Some(due), [buf, ..], [meta, ..]) = (due, bufs, meta) else {
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if due > Instant::now() {
            if queue.timer.as_ref().is_none_or(|timer| timer.deadline() != due) {
                queue.timer = Some(Box::pin(tokio::time::sleep_until(due)));
            }
            queue.waker = Some(cx.waker().clone());
            if let Some(timer) = &mut queue.timer {
                // Only to be woken then.
                let _ = timer.as_mut().poll(cx);
            }
            return Poll::Pending;
        }
        if !self.gate.may_pass(self.inbox.key, cx) {
            return Poll::Pending;
        }
        let Some((_, (from, bytes))) = queue.datagrams.pop_first() else { return Poll::Pending };
        let length = bytes.len().min(buf.len());
        buf[..length].copy_from_slice(&bytes[..length]);
        *meta = RecvMeta::default();
        meta.addr = from;
        meta.len = length;
        meta.stride = length.max(1);
        meta.dst_ip = Some(self.address.ip());
        Poll::Ready(Ok(1))
    }
}

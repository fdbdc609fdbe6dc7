//! The network: named hosts, their sockets, a link for each direction between two hosts.
//!
//! An address is that of a real socket bound on loopback, which is never read or written: that way addresses of
//! simulations that run side by side differ. Datagrams go from table to table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep};
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::describe::datagram;
use super::gate::Gate;
use super::path::{Fate, Link, Path};
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
    next_socket: u64,
    next_arrival: u64,
    links: BTreeMap<(String, String), Link>,
    paths: BTreeMap<(String, String), Path>,
    default_path: Path,
    log: String,
    datagrams: u64,
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
        state.next_socket += 1;
        let inbox =
            Arc::new(Inbox { host: host.to_owned(), key: state.next_socket, queue: Mutex::default() });
        state.sockets.insert(address, inbox.clone());
        Ok(Arc::new(SimSocket { net: self.clone(), address, inbox, gate, _reserved: socket }))
    }

    fn send(&self, from: SocketAddr, host: &str, to: SocketAddr, bytes: &[u8]) {
        let mut state = lock(&self.state);
        state.datagrams += 1;
        if state.stun_servers.contains(&to) {
            return self.answer_as_stun_server(&mut state, from, to, bytes);
        }
        let inner = state.aliases.get(&to).copied().unwrap_or(to);
        let Some(inbox) = state.sockets.get(&inner).cloned() else {
            drop(state);
            return self.log(format_args!("{host}>nobody {}", datagram(bytes)));
        };
        // A datagram to an outer address comes from an outer address.
        let outer = |(outer, inner): (&SocketAddr, &SocketAddr)| (*inner == from).then_some(*outer);
        let shown = if inner == to { from } else { state.aliases.iter().find_map(outer).unwrap_or(from) };
        let direction = (host.to_owned(), inbox.host.clone());
        let path = state.paths.get(&direction).copied().unwrap_or(state.default_path);
        let name = format!("{host}>{}", inbox.host);
        let seed = self.seed;
        let link = state.links.entry(direction).or_insert_with(|| Link::new(seed, &name));
        let Fate { number, copies } = link.next(&path);
        for delay in copies.into_iter().flatten() {
            state.next_arrival += 1;
            inbox.deliver(Instant::now() + delay, state.next_arrival, shown, bytes);
        }
        drop(state);
        let lost = if copies[0].is_none() { " LOST" } else { "" };
        self.log(format_args!("{name} #{number} {}{lost}", datagram(bytes)));
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

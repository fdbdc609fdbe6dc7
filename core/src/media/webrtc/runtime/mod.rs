//! The runtime of one connection: mends measured defects of webrtc 0.21.1 from outside the crate.
//!
//! The engine does all its I/O through a `Runtime`. `ConnectionRuntime` wraps one, sees every datagram and every
//! timer of its connection, and so needs no patched crate. Build one for each connection.
//!
//! | defect | mend | where |
//! |---|---|---|
//! | a lost DTLS datagram stalls the handshake for a second, or for good | the last flight is repeated | `flight`, `repeat` |
//! | a new remote candidate and a queued ClientHello wait for the next tick | the driver's sleep ends early | `wake` |
//! | names of ICE servers are looked up on the driver task | answered at once, followed later | `names` |
//! | the peer's close_notify and a failed handshake are not reported | read off the records | here |
//! | a driver that ends over an error, as a restart may where mDNS is gone, does so in silence | told | here |
//! | a nomination or a ClientHello that comes a moment early is forgotten | it is shown again in time | `early` |
//! | DTLS is taken from any address; an alert in the clear ends a handshake | such never reach the engine | `contacts` |
//!
//! Time is tokio's clock throughout, so it is exact in a paused runtime. After the handshake the cost for media is a
//! test of one byte and two relaxed loads a datagram. Nothing here keeps a socket open.

mod contacts;
mod datagram;
mod early;
mod flight;
mod names;
mod repeat;
mod socket;
mod wake;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime, TokioRuntime,
};

use self::contacts::Contacts;
use self::datagram::{Datagram, Dtls, Stun};
use self::names::Names;
use self::repeat::{Repeater, Sent, send};
use self::socket::WatchedSocket;
use self::wake::{DriverTask, KickableSleep, Wake};
use crate::net::CachedResolver;

/// Makes the runtime under each connection: tokio's in production, a simulated one in tests.
pub trait RuntimeFactory: Send + Sync + 'static {
    /// The runtime for a new connection.
    fn runtime(&self) -> Arc<dyn Runtime>;
}

/// tokio, with real sockets.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioRuntimes;

impl RuntimeFactory for TokioRuntimes {
    fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(TokioRuntime)
    }
}

/// What the datagrams of a connection tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The handshake failed: our engine refused, or the peer did and fell silent.
    Refused,
    /// The peer's close_notify came, and our engine, having verified it, answered it.
    PeerClosed,
    /// The engine's driver ended by itself: it had no socket left, or could not bind new ones for a restart.
    DriverEnded,
}

/// The runtime of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionRuntime {
    inner: Arc<dyn Runtime>,
    shared: Arc<Shared>,
}

/// The connection's hold on its runtime.
#[derive(Debug, Clone)]
pub(crate) struct RuntimeControl {
    shared: Arc<Shared>,
}

impl ConnectionRuntime {
    /// Wraps `inner`. `notify` must not block.
    pub(crate) fn new(
        inner: Arc<dyn Runtime>,
        resolver: CachedResolver,
        notify: impl Fn(Notice) + Send + Sync + 'static,
    ) -> (Self, RuntimeControl) {
        let shared = Arc::new(Shared {
            repeater: Mutex::new(Repeater::new()),
            handshaking: AtomicBool::new(false),
            began: AtomicBool::new(false),
            contacts: Mutex::default(),
            built: AtomicBool::new(false),
            wake: Arc::default(),
            names: Names::new(resolver),
            sealed_alert_came: AtomicBool::new(false),
            allocations: AtomicU32::new(0),
            refusals: AtomicU32::new(0),
            notify: Box::new(notify),
        });
        (Self { inner, shared: shared.clone() }, RuntimeControl { shared })
    }
}

impl ConnectionRuntime {
    /// The engine spawns its driver and nothing else.
    fn driver(&self, task: Pending<'static, ()>) -> Pending<'static, ()> {
        let shared = Arc::downgrade(&self.shared);
        let task = DriverTask { wake: self.shared.wake.clone(), task };
        Box::pin(async move {
            task.await;
            if let Some(shared) = shared.upgrade()
                && shared.built.load(Ordering::Acquire)
            {
                (shared.notify)(Notice::DriverEnded);
            }
        })
    }
}

impl RuntimeControl {
    /// Makes the driver look at everything now. To be called after `add_ice_candidate`.
    pub(crate) fn wake(&self) {
        self.shared.wake.kick();
    }

    /// Did TURN servers refuse, and did none grant an allocation? Each refuses once to tell its nonce (RFC 8656
    /// section 7.2), so only the second refusal counts.
    pub(crate) fn turn_refused(&self) -> bool {
        let refusals = self.shared.refusals.load(Ordering::Relaxed);
        refusals >= 2 && self.shared.allocations.load(Ordering::Relaxed) == 0
    }

    /// The connection was built: from now on its driver is not expected to end.
    pub(crate) fn built(&self) {
        self.shared.built.store(true, Ordering::Release);
    }

    /// Ends the tasks of the runtime itself.
    pub(crate) fn close(&self) {
        self.shared.close();
    }
}

/// What the runtime, its sockets and its tasks share.
struct Shared {
    repeater: Mutex<Repeater>,
    /// A copy of the repeater's state, for the path of every datagram.
    handshaking: AtomicBool,
    /// A DTLS record of ours has left.
    began: AtomicBool,
    contacts: Mutex<Contacts>,
    built: AtomicBool,
    wake: Arc<Wake>,
    names: Arc<Names>,
    sealed_alert_came: AtomicBool,
    allocations: AtomicU32,
    refusals: AtomicU32,
    notify: Box<dyn Fn(Notice) + Send + Sync>,
}

/// What becomes of a datagram that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The engine gets it.
    Pass,
    /// The engine never sees it.
    Drop,
}

impl Shared {
    fn is_handshaking(&self) -> bool {
        self.handshaking.load(Ordering::Relaxed)
    }

    fn has_begun(&self) -> bool {
        self.began.load(Ordering::Relaxed)
    }

    /// How often to send a datagram that leaves now. Nobody acknowledges the close_notify, and there is no later
    /// moment to repeat it: three copies get through 20 % loss 99 times in 100.
    fn copies(bytes: &[u8]) -> usize {
        if Datagram::classify(bytes) == Datagram::Dtls(Dtls::SealedAlert) { 3 } else { 1 }
    }

    fn handle_outgoing(self: &Arc<Self>, socket: &Arc<dyn AsyncUdpSocket>, to: SocketAddr, bytes: &[u8]) {
        let record = match Datagram::classify(bytes) {
            Datagram::Dtls(record) => record,
            Datagram::Stun(Stun::Request) => return lock(&self.contacts).insert(to),
            Datagram::Stun(
                Stun::AllocateError | Stun::AllocateSuccess | Stun::CheckAnswered | Stun::Other,
            )
            | Datagram::Media
            | Datagram::Other => return,
        };
        match record {
            Dtls::PlainAlert => (self.notify)(Notice::Refused),
            Dtls::SealedAlert if self.sealed_alert_came.load(Ordering::Relaxed) => {
                (self.notify)(Notice::PeerClosed);
            }
            Dtls::SealedAlert if self.is_handshaking() => (self.notify)(Notice::Refused),
            Dtls::SealedAlert
            | Dtls::Hello
            | Dtls::Flight { .. }
            | Dtls::Application
            | Dtls::PlainApplication => {}
        }
        self.began.store(true, Ordering::Relaxed);
        let sent = Sent { socket: Arc::downgrade(socket), to };
        let mut repeater = lock(&self.repeater);
        let due = repeater.flights.handle_outgoing(now(), record, sent, bytes);
        self.handshaking.store(repeater.flights.is_handshaking(), Ordering::Relaxed);
        if due {
            repeater.ensure_task(self);
        }
    }

    fn handle_incoming(self: &Arc<Self>, from: SocketAddr, server: bool, bytes: &[u8]) -> Verdict {
        let datagram = Datagram::classify(bytes);
        let contact = server || lock(&self.contacts).contains(from);
        match datagram {
            Datagram::Stun(stun) => {
                self.handle_incoming_stun(stun, contact);
                return Verdict::Pass;
            }
            Datagram::Other => return Verdict::Pass,
            Datagram::Media if !contact => return Verdict::Pass,
            Datagram::Dtls(_) if !contact => return Verdict::Drop,
            Datagram::Dtls(Dtls::SealedAlert) => self.sealed_alert_came.store(true, Ordering::Relaxed),
            Datagram::Dtls(_) | Datagram::Media => {}
        }
        let mut repeater = lock(&self.repeater);
        let missing = repeater.flights.handle_incoming(now(), datagram);
        self.handshaking.store(repeater.flights.is_handshaking(), Ordering::Relaxed);
        if !missing.is_empty() {
            tokio::spawn(send(missing));
        }
        // The engine would end over either, whoever wrote it.
        if matches!(datagram, Datagram::Dtls(Dtls::PlainAlert | Dtls::PlainApplication)) {
            repeater.ensure_task(self);
            return Verdict::Drop;
        }
        Verdict::Pass
    }

    fn handle_incoming_stun(&self, stun: Stun, contact: bool) {
        match stun {
            Stun::AllocateSuccess if contact => self.allocations.fetch_add(1, Ordering::Relaxed),
            Stun::AllocateError if contact => self.refusals.fetch_add(1, Ordering::Relaxed),
            Stun::AllocateSuccess
            | Stun::AllocateError
            | Stun::CheckAnswered
            | Stun::Request
            | Stun::Other => 0,
        };
        // An answered check may have queued the ClientHello. The driver is awake: it called us.
        if lock(&self.repeater).flights.is_idle() {
            self.wake.mark();
        }
    }

    fn close(&self) {
        self.names.close();
        lock(&self.repeater).close();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("handshaking", &self.handshaking).finish_non_exhaustive()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// No code of ours panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for ConnectionRuntime {
    fn spawn(&self, task: Pending<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn(self.driver(task))
    }

    fn spawn_reactor(&self, size: usize, task: Pending<'static, ()>) -> Box<dyn JoinHandle> {
        self.inner.spawn_reactor(size, self.driver(task))
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let inner = self.inner.wrap_udp_socket(socket)?;
        Ok(Arc::new(WatchedSocket { inner, shared: self.shared.clone(), early: Mutex::default() }))
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, to: SocketAddr) -> Pending<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(to)
    }

    fn resolve_host<'a>(&'a self, server: &'a str) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(self.shared.names.answer(server)))
    }

    fn now(&self) -> Instant {
        now()
    }

    fn sleep(&self, duration: Duration) -> Pending<'static, ()> {
        Box::pin(KickableSleep {
            sleep: self.inner.sleep(duration),
            wake: self.shared.wake.clone(),
            inner: self.inner.clone(),
            ending: None,
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }

    fn yield_now(&self) -> Pending<'static, ()> {
        self.inner.yield_now()
    }

    fn name(&self) -> &'static str {
        "ringback"
    }
}

//! Names of STUN and TURN servers, answered without making the driver wait.
//!
//! The engine asks for addresses on its driver task, at the start of every gathering; a slow answer would freeze the
//! whole connection. A name that is known, or is an address, is answered with its addresses. Any other is answered
//! at once with a *stand-in*: an address of a block that is never routed, one for each name. What the engine sends
//! to a stand-in is held back until the look-up ends, then sent to the real address; what comes from the real
//! address is shown to the engine as coming from the stand-in. So a late server's candidates join whenever its name
//! resolves, without another gathering, and a name that never resolves costs its own candidates only.
//!
//! A name keeps its stand-in as long as the connection lives, since a gatherer tells servers apart by address. It has
//! one of each family; if the name turns out to have no address of a family, requests to that one are never sent, and
//! gathering ends only when their transactions time out. Nothing waits for that end.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::task::AbortHandle;
use webrtc::runtime::AsyncUdpSocket;

use super::lock;
use crate::net::CachedResolver;
use crate::redacted::Redacted;

/// The names that one connection asks for.
#[derive(Debug)]
pub(super) struct Names {
    resolver: CachedResolver,
    /// Is there a stand-in at all? Otherwise datagrams pass without a look at the table.
    used: AtomicBool,
    table: Mutex<Vec<StandIn>>,
}

#[derive(Debug)]
struct StandIn {
    host: String,
    port: u16,
    state: State,
}

#[derive(Debug)]
enum State {
    Pending { task: AbortHandle, held: Vec<Held> },
    Known { addresses: Vec<IpAddr> },
    Failed,
}

/// A datagram that waits for an address.
#[derive(Debug)]
struct Held {
    socket: Weak<dyn AsyncUdpSocket>,
    ipv6: bool,
    bytes: Vec<u8>,
}

/// Where a datagram goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Where the engine said.
    Unchanged,
    /// To the address behind a stand-in.
    To(SocketAddr),
    /// Nowhere yet; hold it with [`Names::hold`].
    Hold,
}

impl Names {
    pub(super) fn new(resolver: CachedResolver) -> Arc<Self> {
        Arc::new(Self { resolver, used: AtomicBool::new(false), table: Mutex::default() })
    }

    /// The addresses of `server` (`host:port`), real ones or stand-ins. Never waits.
    pub(super) fn answer(self: &Arc<Self>, server: &str) -> io::Result<Vec<SocketAddr>> {
        let (host, port) = server.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let port = port.parse::<u16>().map_err(|_| io::ErrorKind::InvalidInput)?;
        // The TURN side of the engine asks for IPv6 addresses without brackets.
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = literal.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        // Names that nobody has (RFC 6761 section 6.4).
        if host.ends_with(".invalid") {
            return Ok(Vec::new());
        }
        let mut table = lock(&self.table);
        let known = table.iter().position(|s| s.host == host && s.port == port);
        if let (None, Some(addresses)) = (known, self.resolver.cached(host)) {
            return Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect());
        }
        let index = match known {
            Some(index) if !matches!(table[index].state, State::Failed) => index,
            Some(index) => {
                table[index].state = self.look_up(index, host);
                index
            }
            None if table.len() >= MOST_STAND_INS => return Err(io::ErrorKind::QuotaExceeded.into()),
            None => {
                let index = table.len();
                let state = self.look_up(index, host);
                table.push(StandIn { host: host.to_owned(), port, state });
                self.used.store(true, Ordering::Release);
                index
            }
        };
        Ok(vec![stand_in(index, false), stand_in(index, true)])
    }

    fn look_up(self: &Arc<Self>, index: usize, host: &str) -> State {
        let (names, resolver, host) = (Arc::downgrade(self), self.resolver.clone(), host.to_owned());
        let task = tokio::spawn(async move {
            let answer = resolver.look_up(&host).await;
            if let Err(error) = &answer {
                tracing::warn!(kind = %error.kind(), "the name of an ICE server does not resolve");
                tracing::debug!(host = %Redacted(&host), error = %Redacted(error), "does not resolve");
            }
            let Some(names) = names.upgrade() else { return };
            for (socket, to, bytes) in names.resolved(index, answer.ok()) {
                if let Some(socket) = socket.upgrade() {
                    // A lost datagram is repeated by its transaction (RFC 8489 section 6.2.1).
                    let _ = socket.send_to(&bytes, to).await;
                }
            }
        });
        State::Pending { task: task.abort_handle(), held: Vec::new() }
    }

    fn resolved(&self, index: usize, answer: Option<Vec<IpAddr>>) -> Vec<Outgoing> {
        let mut table = lock(&self.table);
        let entry = &mut table[index];
        let state = answer.map_or(State::Failed, |addresses| State::Known { addresses });
        let old = std::mem::replace(&mut entry.state, state);
        let (State::Pending { held, .. }, State::Known { addresses }) = (old, &entry.state) else {
            return Vec::new();
        };
        let send = |held: Held| {
            let to = real(addresses, held.ipv6)?;
            Some((held.socket, SocketAddr::new(to, entry.port), held.bytes))
        };
        held.into_iter().filter_map(send).collect()
    }

    /// Where a datagram to `destination` goes.
    pub(super) fn route(&self, destination: SocketAddr) -> Route {
        if !self.used.load(Ordering::Acquire) {
            return Route::Unchanged;
        }
        let Some((index, ipv6)) = index_of(destination) else { return Route::Unchanged };
        let table = lock(&self.table);
        let Some(entry) = table.get(index) else { return Route::Unchanged };
        match &entry.state {
            State::Known { addresses } => match real(addresses, ipv6) {
                Some(to) => Route::To(SocketAddr::new(to, entry.port)),
                None => Route::Hold,
            },
            State::Pending { .. } | State::Failed => Route::Hold,
        }
    }

    /// Keeps a datagram until the name behind `destination` is known. Repeats of it are kept once; at most 8.
    pub(super) fn hold(&self, socket: &Arc<dyn AsyncUdpSocket>, destination: SocketAddr, bytes: &[u8]) {
        let Some((index, ipv6)) = index_of(destination) else { return };
        let mut table = lock(&self.table);
        let Some(StandIn { state: State::Pending { held, .. }, .. }) = table.get_mut(index) else { return };
        let socket = Arc::downgrade(socket);
        let known = held.iter().any(|h| h.bytes == bytes && Weak::ptr_eq(&h.socket, &socket));
        if !known && held.len() < MOST_HELD {
            held.push(Held { socket, ipv6, bytes: bytes.to_vec() });
        }
    }

    /// The stand-in to show for a datagram from `source`, if it is the address behind one.
    pub(super) fn shown(&self, source: SocketAddr) -> Option<SocketAddr> {
        if !self.used.load(Ordering::Acquire) {
            return None;
        }
        let table = lock(&self.table);
        let index = table.iter().position(|entry| {
            let State::Known { addresses } = &entry.state else { return false };
            entry.port == source.port() && real(addresses, source.is_ipv6()) == Some(source.ip())
        })?;
        Some(stand_in(index, source.is_ipv6()))
    }

    /// Gives up every look-up.
    pub(super) fn close(&self) {
        for entry in lock(&self.table).iter_mut() {
            if let State::Pending { task, .. } = std::mem::replace(&mut entry.state, State::Failed) {
                task.abort();
            }
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.close();
    }
}

type Outgoing = (Weak<dyn AsyncUdpSocket>, SocketAddr, Vec<u8>);

/// The first address of a family: the same one each time, so that answers are recognised.
fn real(addresses: &[IpAddr], ipv6: bool) -> Option<IpAddr> {
    addresses.iter().copied().find(|address| address.is_ipv6() == ipv6)
}

/// 240.0.0.0/4 is reserved (RFC 1112 section 4), 100::/64 is for discarding (RFC 6666).
fn stand_in(index: usize, ipv6: bool) -> SocketAddr {
    let last = u8::try_from(index).unwrap_or(u8::MAX);
    let ip: IpAddr = if ipv6 {
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, u16::from(last)).into()
    } else {
        Ipv4Addr::new(240, 0, 0, last).into()
    };
    SocketAddr::new(ip, STAND_IN_PORT)
}

fn index_of(address: SocketAddr) -> Option<(usize, bool)> {
    let last = match address.ip() {
        IpAddr::V4(ip) => match ip.octets() {
            [240, 0, 0, last] => last,
            _ => return None,
        },
        IpAddr::V6(ip) => match ip.segments() {
            [0x100, 0, 0, 0, 0, 0, 0, last] => u8::try_from(last).ok()?,
            _ => return None,
        },
    };
    let index = usize::from(last);
    (address.port() == STAND_IN_PORT).then_some((index, address.is_ipv6()))
}

/// Any port would do; this is STUN's.
const STAND_IN_PORT: u16 = 3478;
/// More servers than anyone configures, and they fit the last octet.
const MOST_STAND_INS: usize = 32;
/// One request for each of a few sockets.
const MOST_HELD: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::BoxFuture;
    use crate::net::Resolver;

    /// Answers after ten seconds.
    struct Slow(Option<IpAddr>);

    impl Resolver for Slow {
        fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                self.0.map(|address| vec![address]).ok_or_else(|| io::ErrorKind::NotFound.into())
            })
        }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn names(answer: Option<[u8; 4]>) -> Arc<Names> {
        Names::new(CachedResolver::new(Arc::new(Slow(answer.map(IpAddr::from)))))
    }

    async fn eleven_seconds() {
        tokio::time::sleep(Duration::from_secs(11)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_answered_as_they_are() {
        let names = names(None);
        assert_eq!(names.answer("192.0.2.1:5").unwrap(), [address("192.0.2.1:5")]);
        assert_eq!(names.answer("[2001:db8::1]:5").unwrap(), [address("[2001:db8::1]:5")]);
        assert_eq!(names.answer("2001:db8::1:5").unwrap(), [address("[2001:db8::1]:5")]);
        assert!(names.answer("no port").is_err());
        assert_eq!(names.route(address("192.0.2.1:5")), Route::Unchanged);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_name_is_answered_at_once_and_followed_later() {
        let names = names(Some([192, 0, 2, 7]));
        let start = tokio::time::Instant::now();
        let stand_ins = names.answer("stun.example:19302").unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(names.route(stand_ins[0]), Route::Hold);
        eleven_seconds().await;
        let real = address("192.0.2.7:19302");
        assert_eq!(names.route(stand_ins[0]), Route::To(real));
        assert_eq!(names.route(stand_ins[1]), Route::Hold, "it has no IPv6 address");
        assert_eq!(names.shown(real), Some(stand_ins[0]));
        assert_eq!(names.shown(address("192.0.2.7:1")), None);
        assert_eq!(names.answer("stun.example:19302").unwrap(), stand_ins, "a name keeps its stand-in");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_known_before_needs_no_stand_in() {
        let names = names(Some([192, 0, 2, 7]));
        names.resolver.look_up("stun.example").await.unwrap();
        assert_eq!(names.answer("stun.example:1").unwrap(), [address("192.0.2.7:1")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_fails_is_tried_again_when_asked_again() {
        let names = names(None);
        let stand_ins = names.answer("stun.example:1").unwrap();
        eleven_seconds().await;
        assert_eq!(names.route(stand_ins[0]), Route::Hold);
        assert!(matches!(lock(&names.table)[0].state, State::Failed));
        assert_eq!(names.answer("stun.example:1").unwrap(), stand_ins);
        assert!(matches!(lock(&names.table)[0].state, State::Pending { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn closing_gives_look_ups_up() {
        let names = names(Some([192, 0, 2, 7]));
        names.answer("stun.example:1").unwrap();
        names.close();
        tokio::task::yield_now().await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    }
}

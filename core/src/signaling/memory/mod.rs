//! Signaling inside one process: a hub that phones join, with faults that can be switched on.
//!
//! For programs that hold both sides (the example `loopback`) and for scenarios in virtual time. A message goes to
//! every phone of the user it names, as on a real hub; device and instance are for the receiver to judge. There is no
//! task: a delayed message waits in the inbox of its receiver until tokio's clock has reached it.
//!
//! | queue | places | when full |
//! |---|---|---|
//! | inbox of a phone | 1,024 | the newest message is lost and counted |
//! | tap | the caller's | the newest entry is lost |
//!
//! Order is a function of the seed and of the order of `send`s: messages due in the same millisecond arrive in the
//! order they were sent.

mod faults;
mod inbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use self::faults::{Dice, fold};
use self::inbox::{Found, Inbox};
use super::{Outgoing, ProbeError, RefusedWhy, ServerTime, Signaling, SignalingEvent};
use crate::BoxFuture;
use crate::proto::{CallId, DeviceId, UserId};

pub use self::faults::Faults;

/// The largest message the hub takes: an envelope's limit.
const MAX_BYTES: usize = 64 * 1024;

/// A hub in memory. Clones are the same hub.
#[derive(Debug, Clone)]
pub struct MemoryHub {
    state: Arc<Mutex<HubState>>,
}

/// One phone's place on a [`MemoryHub`]. Dropping it is a phone that dies without a word.
#[derive(Debug)]
pub struct MemorySignaling {
    hub: MemoryHub,
    port: u64,
    wake: Arc<Notify>,
}

/// The wall clock that a [`MemoryHub`] shows to phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HubClock {
    /// The machine's.
    #[default]
    Right,
    /// Behind the machine's by this much.
    Behind(Duration),
    /// Ahead of the machine's by this much.
    Ahead(Duration),
    /// It has none.
    Missing,
}

/// What the hub did so far, counted per delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubCounts {
    /// Messages taken.
    pub sent: u64,
    /// Copies put into an inbox.
    pub delivered: u64,
    /// Deliveries lost by a fault, or to a phone that was down.
    pub lost: u64,
    /// Copies dropped because an inbox was full.
    pub overflowed: u64,
}

/// One message that passed, for logs and assertions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// When it was sent.
    pub at: Instant,
    /// The sender.
    pub from: UserId,
    /// The receiver.
    pub to: UserId,
    /// Its kind.
    pub kind: &'static str,
    /// Its call.
    pub call: CallId,
    /// The envelope.
    pub text: String,
    /// How many copies were put into inboxes.
    pub copies: usize,
}

#[derive(Debug)]
struct HubState {
    seed: u64,
    gone: bool,
    faults: Faults,
    clock: HubClock,
    pair_faults: BTreeMap<(UserId, UserId), Faults>,
    down: BTreeSet<(UserId, DeviceId)>,
    ports: BTreeMap<u64, Port>,
    next_port: u64,
    /// Messages per direction so far, by the hash of both ends.
    ways: BTreeMap<u64, u64>,
    counts: HubCounts,
    tap: Option<mpsc::Sender<Passed>>,
}

#[derive(Debug)]
struct Port {
    user: UserId,
    device: DeviceId,
    inbox: Inbox,
    wake: Arc<Notify>,
}

impl MemoryHub {
    /// A hub without faults; `seed` decides every fault switched on later.
    pub fn new(seed: u64) -> Self {
        let state = HubState {
            seed,
            gone: false,
            faults: Faults::default(),
            clock: HubClock::Right,
            pair_faults: BTreeMap::new(),
            down: BTreeSet::new(),
            ports: BTreeMap::new(),
            next_port: 0,
            ways: BTreeMap::new(),
            counts: HubCounts::default(),
            tap: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Connects a phone. The same user and device may join twice, as a restarted phone does: both get messages.
    pub fn join(&self, user: UserId, device: DeviceId) -> MemorySignaling {
        let wake = Arc::new(Notify::new());
        let mut state = self.lock();
        let up = !state.gone && !state.down.contains(&(user.clone(), device));
        let port = state.next_port;
        state.next_port += 1;
        state.ports.insert(port, Port { user, device, inbox: Inbox::new(up), wake: wake.clone() });
        drop(state);
        MemorySignaling { hub: self.clone(), port, wake }
    }

    /// What goes wrong between all pairs that have no faults of their own.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The wall clock that phones are shown.
    pub fn set_clock(&self, clock: HubClock) {
        self.lock().clock = clock;
    }

    /// What goes wrong from one user to another, one way; `None`: the hub's faults again.
    pub fn set_pair_faults(&self, from: &UserId, to: &UserId, faults: Option<Faults>) {
        let pair = (from.clone(), to.clone());
        let mut state = self.lock();
        match faults {
            Some(faults) => state.pair_faults.insert(pair, faults),
            None => state.pair_faults.remove(&pair),
        };
    }

    /// Cuts one phone off. It is told `Down`; what is under way to it is lost.
    pub fn cut(&self, user: &UserId, device: DeviceId) {
        let mut state = self.lock();
        state.down.insert((user.clone(), device));
        state.refresh_links();
    }

    /// Connects a phone again after [`MemoryHub::cut`].
    pub fn restore(&self, user: &UserId, device: DeviceId) {
        let mut state = self.lock();
        state.down.remove(&(user.clone(), device));
        state.refresh_links();
    }

    /// Takes the whole hub away, or brings it back.
    pub fn set_gone(&self, gone: bool) {
        let mut state = self.lock();
        state.gone = gone;
        state.refresh_links();
    }

    /// Delivers a text to all phones of a user as if a stranger had sent it, past every fault.
    pub fn inject(&self, to: &UserId, age: Option<Duration>, text: impl Into<String>) {
        let text = text.into();
        let mut state = self.lock();
        let now = Instant::now();
        for port in state.ports.values_mut().filter(|port| port.user == *to) {
            if port.inbox.push(now, SignalingEvent::Message { age, text: text.clone() }) {
                port.wake.notify_one();
            }
        }
    }

    /// What the hub did so far.
    pub fn counts(&self) -> HubCounts {
        self.lock().counts
    }

    /// Copies every message that passes into `tap`; a full tap misses it.
    pub fn tap(&self, tap: mpsc::Sender<Passed>) {
        self.lock().tap = Some(tap);
    }

    fn lock(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signaling for MemorySignaling {
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        Box::pin(async move { self.hub.lock().send(self.port, message) })
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        Box::pin(async move {
            loop {
                let found = match self.hub.lock().ports.get_mut(&self.port) {
                    Some(port) => port.inbox.take(Instant::now()),
                    None => Found::Event(SignalingEvent::Closed),
                };
                match found {
                    Found::Event(event) => return event,
                    Found::Nothing => self.wake.notified().await,
                    Found::Until(at) => tokio::select! {
                        biased;
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    },
                }
            }
        })
    }

    /// Takes twice the delay of the hub's faults; a hub that loses everything never answers.
    fn probe(&self) -> BoxFuture<'_, Result<Duration, ProbeError>> {
        Box::pin(async move {
            let faults = self.hub.lock().up(self.port)?;
            if faults.loss >= 1.0 {
                return std::future::pending().await;
            }
            let start = Instant::now();
            tokio::time::sleep(faults.delay * 2).await;
            Ok(start.elapsed())
        })
    }

    fn server_time(&self) -> BoxFuture<'_, Result<ServerTime, ProbeError>> {
        Box::pin(async move {
            let state = self.hub.lock();
            state.up(self.port)?;
            let now = SystemTime::now();
            let server = match state.clock {
                HubClock::Right => now,
                HubClock::Behind(by) => now - by,
                HubClock::Ahead(by) => now + by,
                HubClock::Missing => return Err(ProbeError::NoAnswer),
            };
            Ok(ServerTime { asked: now, server, answered: now })
        })
    }

    fn is_closed(&self) -> bool {
        self.hub.lock().ports.get(&self.port).is_none_or(|port| port.inbox.is_closed())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(port) = self.hub.lock().ports.get_mut(&self.port) {
                port.inbox.close();
            }
            self.wake.notify_one();
        })
    }
}

impl Drop for MemorySignaling {
    fn drop(&mut self) {
        self.hub.lock().ports.remove(&self.port);
    }
}

impl HubState {
    fn up(&self, port: u64) -> Result<Faults, ProbeError> {
        let port = self.ports.get(&port).filter(|port| port.inbox.is_up()).ok_or(ProbeError::Offline)?;
        let to_oneself = (port.user.clone(), port.user.clone());
        Ok(self.pair_faults.get(&to_oneself).unwrap_or(&self.faults).to_owned())
    }

    fn send(&mut self, from: u64, message: Outgoing) -> Result<(), RefusedWhy> {
        let Some(sender) = self.ports.get(&from).filter(|port| port.inbox.is_up()) else {
            return Err(RefusedWhy::Unavailable);
        };
        if message.text.len() > MAX_BYTES {
            return Err(RefusedWhy::TooLarge);
        }
        let (user, device) = (sender.user.clone(), sender.device);
        let to = message.to.user.clone();
        let faults = self.pair_faults.get(&(user.clone(), to.clone())).unwrap_or(&self.faults).to_owned();
        if let Some(why) = faults.refuse {
            return Err(why);
        }
        self.counts.sent += 1;
        let now = Instant::now();
        if let Some(why) = faults.refuse_later {
            if let Some(port) = self.ports.get_mut(&from) {
                port.inbox.push(now + faults.delay, SignalingEvent::Refused(message.id, why));
                port.wake.notify_one();
            }
            return Ok(());
        }
        let mut copies = 0;
        for port in self.ports.values_mut().filter(|port| port.user == to) {
            let way = way(&user, device, &port.user, port.device);
            let index = self.ways.entry(way).or_default();
            *index += 1;
            let arrivals = faults.fate(&Dice::new(self.seed, way, *index));
            if arrivals.is_empty() || !port.inbox.is_up() {
                self.counts.lost += 1;
                continue;
            }
            for arrival in arrivals {
                let age = (!arrival.ageless).then_some(Duration::ZERO);
                let event = SignalingEvent::Message { age, text: message.text.clone() };
                if port.inbox.push(now + arrival.after, event) {
                    copies += 1;
                } else {
                    self.counts.overflowed += 1;
                }
            }
            port.wake.notify_one();
        }
        self.counts.delivered += copies as u64;
        if let Some(tap) = &self.tap {
            let Outgoing { call, kind, text, .. } = message;
            // A full tap misses the entry, as documented.
            let _ = tap.try_send(Passed { at: now, from: user, to, kind, call, text, copies });
        }
        Ok(())
    }

    fn refresh_links(&mut self) {
        for port in self.ports.values_mut() {
            port.inbox.set_up(!self.gone && !self.down.contains(&(port.user.clone(), port.device)));
            port.wake.notify_one();
        }
    }
}

/// A number for the way from one phone to another, the same in every run.
fn way(from: &UserId, from_device: DeviceId, to: &UserId, to_device: DeviceId) -> u64 {
    let ends = [(from, from_device), (to, to_device)];
    fold(ends.iter().flat_map(|(user, device)| {
        // Zero never occurs in a user id: it keeps ("ab", "c") and ("a", "bc") apart.
        user.as_str().bytes().chain([0]).chain(device.as_bytes().iter().copied())
    }))
}

#[cfg(test)]
mod tests;

//! What the handles of a phone share with its driver.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::call::CallStats;
use crate::audio::AudioHandle;
use crate::entropy::CallIds;
use crate::error::CallError;
use crate::events::Publisher;
use crate::media::ice::IceServers;
use crate::media::{ConnStats, MediaEngine};
use crate::proto::call::{CallSnapshot, CallState, Command, VerbError};
use crate::proto::{CallId, ConnId};
use crate::signaling::{Signaling, SignalingHealth};

/// A command on its way to the driver; the answer names the call that it led to.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Result<Option<CallId>, VerbError>>,
}

/// What the handles of a phone share with its driver.
pub(crate) struct Shared {
    pub(crate) signals: Signals,
    pub(crate) publisher: Publisher,
    pub(crate) health: watch::Sender<SignalingHealth>,
    pub(crate) engine: Arc<dyn MediaEngine>,
    pub(crate) audio: AudioHandle,
    pub(crate) ids: CallIds,
    /// The ports that a diagnosis looks at; the pumps keep signaling alive.
    #[cfg_attr(not(feature = "diagnose"), expect(dead_code, reason = "only a diagnosis reads it"))]
    pub(crate) signaling: Weak<dyn Signaling>,
    #[cfg_attr(not(feature = "diagnose"), expect(dead_code, reason = "only a diagnosis reads it"))]
    pub(crate) ice_servers: Option<Arc<dyn IceServers>>,
    commands: mpsc::Sender<Asked>,
    calls: Mutex<BTreeMap<CallId, KnownCall>>,
    /// Counts the calls that were shown, so that they can be told in that order.
    shown: AtomicU64,
    ended: Mutex<VecDeque<(CallId, KnownCall)>>,
    closed: watch::Sender<bool>,
}

struct KnownCall {
    number: u64,
    state: watch::Sender<CallSnapshot>,
    stats: LastStats,
    conn: Option<ConnId>,
}

/// The last figures of a call; they outlive it in its handles.
pub(crate) type LastStats = Arc<Mutex<Option<CallStats>>>;

/// What may never wait and never be refused: hang up, close, network changed.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    hang_ups: Mutex<BTreeSet<CallId>>,
    network: AtomicBool,
    closing: AtomicBool,
    raised: Notify,
}

/// One of the [`Signals`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    HangUp(CallId),
    NetworkChanged,
    Close,
}

impl Shared {
    pub(crate) fn new(
        engine: Arc<dyn MediaEngine>,
        audio: AudioHandle,
        ids: CallIds,
        signaling: Weak<dyn Signaling>,
        ice_servers: Option<Arc<dyn IceServers>>,
    ) -> (Self, mpsc::Receiver<Asked>) {
        let (commands, asked) = mpsc::channel(COMMAND_PLACES);
        let shared = Self {
            signals: Signals::default(),
            publisher: Publisher::default(),
            health: watch::Sender::new(SignalingHealth::Connecting),
            engine,
            audio,
            ids,
            signaling,
            ice_servers,
            commands,
            calls: Mutex::new(BTreeMap::new()),
            shown: AtomicU64::new(0),
            ended: Mutex::new(VecDeque::new()),
            closed: watch::Sender::new(false),
        };
        (shared, asked)
    }

    /// Hands a command to the driver and waits for its answer, which takes no network.
    pub(crate) async fn ask(&self, command: Command) -> Result<Option<CallId>, CallError> {
        let (answer, answered) = oneshot::channel();
        self.commands.try_send(Asked { command, answer }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CallError::Busy,
            mpsc::error::TrySendError::Closed(_) => CallError::Verb(VerbError::Closed),
        })?;
        Ok(answered.await.map_err(|_| VerbError::Closed)??)
    }

    /// The calls that have not ended, the oldest first.
    pub(crate) fn snapshots(&self) -> Vec<CallSnapshot> {
        let calls = self.calls();
        let mut calls: Vec<&KnownCall> = calls.values().collect();
        calls.sort_unstable_by_key(|call| call.number);
        calls.into_iter().map(|call| call.state.borrow().clone()).collect()
    }

    pub(crate) fn watch(&self, call: CallId) -> Option<(watch::Receiver<CallSnapshot>, LastStats)> {
        let known = |call: &KnownCall| (call.state.subscribe(), call.stats.clone());
        if let Some(call) = self.calls().get(&call) {
            return Some(known(call));
        }
        lock(&self.ended).iter().find(|(id, _)| *id == call).map(|(_, call)| known(call))
    }

    pub(crate) fn conn_of(&self, call: CallId) -> Option<ConnId> {
        self.calls().get(&call)?.conn
    }

    pub(crate) fn call_of(&self, conn: ConnId) -> Option<CallId> {
        self.calls().iter().find(|(_, call)| call.conn == Some(conn)).map(|(id, _)| *id)
    }

    /// Shows a call's new state to its handles; an ended call leaves the list, its handles keep the end. The last few
    /// are still found by id: a call may end before whoever placed it or reads of it asks for its handle.
    pub(crate) fn show(&self, snapshot: CallSnapshot) {
        let over = matches!(snapshot.state, CallState::Ended(_));
        let id = snapshot.call;
        if let Some((_, call)) = lock(&self.ended).iter().find(|(known, _)| *known == id) {
            call.state.send_replace(snapshot);
            return;
        }
        let mut calls = self.calls();
        match calls.get(&id) {
            Some(call) => {
                call.state.send_replace(snapshot);
            }
            None => {
                calls.insert(
                    id,
                    KnownCall {
                        number: self.shown.fetch_add(1, Ordering::Relaxed),
                        state: watch::Sender::new(snapshot),
                        stats: LastStats::default(),
                        conn: None,
                    },
                );
            }
        }
        if !over {
            return;
        }
        let Some(call) = calls.remove(&id) else { return };
        drop(calls);
        let mut ended = lock(&self.ended);
        if ended.len() >= ENDED_PLACES {
            ended.pop_front();
        }
        ended.push_back((id, call));
    }

    pub(crate) fn set_conn(&self, call: CallId, conn: ConnId) {
        if let Some(call) = self.calls().get_mut(&call) {
            call.conn = Some(conn);
        }
    }

    pub(crate) fn forget_conn(&self, conn: ConnId) {
        for call in self.calls().values_mut().filter(|call| call.conn == Some(conn)) {
            call.conn = None;
        }
    }

    /// Keeps a connection's figures; answers the worst loss that any peer reports, `None` if the connection is gone.
    pub(crate) fn record(&self, conn: ConnId, network: ConnStats) -> Option<f32> {
        let sound = self.audio.stats(conn).unwrap_or_default();
        let calls = self.calls();
        let call = calls.values().find(|call| call.conn == Some(conn))?;
        *lock(&call.stats) = Some(CallStats { network, sound });
        let reported = calls.values().filter(|call| call.conn.is_some());
        let losses = reported.filter_map(|call| lock(&call.stats).map(|stats| stats.network.remote_loss));
        Some(losses.fold(0.0, f32::max))
    }

    pub(crate) fn set_closed(&self) {
        self.publisher.close();
        self.closed.send_replace(true);
    }

    pub(crate) async fn closed(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<CallId, KnownCall>> {
        lock(&self.calls)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("signals", &self.signals).finish_non_exhaustive()
    }
}

impl Signals {
    pub(crate) fn hang_up(&self, call: CallId) {
        lock(&self.hang_ups).insert(call);
        self.raised.notify_one();
    }

    pub(crate) fn network_changed(&self) {
        self.network.store(true, Ordering::Release);
        self.raised.notify_one();
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.raised.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// The next signal, taken once; `Close` stays raised. Cancel safe. Called by the driver only.
    pub(crate) async fn next(&self) -> Signal {
        loop {
            if self.is_closed() {
                return Signal::Close;
            }
            if let Some(call) = lock(&self.hang_ups).pop_first() {
                return Signal::HangUp(call);
            }
            if self.network.swap(false, Ordering::AcqRel) {
                return Signal::NetworkChanged;
            }
            self.raised.notified().await;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls that end at once come one at a time; a reader of events that is later than this finds no handle.
const ENDED_PLACES: usize = 16;
/// Verbs that wait for the driver; one that finds no place is told [`CallError::Busy`].
const COMMAND_PLACES: usize = 64;

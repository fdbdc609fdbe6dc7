//! The engine: connections by number, one queue of events.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::certificates::Certificates;
use super::config::{Setup, WebRtcEngineBuilder};
use super::connection::{Common, Connection, Inlets, Randoms};
use super::peer::PeerOptions;
use super::servers::{ServerList, UsableServers};
use crate::BoxFuture;
use crate::media::{ConnStats, EngineEvent, MediaEngine, QueueFull};
use crate::proto::session::{MediaCommand, MediaEvent, MediaFailure};
use crate::proto::{CallId, ConnId};

/// Connections over webrtc-rs.
///
/// Dropping the engine closes its connections in the background; [`MediaEngine::close`] also waits for them.
pub struct WebRtcEngine {
    common: Arc<Common>,
    /// The runtime on which connections live.
    handle: Handle,
    connections: Mutex<Connections>,
    events: tokio::sync::Mutex<mpsc::Receiver<(ConnId, EngineEvent)>>,
}

#[derive(Default)]
struct Connections {
    open: BTreeMap<ConnId, Outlets>,
    tasks: JoinSet<()>,
    certificates: Certificates,
    closed: bool,
}

/// The engine's ends of a connection's queues.
struct Outlets {
    commands: mpsc::Sender<MediaCommand>,
    queries: mpsc::Sender<oneshot::Sender<ConnStats>>,
    closing: Arc<Flag>,
}

impl WebRtcEngine {
    /// Sets an engine up.
    pub fn builder() -> WebRtcEngineBuilder {
        WebRtcEngineBuilder::default()
    }

    pub(super) fn new(setup: Setup) -> Self {
        let (events_tx, events) = mpsc::channel(EVENT_PLACES);
        let servers = ServerList::new(setup.ice_servers.clone());
        // So that the first call finds them.
        servers.fetch();
        let common = Common { setup, servers, mdns_works: AtomicBool::new(true), events: events_tx };
        Self {
            common: Arc::new(common),
            handle: Handle::current(),
            connections: Mutex::default(),
            events: tokio::sync::Mutex::new(events),
        }
    }

    /// Names may have other addresses in another network: forgets those that were looked up.
    pub fn network_changed(&self) {
        self.common.setup.resolver.forget();
    }

    fn open(&self, id: ConnId, call: CallId, relay_only: bool) {
        let mut connections = self.connections();
        while connections.tasks.try_join_next().is_some() {}
        if connections.closed || connections.open.contains_key(&id) {
            return;
        }
        let (commands_tx, commands) = mpsc::channel(COMMAND_PLACES);
        let (queries_tx, queries) = mpsc::channel(QUERY_PLACES);
        let closing = Arc::new(Flag::new());
        let outlets = Outlets { commands: commands_tx, queries: queries_tx, closing: closing.clone() };
        connections.open.insert(id, outlets);
        let (Some(certificate), Some(randoms)) = (connections.certificates.get(call), randoms()) else {
            let failed = EngineEvent::Session(MediaEvent::Failed(MediaFailure::Engine));
            let events = self.common.events.clone();
            connections.tasks.spawn_on(async move { drop(events.send((id, failed)).await) }, &self.handle);
            return;
        };
        let options =
            PeerOptions { certificate, servers: UsableServers::default(), relay_only, ssrc: randoms.ssrc };
        let inlets = Inlets { commands, queries, closing };
        let task = Connection::live(id, self.common.clone(), inlets, options, randoms);
        connections.tasks.spawn_on(task, &self.handle);
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MediaEngine for WebRtcEngine {
    fn command(&self, conn: ConnId, command: MediaCommand) -> Result<(), QueueFull> {
        match command {
            MediaCommand::Open { call, relay_only } => self.open(conn, call, relay_only),
            MediaCommand::Close => {
                if let Some(outlets) = self.connections().open.remove(&conn) {
                    outlets.closing.raise();
                }
            }
            command @ (MediaCommand::CreateOffer { .. }
            | MediaCommand::TakeOffer { .. }
            | MediaCommand::TakeAnswer { .. }
            | MediaCommand::AddCandidates { .. }
            | MediaCommand::ExpectMedia { .. }
            | MediaCommand::AllowDirect) => {
                let connections = self.connections();
                let sent = connections.open.get(&conn).map(|outlets| outlets.commands.try_send(command));
                if let Some(Err(mpsc::error::TrySendError::Full(_))) = sent {
                    return Err(QueueFull);
                }
            }
        }
        Ok(())
    }

    fn next(&self) -> BoxFuture<'_, (ConnId, EngineEvent)> {
        Box::pin(async move {
            let mut events = self.events.lock().await;
            loop {
                // The engine holds a sender itself, so the queue never ends.
                let Some((id, event)) = events.recv().await else { return std::future::pending().await };
                // Nothing is reported of a connection that was closed.
                if self.connections().open.contains_key(&id) {
                    return (id, event);
                }
            }
        })
    }

    fn stats(&self, conn: ConnId) -> BoxFuture<'_, Option<ConnStats>> {
        Box::pin(async move {
            let queries = self.connections().open.get(&conn)?.queries.clone();
            let (reply, stats) = oneshot::channel();
            queries.send(reply).await.ok()?;
            stats.await.ok()
        })
    }

    fn network_changed(&self) {
        WebRtcEngine::network_changed(self);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut tasks = self.connections().close();
            while tasks.join_next().await.is_some() {}
            self.common.servers.close().await;
        })
    }
}

impl Connections {
    fn close(&mut self) -> JoinSet<()> {
        self.closed = true;
        for outlets in std::mem::take(&mut self.open).into_values() {
            outlets.closing.raise();
        }
        std::mem::take(&mut self.tasks)
    }
}

impl Drop for WebRtcEngine {
    fn drop(&mut self) {
        // The connections close by themselves; aborting their tasks would leave the driver tasks behind.
        self.connections().close().detach_all();
    }
}

impl std::fmt::Debug for WebRtcEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebRtcEngine").finish_non_exhaustive()
    }
}

/// A flag that is raised once and can be waited for.
pub(super) struct Flag(watch::Sender<bool>);

impl Flag {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Returns once the flag is up. Cancel safe.
    pub(super) async fn raised(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}

/// `None` if the system has no random numbers, without which there is no DTLS either.
fn randoms() -> Option<Randoms> {
    let bytes = getrandom::u64().ok()?.to_le_bytes();
    let ssrc = getrandom::u32().ok()?;
    let [a, b, c, d, e, f, ..] = bytes;
    Some(Randoms { ssrc, sequence: u16::from_le_bytes([a, b]), timestamp: u32::from_le_bytes([c, d, e, f]) })
}

/// Commands of a connection; when full, [`QueueFull`].
const COMMAND_PLACES: usize = 64;
/// Events of all connections; when full, connections wait, and with them their commands.
const EVENT_PLACES: usize = 256;
/// Questions for statistics; when full, whoever asks waits.
const QUERY_PLACES: usize = 4;

//! The hub as a running thing: start, faults, stop.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::Message;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::auth::{Keys, TokenError};
use crate::config::HubConfig;
use crate::realtime::faults::{FaultSwitches, Faults};
use crate::realtime::http;
use crate::realtime::limits::Meters;
use crate::realtime::messages::{Messages, Row};
use crate::realtime::passed::Tap;
use crate::realtime::snapshot::{Counters, HubSnapshot};
use crate::realtime::topics::{TopicKey, Topics};
use crate::realtime::wire::Cast;
use crate::serve::{Listener, Serving};

/// A Realtime-compatible hub.
#[derive(Debug)]
pub struct Hub;

/// A hub that runs. Dropping it stops it at once; [`RunningHub::stop`] waits until everything is gone.
#[derive(Debug)]
pub struct RunningHub {
    state: Arc<HubState>,
    addr: SocketAddr,
    url: String,
    serving: Serving,
    /// Every socket holds a clone of its sender: it ends when the last socket is gone.
    sockets: mpsc::Receiver<()>,
}

/// What an order from outside makes every socket do.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Close(u16),
    /// Say that the server asked for it, then close.
    Disconnect,
    Send(Message),
    /// End channels as if they had crashed: those of this topic as it is on the wire, or all.
    Crash(Option<String>),
}

/// A fault that happens once. As JSON, in `act` of `POST /local/faults`: `{"kick": 1001}`, `"restart"`, `"disconnect"`,
/// `{"crash": "realtime:lobby"}`, `{"crash": null}`, `{"inject": "a text frame"}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAct {
    /// Closes every socket with this code, at once and unannounced.
    Kick(u16),
    /// Closes every socket with 1012 and forgets what was counted against limits. What the database stored stays.
    Restart,
    /// What an administrator does: `Server requested disconnect` on every channel, then 1012.
    Disconnect,
    /// Ends the channels of a topic (with its prefix `realtime:`), or all, with `phx_error`.
    Crash(Option<String>),
    /// Sends a text to every socket as it is, however malformed.
    Inject(String),
}

pub(crate) struct HubState {
    pub(crate) config: HubConfig,
    pub(crate) keys: Keys,
    pub(crate) faults: Faults,
    pub(crate) meters: Meters,
    pub(crate) counters: Counters,
    pub(crate) topics: Topics,
    pub(crate) tap: Tap,
    pub(crate) orders: broadcast::Sender<Order>,
    /// The last order was given: to close. A socket that opens later has not heard it.
    stopping: AtomicBool,
    messages: Mutex<Messages>,
    /// When the first join woke the replication connection.
    first_join: OnceLock<Instant>,
    next_socket: AtomicU64,
}

impl Hub {
    /// Starts a hub. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(config: HubConfig) -> io::Result<RunningHub> {
        let listener = Listener::bind(config.listen).await?;
        Ok(RunningHub::serve(HubState::new(config), listener, |hub| hub))
    }
}

impl RunningHub {
    /// Serves the hub's routes, and whatever `whole` makes of them.
    pub(crate) fn serve(
        state: Arc<HubState>,
        listener: Listener,
        whole: impl FnOnce(Router) -> Router,
    ) -> Self {
        let (alive, sockets) = mpsc::channel(1);
        let (addr, url) = (listener.addr(), listener.url());
        let serving = listener.serve(whole(http::router(state.clone(), alive)));
        Self { state, addr, url, serving, sockets }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL that a client is given: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Signs a token for a user.
    ///
    /// # Errors
    /// The secret cannot sign.
    pub fn mint(&self, user: &str, life: Duration) -> Result<String, TokenError> {
        self.state.keys.mint(user, life)
    }

    /// The switches for faults as they are now.
    pub fn faults(&self) -> FaultSwitches {
        self.state.faults.switches()
    }

    /// Sets the switches for faults, all at once. [`FaultSwitches::default`] puts everything right again.
    pub fn set_faults(&self, switches: FaultSwitches) {
        self.state.faults.change(|now| *now = switches);
    }

    /// Loses this share of all deliveries from now on, 0 to 100.
    pub fn set_drop_percent(&self, percent: u8) {
        self.state.faults.change(|now| now.drop_percent = percent);
    }

    /// Makes a fault happen once.
    pub fn act(&self, act: FaultAct) {
        self.state.act(act);
    }

    /// Closes every socket with this code, at once and unannounced: 1012 is what a deploy does.
    pub fn kick_all(&self, code: u16) {
        self.act(FaultAct::Kick(code));
    }

    /// Sends a text to every socket as it is, however malformed.
    pub fn inject_text(&self, text: impl Into<String>) {
        self.act(FaultAct::Inject(text.into()));
    }

    /// Sends bytes to every socket as they are, however malformed.
    pub fn inject_binary(&self, bytes: impl Into<Vec<u8>>) {
        self.state.order(Order::Send(Message::Binary(bytes.into().into())));
    }

    /// Sends as the SQL function `realtime.send` does: stores the message and delivers it with its id, which is also put
    /// into the payload unless that has one. Returns the id; `None`: the payload is no object, which SQL tells by a
    /// warning only.
    ///
    /// Delivery may fail without a word, as on the real server: a topic (with `realtime:`) or event over 255 bytes, a
    /// payload over the limit, the rate limit, replication that is lost or not up yet. The message is stored all the same.
    pub fn send_from_database(
        &self,
        topic: &str,
        event: &str,
        payload: &Value,
        private: bool,
    ) -> Option<String> {
        self.state.send_from_database(topic, event, payload, private)
    }

    /// Sends as the SQL function `realtime.send_binary` does. Returns the message's id.
    pub fn send_binary_from_database(
        &self,
        topic: &str,
        event: &str,
        bytes: impl Into<Vec<u8>>,
        private: bool,
    ) -> String {
        let mut messages = self.state.messages();
        let row = messages.send_binary(topic, event, bytes.into(), private);
        self.state.replicate(&row);
        row.id
    }

    /// What the hub is doing. It looks at one topic after the other: cheap, but not for every message.
    pub fn snapshot(&self) -> HubSnapshot {
        self.state.snapshot()
    }

    /// Closes every socket with 1012 and returns when none is left, after 2 s at most. The port is free then.
    pub async fn stop(mut self) {
        self.serving.stop();
        self.state.close_for_good();
        let gone = async {
            // Ends when the router and the last socket have dropped their senders.
            while self.sockets.recv().await.is_some() {}
        };
        let all = async { tokio::join!(gone, self.serving.stopped()) };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            self.serving.abort();
        }
    }
}

impl Drop for RunningHub {
    fn drop(&mut self) {
        self.state.close_for_good();
    }
}

impl HubState {
    pub(crate) fn new(config: HubConfig) -> Arc<Self> {
        let (orders, _) = broadcast::channel(ORDERS);
        Arc::new(Self {
            keys: Keys::new(config.jwt_secret.clone(), config.api_key.clone()),
            meters: Meters::new(&config.limits),
            config,
            faults: Faults::default(),
            counters: Counters::default(),
            topics: Topics::default(),
            tap: Tap::default(),
            orders,
            stopping: AtomicBool::new(false),
            messages: Mutex::default(),
            first_join: OnceLock::new(),
            next_socket: AtomicU64::new(1),
        })
    }

    pub(crate) fn act(&self, act: FaultAct) {
        match act {
            FaultAct::Kick(code) => self.order(Order::Close(code)),
            FaultAct::Restart => {
                self.meters.reset();
                self.order(Order::Close(RESTART));
            }
            FaultAct::Disconnect => self.order(Order::Disconnect),
            FaultAct::Crash(topic) => self.order(Order::Crash(topic)),
            FaultAct::Inject(text) => self.order(Order::Send(Message::Text(text.into()))),
        }
    }

    /// Closes every socket, and those that are just opening.
    fn close_for_good(&self) {
        // Before the order: whoever listens for orders too late for it sees this.
        self.stopping.store(true, Ordering::Release);
        self.order(Order::Close(RESTART));
    }

    /// Whether a socket has to close at once. To be asked once it listens for orders.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn send_from_database(
        &self,
        topic: &str,
        event: &str,
        payload: &Value,
        private: bool,
    ) -> Option<String> {
        let mut messages = self.messages();
        let row = messages.send(topic, event, payload, private)?;
        self.replicate(&row);
        Some(row.id)
    }

    pub(crate) fn snapshot(&self) -> HubSnapshot {
        let (topics, presences) = self.topics.snapshot();
        self.counters.snapshot(topics, presences)
    }

    /// What the database has sent. Hold it while you join and replay: then no message comes twice or not at all.
    pub(crate) fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the replication connection, which a project without any join does not have.
    pub(crate) fn wake_replication(&self) {
        self.first_join.get_or_init(Instant::now);
    }

    /// Whether what the database sends is delivered.
    pub(crate) fn replicates(&self) -> bool {
        let warm_up = self.config.replication_warm_up;
        !self.faults.replication_lost() && self.first_join.get().is_some_and(|at| at.elapsed() >= warm_up)
    }

    /// Whether no other socket may join; those that have joined may go on.
    pub(crate) fn has_too_many_users(&self) -> bool {
        let most = self.config.limits.connections;
        most.is_some_and(|most| usize::try_from(self.counters.users()).is_ok_and(|users| users >= most))
    }

    pub(crate) fn next_socket(&self) -> u64 {
        self.next_socket.fetch_add(1, Ordering::Relaxed)
    }

    /// Called with the messages locked: the order of rows is the order of deliveries.
    fn replicate(&self, row: &Row) {
        let now = Instant::now();
        let too_large = row.content.len() > self.config.payload_limit;
        if !self.replicates() || too_large || self.meters.messages.is_over(now) {
            return;
        }
        self.meters.messages.add(1, now);
        self.counters.add_message();
        let key = TopicKey { private: row.private, name: row.topic.clone() };
        if let Some(topic) = self.topics.get(&key) {
            let (event, content, id) = (row.event.clone(), row.content.clone(), Some(row.id.clone()));
            topic.cast(self, None, &Cast::User { event, content, id });
        }
    }

    fn order(&self, order: Order) {
        // Fails if no socket is there: then nobody needs the order.
        let _ = self.orders.send(order);
    }
}

impl std::fmt::Debug for HubState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubState").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Orders that wait for a socket that is slow to take them; the oldest are lost.
const ORDERS: usize = 64;
/// The close code of a deploy or a drain.
pub(crate) const RESTART: u16 = 1012;
/// How long sockets may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;
    use crate::config::DEMO_KEY;

    #[tokio::test]
    async fn a_socket_that_opens_after_the_order_to_close_is_closed_too() {
        let hub = Hub::start(HubConfig::default()).await.unwrap();
        hub.state.close_for_good();
        let url = format!("ws://{}/realtime/v1/websocket?apikey={DEMO_KEY}&vsn=2.0.0", hub.addr());
        let (mut socket, _) = connect_async(url).await.unwrap();
        let next = tokio::time::timeout(Duration::from_secs(30), socket.next());
        let Some(Ok(Message::Close(Some(frame)))) = next.await.unwrap() else { panic!("it is not closed") };
        assert_eq!(u16::from(frame.code), RESTART);
    }
}

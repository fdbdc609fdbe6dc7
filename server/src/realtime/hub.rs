//! The hub as a running thing: start, faults, stop.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::Message;
use tokio::sync::{broadcast, mpsc};

use crate::auth::{Keys, TokenError};
use crate::config::HubConfig;
use crate::realtime::faults::Faults;
use crate::realtime::http;
use crate::realtime::topics::Topics;
use crate::serve::{Listener, Serving};

/// A Realtime-compatible hub.
#[derive(Debug)]
pub struct Hub;

/// A hub that runs. Dropping it stops it at once; [`RunningHub::stop`] waits until everything is gone.
#[derive(Debug)]
pub struct RunningHub {
    state: Arc<HubState>,
    addr: SocketAddr,
    serving: Serving,
    /// Every socket holds a clone of its sender: it ends when the last socket is gone.
    sockets: mpsc::Receiver<()>,
}

/// What an order from outside makes every socket do.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Close(u16),
    Send(Message),
}

pub(crate) struct HubState {
    pub(crate) config: HubConfig,
    pub(crate) keys: Keys,
    pub(crate) faults: Faults,
    pub(crate) orders: broadcast::Sender<Order>,
    topics: Mutex<Topics>,
    next_socket: AtomicU64,
}

impl Hub {
    /// Starts a hub. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(config: HubConfig) -> io::Result<RunningHub> {
        let listener = Listener::bind(config.listen).await?;
        Ok(RunningHub::serve(HubState::new(config), listener, Router::new()))
    }
}

impl RunningHub {
    /// Serves the hub's routes and `more` on one listener.
    pub(crate) fn serve(state: Arc<HubState>, listener: Listener, more: Router) -> Self {
        let (alive, sockets) = mpsc::channel(1);
        let addr = listener.addr();
        let serving = listener.serve(http::router(state.clone(), alive).merge(more));
        Self { state, addr, serving, sockets }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL that a client is given: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Signs a token for a user.
    ///
    /// # Errors
    /// The secret cannot sign.
    pub fn mint(&self, user: &str, life: Duration) -> Result<String, TokenError> {
        self.state.keys.mint(user, life)
    }

    /// Loses this share of all deliveries from now on, 0 to 100.
    pub fn set_drop_percent(&self, percent: u8) {
        self.state.faults.set_drop_percent(percent);
    }

    /// Closes every socket with this code, at once and unannounced: 1012 is what a deploy does.
    pub fn kick_all(&self, code: u16) {
        self.order(Order::Close(code));
    }

    /// Sends a text to every socket as it is, however malformed.
    pub fn inject_text(&self, text: impl Into<String>) {
        self.order(Order::Send(Message::Text(text.into().into())));
    }

    /// Sends bytes to every socket as they are, however malformed.
    pub fn inject_binary(&self, bytes: impl Into<Vec<u8>>) {
        self.order(Order::Send(Message::Binary(bytes.into().into())));
    }

    /// Closes every socket with 1012 and returns when none is left, after 2 s at most. The port is free then.
    pub async fn stop(mut self) {
        self.serving.stop();
        self.kick_all(RESTART);
        let gone = async {
            // Ends when the router and the last socket have dropped their senders.
            while self.sockets.recv().await.is_some() {}
        };
        let all = async { tokio::join!(gone, self.serving.stopped()) };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            self.serving.abort();
        }
    }

    fn order(&self, order: Order) {
        // Fails if no socket is there: then nobody needs the order.
        let _ = self.state.orders.send(order);
    }
}

impl Drop for RunningHub {
    fn drop(&mut self) {
        self.kick_all(RESTART);
    }
}

impl HubState {
    pub(crate) fn new(config: HubConfig) -> Arc<Self> {
        let (orders, _) = broadcast::channel(ORDERS);
        Arc::new(Self {
            keys: Keys::new(config.jwt_secret.clone(), config.api_key.clone()),
            config,
            faults: Faults::default(),
            orders,
            topics: Mutex::default(),
            next_socket: AtomicU64::new(1),
        })
    }

    pub(crate) fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_socket(&self) -> u64 {
        self.next_socket.fetch_add(1, Ordering::Relaxed)
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
const RESTART: u16 = 1012;
/// How long sockets may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

//! One websocket: reads frames, keeps its channels, writes what comes back.
//!
//! One task per socket owns everything. A refused join sleeps inside that task, as in the real server: nothing of the
//! socket moves meanwhile, in either direction.
//!
//! ```text
//! frames of the client --+                                +--> frames to the client
//! deliveries of topics --+--> the task: channels, rights --+--> topics
//! orders, time ----------+
//! ```

mod channel;
mod join;
mod presence;
mod rights;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use self::channel::Channel;
use crate::realtime::http::{MAX_FRAME, Shared};
use crate::realtime::hub::{HubState, Order, RESTART};
use crate::realtime::topics::{Delivery, DeliveryKind};
use crate::realtime::wire::{self, Up, Vsn};

/// A socket's state.
pub(crate) struct Socket {
    shared: Shared,
    id: u64,
    vsn: Vsn,
    /// The API key: the token of joins that bring none.
    key: String,
    /// By topic as it is on the wire.
    channels: BTreeMap<String, Channel>,
    joins: u32,
    queue: mpsc::Sender<Delivery>,
    /// The first delivery that is not due yet; those behind it wait, too.
    held: Option<Delivery>,
    /// Frames to write before the next read.
    out: Vec<Message>,
    /// What is in `out` is held back this long, and the whole socket with it.
    stall: Duration,
    /// The socket ends when `out` is written.
    end: Option<End>,
    last_heard: Instant,
    /// It has joined, and counts against the limit of connections.
    is_user: bool,
}

/// Why a socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Gone,
    /// The client closes, and waits for the echo.
    Left,
    Close(u16),
    /// As `Close` with 1012, after a word on every channel.
    Disconnect,
}

pub(crate) async fn run(shared: Shared, mut websocket: WebSocket, vsn: Vsn, key: String) {
    let mut orders = shared.hub.orders.subscribe();
    let (queue, mut deliveries) = mpsc::channel(QUEUE);
    let mut socket = Socket::new(shared, vsn, key, queue);
    let mut end = if socket.hub().is_stopping() {
        End::Close(RESTART)
    } else {
        tokio::select! {
            // An order to close counts although the socket always has something to do.
            biased;
            end = obey_close(&mut orders) => end,
            end = socket.serve(&mut websocket, &mut deliveries) => end,
        }
    };
    if end == End::Disconnect {
        socket.say_disconnected();
        let _ = tokio::time::timeout(CLOSE_LIMIT, socket.write(&mut websocket)).await;
        end = End::Close(RESTART);
    }
    drop(socket);
    let closing = async {
        match end {
            End::Close(code) => close(&mut websocket, code).await,
            // The library has the echo ready.
            End::Left => drop(websocket.flush().await),
            End::Gone | End::Disconnect => {}
        }
    };
    // The client may be gone already, or half of it.
    let _ = tokio::time::timeout(CLOSE_LIMIT, closing).await;
}

impl Socket {
    fn new(shared: Shared, vsn: Vsn, key: String, queue: mpsc::Sender<Delivery>) -> Self {
        shared.hub.counters.socket_opened();
        let id = shared.hub.next_socket();
        tracing::debug!(id, ?vsn, "a socket opened");
        Self {
            shared,
            id,
            vsn,
            key,
            channels: BTreeMap::new(),
            joins: 0,
            queue,
            held: None,
            out: Vec::new(),
            stall: Duration::ZERO,
            end: None,
            last_heard: Instant::now(),
            is_user: false,
        }
    }

    async fn serve(&mut self, websocket: &mut WebSocket, deliveries: &mut mpsc::Receiver<Delivery>) -> End {
        let mut orders = self.shared.hub.orders.subscribe();
        let wake = tokio::time::sleep_until(self.wake_at());
        tokio::pin!(wake);
        loop {
            let wake_at = self.wake_at();
            if wake.deadline() != wake_at {
                wake.as_mut().reset(wake_at);
            }
            tokio::select! {
                // What time does counts however busy the socket is. Then what the client says, before what it is told:
                // a flood of deliveries must not pass for an idle client. Deliveries that wait too long are lost for it.
                biased;
                () = &mut wake => self.handle_time(),
                Ok(order) = orders.recv() => self.handle_order(order),
                message = websocket.recv() => match message {
                    Some(Ok(Message::Close(_))) => return End::Left,
                    None => return End::Gone,
                    Some(Ok(message)) if length(&message) > MAX_FRAME => return End::Close(TOO_LARGE),
                    Some(Ok(message)) => {
                        // Pings, too: the library answers them when it writes next.
                        self.last_heard = Instant::now();
                        self.handle_message(&message);
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a socket broke");
                        return End::Gone;
                    }
                },
                Some(delivery) = deliveries.recv(), if self.held.is_none() => self.handle_delivery(delivery),
            }
            self.take_more(deliveries);
            if !self.stall.is_zero() {
                tokio::time::sleep(std::mem::take(&mut self.stall)).await;
            }
            // A client that reads nothing, or that vanished without a word, is not waited for longer than an idle one.
            let written = tokio::time::timeout(self.hub().config.idle_limit, self.write(websocket)).await;
            match written {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return End::Gone,
            }
            if let Some(end) = self.end {
                return end;
            }
        }
    }

    /// Writes everything with one flush.
    async fn write(&mut self, websocket: &mut WebSocket) -> Result<(), axum::Error> {
        if self.out.is_empty() {
            return Ok(());
        }
        for message in self.out.drain(..) {
            websocket.feed(message).await?;
        }
        // A burst leaves no memory behind.
        self.out.shrink_to(BATCH);
        websocket.flush().await
    }

    /// When time has something to do next.
    fn wake_at(&self) -> Instant {
        let idle = self.last_heard + self.hub().config.idle_limit;
        let channels = self.channels.values().map(Channel::wake_at);
        let held = self.held.as_ref().and_then(|held| held.due);
        channels.chain(held).fold(idle, Instant::min)
    }

    fn handle_time(&mut self) {
        let now = Instant::now();
        if now >= self.last_heard + self.hub().config.idle_limit {
            self.hub().counters.add_idle_close();
            self.end = Some(End::Close(NORMAL));
            return;
        }
        if let Some(delivery) = self.held.take_if(|held| held.due.is_none_or(|due| due <= now)) {
            self.deliver(delivery);
        }
        self.handle_channels_time(now);
    }

    fn handle_order(&mut self, order: Order) {
        match order {
            Order::Send(message) => self.out.push(message),
            Order::Crash(topic) => {
                let topics: Vec<String> = match topic {
                    Some(topic) => vec![topic],
                    None => self.channels.keys().cloned().collect(),
                };
                topics.iter().for_each(|topic| self.crash_channel(topic));
            }
            // Seen by `obey_close`.
            Order::Close(_) | Order::Disconnect => {}
        }
    }

    fn handle_message(&mut self, message: &Message) {
        let Some(up) = wire::read(self.vsn, message) else {
            tracing::trace!("a frame makes no sense");
            return;
        };
        match (up.topic.as_str(), up.event.as_str()) {
            ("phoenix", "heartbeat") => {
                self.reply(None, &up, "ok", json!({}));
            }
            (_, "phx_join") => self.handle_join(&up),
            (_, "phx_leave") => self.handle_leave(&up),
            _ if !self.channels.contains_key(&up.topic) => {
                self.reply(None, &up, "error", json!({"reason": "unmatched topic"}));
            }
            (_, "access_token") => self.handle_access_token(&up),
            (_, "presence") => self.handle_presence(&up),
            (_, "broadcast") => self.handle_broadcast(up),
            (_, event) => {
                self.hub().meters.messages.add(1, Instant::now());
                tracing::trace!(event, "an event without a meaning");
            }
        }
    }

    fn handle_delivery(&mut self, delivery: Delivery) {
        match delivery.due {
            Some(due) if due > Instant::now() => self.held = Some(delivery),
            Some(_) | None => self.deliver(delivery),
        }
    }

    /// Takes what is there without waiting, so that a burst is written with one flush.
    fn take_more(&mut self, deliveries: &mut mpsc::Receiver<Delivery>) {
        while self.held.is_none() && self.out.len() < BATCH {
            let Ok(delivery) = deliveries.try_recv() else { return };
            self.handle_delivery(delivery);
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let Some((topic, _)) = self.channels.iter().find(|(_, channel)| channel.join() == delivery.join)
        else {
            // Left meanwhile.
            return;
        };
        self.out.push(delivery.message);
        self.hub().counters.add_delivered();
        if delivery.kind == DeliveryKind::PresenceDiff {
            return;
        }
        let now = Instant::now();
        self.hub().meters.messages.add(1, now);
        if self.hub().meters.messages.is_over(now) {
            // It is the receiver who pays for a rate that is too high.
            let topic = topic.clone();
            self.end_with_note(&topic, "Too many messages per second");
        }
    }

    fn say_disconnected(&mut self) {
        let note = json!({"extension": "system", "status": "ok", "message": "Server requested disconnect"});
        let topics: Vec<String> = self.channels.keys().cloned().collect();
        for topic in topics {
            self.send(None, None, &topic, "system", &note);
        }
    }

    fn reply(&mut self, join_ref: Option<&str>, up: &Up, status: &str, response: Value) {
        let payload = json!({"status": status, "response": response});
        self.send(join_ref, up.reference.as_deref(), &up.topic, "phx_reply", &payload);
    }

    fn send(
        &mut self,
        join_ref: Option<&str>,
        reference: Option<&str>,
        topic: &str,
        event: &str,
        payload: &Value,
    ) {
        self.out.push(wire::frame(self.vsn, join_ref, reference, topic, event, payload));
    }

    fn hub(&self) -> &HubState {
        &self.shared.hub
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let channels = std::mem::take(&mut self.channels);
        for channel in channels.values() {
            channel.unsubscribe(self.hub());
        }
        self.hub().counters.socket_gone(self.is_user);
        tracing::debug!(id = self.id, "a socket is gone");
    }
}

/// Waits for the order to close; a socket that stalls obeys it, too.
async fn obey_close(orders: &mut broadcast::Receiver<Order>) -> End {
    loop {
        match orders.recv().await {
            Ok(Order::Close(code)) => return End::Close(code),
            Ok(Order::Disconnect) => return End::Disconnect,
            Ok(Order::Send(_) | Order::Crash(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return End::Close(RESTART),
        }
    }
}

/// Says why, then reads until nothing comes: a socket closed with bytes unread is reset, and the client may never see
/// the code.
async fn close(websocket: &mut WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    if websocket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Ok(Some(Ok(_))) = tokio::time::timeout(QUIET, websocket.recv()).await {}
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

/// Messages that wait for a socket; what comes on top is lost for it.
const QUEUE: usize = 256;
/// Frames that are written with one flush: a few packets.
const BATCH: usize = 32;
/// How long a close may take altogether; a hub that stops waits for 2 s.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// How long nothing must come for a close to be over.
const QUIET: Duration = Duration::from_millis(50);
/// Close codes (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const TOO_LARGE: u16 = 1009;

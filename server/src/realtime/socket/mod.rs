//! One websocket: reads frames, keeps its channels, writes what comes back.
//!
//! One task per socket owns everything. A refused join sleeps inside that task, as in the real server: nothing of the
//! socket moves meanwhile, in either direction.

mod channel;

use std::collections::BTreeMap;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use self::channel::Channel;
use crate::auth::Claims;
use crate::realtime::http::{MAX_FRAME, Shared};
use crate::realtime::hub::Order;
use crate::realtime::topics::ToSocket;
use crate::realtime::wire::{self, Up, UpPayload, Vsn};

/// A socket's state.
pub(crate) struct Socket {
    shared: Shared,
    id: u64,
    vsn: Vsn,
    /// Who the API key says it is.
    key_claims: Claims,
    channels: BTreeMap<String, Channel>,
    queue: mpsc::Sender<ToSocket>,
    /// Frames to write before the next read.
    out: Vec<Message>,
    /// An answer is held back this long, and the whole socket with it.
    stall: bool,
}

/// Why a socket ends.
enum End {
    Gone,
    Close(u16),
}

pub(crate) async fn run(shared: Shared, mut websocket: WebSocket, vsn: Vsn, key_claims: Claims) {
    let mut orders = shared.hub.orders.subscribe();
    let (queue, mut casts) = mpsc::channel(QUEUE);
    let id = shared.hub.next_socket();
    let mut socket = Socket {
        shared,
        id,
        vsn,
        key_claims,
        channels: BTreeMap::new(),
        queue,
        out: Vec::new(),
        stall: false,
    };
    let end = tokio::select! {
        // An order to close counts although the socket always has something to do.
        biased;
        end = obey_close(&mut orders) => end,
        end = socket.serve(&mut websocket, &mut casts) => end,
    };
    socket.leave_all();
    if let End::Close(code) = end {
        let frame = CloseFrame { code, reason: "".into() };
        // The client may be gone already.
        let _ = websocket.send(Message::Close(Some(frame))).await;
    }
}

impl Socket {
    async fn serve(&mut self, websocket: &mut WebSocket, casts: &mut mpsc::Receiver<ToSocket>) -> End {
        let idle_limit = self.shared.hub.config.idle_limit;
        let mut injected = self.shared.hub.orders.subscribe();
        let mut last_heard = Instant::now();
        loop {
            let expiry = self.channels.values().filter_map(Channel::expires_at).min();
            let expired = async move {
                match expiry {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // An expired token ends its channel however busy the socket is. Then what the client says, before what
                // it is told: a flood of casts must not pass for an idle client. Casts that wait too long are lost for it.
                biased;
                () = expired => self.handle_expiry(),
                Ok(Order::Send(message)) = injected.recv() => self.out.push(message),
                message = websocket.recv() => match message {
                    Some(Ok(Message::Close(_))) | None => return End::Gone,
                    Some(Ok(message)) if length(&message) > MAX_FRAME => return End::Close(TOO_LARGE),
                    Some(Ok(message)) => {
                        last_heard = Instant::now();
                        self.handle_message(&message);
                    }
                    Some(Err(error)) => {
                        tracing::debug!(%error, "a socket broke");
                        return End::Gone;
                    }
                },
                Some(ToSocket::Cast { topic, cast }) = casts.recv() => self.out.extend(wire::cast(self.vsn, &topic, &cast)),
                () = tokio::time::sleep_until(last_heard + idle_limit) => return End::Close(NORMAL),
            }
            if std::mem::take(&mut self.stall) {
                tokio::time::sleep(self.shared.hub.config.join_refusal_stall).await;
            }
            for message in self.out.drain(..) {
                if websocket.send(message).await.is_err() {
                    return End::Gone;
                }
            }
        }
    }

    fn handle_message(&mut self, message: &Message) {
        let Some(up) = wire::read(self.vsn, message) else {
            tracing::debug!("a frame makes no sense");
            return;
        };
        match (up.topic.as_str(), up.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(&up, "ok", json!({})),
            (_, "phx_join") => self.handle_join(up),
            (_, "phx_leave") => self.handle_leave(&up),
            _ if !self.channels.contains_key(&up.topic) => {
                self.reply(&up, "error", json!({"reason": "unmatched topic"}));
            }
            (_, "access_token") => self.handle_access_token(&up),
            (_, "presence") => self.handle_presence(&up),
            (_, "broadcast") => self.handle_broadcast(up),
            _ if matches!(up.payload, UpPayload::Broadcast(_)) => self.handle_broadcast(up),
            (_, event) => tracing::debug!(event, "an event without a meaning"),
        }
    }

    fn reply(&mut self, up: &Up, status: &str, response: Value) {
        let payload = json!({"status": status, "response": response});
        self.send(up.join_ref.as_deref(), up.reference.as_deref(), &up.topic, "phx_reply", &payload);
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

    fn leave_all(&mut self) {
        let hub = &self.shared.hub;
        let mut topics = hub.topics();
        for channel in std::mem::take(&mut self.channels).values() {
            topics.unsubscribe(&hub.faults, channel.key(), channel.id());
        }
    }
}

/// Waits for the order to close; a socket that stalls obeys it, too.
async fn obey_close(orders: &mut broadcast::Receiver<Order>) -> End {
    loop {
        match orders.recv().await {
            Ok(Order::Close(code)) => return End::Close(code),
            Ok(Order::Send(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return End::Close(RESTART),
        }
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
/// Close codes (RFC 6455 section 7.4.1, and the IANA registry for 1012).
const NORMAL: u16 = 1000;
const TOO_LARGE: u16 = 1009;
const RESTART: u16 = 1012;

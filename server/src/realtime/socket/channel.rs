//! The channels of a socket: join, leave, broadcast, presence, tokens.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Socket;
use crate::auth::{Claims, TokenError};
use crate::realtime::topics::{Subscriber, SubscriberId, TopicKey};
use crate::realtime::wire::{Cast, Up, UpPayload};

/// A channel that a socket has joined.
#[derive(Debug)]
pub(super) struct Channel {
    key: TopicKey,
    id: SubscriberId,
    ack: bool,
    presence_key: String,
    presence_calls: VecDeque<Instant>,
    right: Right,
}

/// What the token of a channel allows. Judged once per join and token.
#[derive(Debug)]
struct Right {
    token: Option<String>,
    expires_at: Option<Instant>,
    may_write: bool,
}

/// Why a join or a token was refused: the code and the sentence.
struct Refusal {
    code: &'static str,
    sentence: String,
}

impl Channel {
    pub(super) fn key(&self) -> &TopicKey {
        &self.key
    }

    pub(super) fn id(&self) -> &SubscriberId {
        &self.id
    }

    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.right.expires_at
    }
}

impl Socket {
    pub(super) fn handle_join(&mut self, up: Up) {
        let join_ref = up.join_ref.clone().or_else(|| up.reference.clone()).unwrap_or_default();
        let UpPayload::Json(payload) = &up.payload else { return };
        let config = &payload["config"];
        let flag = |value: &Value| value.as_bool().unwrap_or(false);
        let Some(name) = up.topic.strip_prefix("realtime:").filter(|name| !name.is_empty()) else {
            let sentence = "You must provide a topic name".into();
            return self.refuse(&up, &Refusal { code: "TopicNameRequired", sentence });
        };
        let key = TopicKey { private: flag(&config["private"]), name: name.to_owned() };
        let right = match self.judge(&key, payload["access_token"].as_str()) {
            Ok(right) => right,
            Err(refusal) => return self.refuse(&up, &refusal),
        };
        if !config["broadcast"]["replay"].is_null() {
            let sentence = "This hub stores no messages".into();
            return self.refuse(&up, &Refusal { code: "UnableToReplayMessages", sentence });
        }
        let id = SubscriberId { socket: self.id, join_ref: join_ref.clone() };
        let echo = flag(&config["broadcast"]["self"]);
        let presence_key = match config["presence"]["key"].as_str() {
            Some(key) if !key.is_empty() => key.to_owned(),
            _ => format!("{}-{join_ref}", self.id),
        };
        let ack = flag(&config["broadcast"]["ack"]);
        let subscriber = Subscriber { echo, queue: self.queue.clone() };
        self.shared.hub.topics().subscribe(&key, id.clone(), subscriber);
        let channel =
            Channel { key: key.clone(), id, ack, presence_key, presence_calls: VecDeque::new(), right };
        let old = self.channels.insert(up.topic.clone(), channel);
        self.reply(&up, "ok", json!({"postgres_changes": []}));
        if let Some(old) = old {
            // The new join is answered first; then the old one ends.
            self.end_channel(&up.topic, &old);
        }
        if flag(&config["presence"]["enabled"]) {
            let state = self.shared.hub.topics().presence_state(&key);
            self.send(Some(&join_ref), None, &up.topic, "presence_state", &state);
        }
    }

    pub(super) fn handle_leave(&mut self, up: &Up) {
        match self.channels.get(&up.topic) {
            // A null or stale join_ref: ignored without a word.
            Some(channel) if Some(&channel.id.join_ref) != up.join_ref.as_ref() => {}
            Some(_) => {
                self.reply(up, "ok", json!({}));
                if let Some(channel) = self.channels.remove(&up.topic) {
                    self.end_channel(&up.topic, &channel);
                }
            }
            None => {
                self.reply(up, "ok", json!({}));
                self.send(up.join_ref.as_deref(), up.join_ref.as_deref(), &up.topic, "phx_close", &json!({}));
            }
        }
    }

    pub(super) fn handle_broadcast(&mut self, up: Up) {
        let limit = self.shared.hub.config.payload_limit;
        let Some(channel) = self.channels.get(&up.topic) else { return };
        if channel.key.private && !channel.right.may_write {
            // Not a word, also with `ack`: the sender runs into its timeout.
            return;
        }
        let (size, cast) = match &up.payload {
            UpPayload::Broadcast(content) => {
                let size = match content {
                    crate::realtime::wire::Content::Json(body)
                    | crate::realtime::wire::Content::Bytes(body) => body.len(),
                };
                (size, Cast::User { event: up.event.clone(), content: content.clone() })
            }
            UpPayload::Json(payload) => {
                // Extra keys pass through, a forged `meta` included.
                let payload = payload.to_string();
                (payload.len(), Cast::Text { payload })
            }
        };
        let (key, id, ack) = (channel.key.clone(), channel.id.clone(), channel.ack);
        if size > limit {
            if ack {
                self.reply(&up, "error", json!("payload_size_exceeded"));
            }
            return;
        }
        let hub = self.shared.hub.clone();
        hub.topics().cast(&hub.faults, &key, Some(&id), cast);
        if ack {
            self.reply(&up, "ok", json!({}));
        }
    }

    pub(super) fn handle_presence(&mut self, up: &Up) {
        let UpPayload::Json(payload) = &up.payload else { return };
        let now = Instant::now();
        let Some(channel) = self.channels.get_mut(&up.topic) else { return };
        channel.presence_calls.retain(|&at| now - at < PRESENCE_WINDOW);
        channel.presence_calls.push_back(now);
        if channel.presence_calls.len() > PRESENCE_CALLS {
            return self.end_with_note(&up.topic, "Client presence rate limit exceeded");
        }
        if channel.key.private && !channel.right.may_write {
            return self.reply(up, "error", json!({}));
        }
        let (key, id, presence_key) = (channel.key.clone(), channel.id.clone(), channel.presence_key.clone());
        let hub = self.shared.hub.clone();
        match payload["event"].as_str() {
            Some("track") => {
                let meta = payload["payload"].clone();
                let meta = if meta.is_object() { meta } else { json!({}) };
                hub.topics().track(&hub.faults, &key, &id, &presence_key, meta);
            }
            Some("untrack") => hub.topics().untrack(&hub.faults, &key, &id),
            _ => return self.reply(up, "error", json!({})),
        }
        self.reply(up, "ok", json!({}));
    }

    pub(super) fn handle_access_token(&mut self, up: &Up) {
        let UpPayload::Json(payload) = &up.payload else { return };
        let Some(token) = payload["access_token"].as_str().filter(|token| !token.starts_with("sb_")) else {
            return;
        };
        let Some(channel) = self.channels.get(&up.topic) else { return };
        if channel.right.token.as_deref() == Some(token) {
            return;
        }
        let key = channel.key.clone();
        match self.judge(&key, Some(token)) {
            Ok(right) => {
                if let Some(channel) = self.channels.get_mut(&up.topic) {
                    channel.right = right;
                }
            }
            Err(Refusal { code: "JwtSignatureError", .. }) => {
                self.end_with_note(&up.topic, ":signature_error")
            }
            Err(Refusal { code: "Unauthorized", .. }) => {
                let sentence =
                    format!("You no longer have permission to read from this Channel topic: {}", key.name);
                self.end_with_note(&up.topic, &sentence);
            }
            Err(refusal) => self.end_with_note(&up.topic, &refusal.sentence),
        }
    }

    /// Ends the channels whose token has expired.
    pub(super) fn handle_expiry(&mut self) {
        let now = Instant::now();
        let expired = |channel: &Channel| channel.right.expires_at.is_some_and(|at| at <= now);
        let topics: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, channel)| expired(channel))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in topics {
            self.end_with_note(&topic, "Token has expired 0 seconds ago");
        }
    }

    fn judge(&self, key: &TopicKey, token: Option<&str>) -> Result<Right, Refusal> {
        let hub = &self.shared.hub;
        let claims = match token.filter(|token| !token.starts_with("sb_")) {
            None => self.key_claims.clone(),
            Some(token) => hub.keys.check_api_key(token).map_err(|error: TokenError| Refusal {
                code: error.join_code(),
                sentence: error.to_string(),
            })?,
        };
        let allowed = |asks: bool| !key.private || claims.is_service() || asks;
        if !allowed(hub.config.authorizer.may_read(&claims, &key.name)) {
            let sentence =
                format!("You do not have permissions to read from this Channel topic: {}", key.name);
            return Err(Refusal { code: "Unauthorized", sentence });
        }
        let may_write = allowed(hub.config.authorizer.may_write(&claims, &key.name));
        Ok(Right { token: token.map(str::to_owned), expires_at: expiry(&claims), may_write })
    }

    fn refuse(&mut self, up: &Up, refusal: &Refusal) {
        self.stall = true;
        self.reply(up, "error", json!({"reason": format!("{}: {}", refusal.code, refusal.sentence)}));
    }

    fn end_with_note(&mut self, topic: &str, message: &str) {
        let Some(channel) = self.channels.remove(topic) else { return };
        let note = json!({
            "extension": "system", "status": "error", "message": message, "channel": channel.key.name,
        });
        self.send(Some(&channel.id.join_ref), None, topic, "system", &note);
        self.end_channel(topic, &channel);
    }

    fn end_channel(&mut self, topic: &str, channel: &Channel) {
        let hub = &self.shared.hub;
        hub.topics().unsubscribe(&hub.faults, &channel.key, &channel.id);
        let join_ref = Some(channel.id.join_ref.as_str());
        self.send(join_ref, join_ref, topic, "phx_close", &json!({}));
    }
}

/// When a token ends; `None`: not within a day, by when every client has sent another.
fn expiry(claims: &Claims) -> Option<Instant> {
    let left = claims.life_left();
    (left < Duration::from_secs(24 * 3600)).then(|| Instant::now() + left)
}

/// Presence calls of a client per window.
const PRESENCE_CALLS: usize = 5;
const PRESENCE_WINDOW: Duration = Duration::from_secs(30);

//! The channels of a socket: leave, broadcast, what time does to them, and how they end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Socket;
use super::presence::PresenceCalls;
use super::rights::Rights;
use crate::realtime::hub::HubState;
use crate::realtime::topics::{SubscriberId, Topic};
use crate::realtime::wire::{Cast, Up, UpPayload};

/// A channel that a socket has joined.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) topic: Arc<Topic>,
    pub(super) id: SubscriberId,
    /// As the join gave it; the old serializer may leave it out.
    pub(super) join_ref: Option<String>,
    pub(super) ack: bool,
    pub(super) presence_key: String,
    pub(super) presence_calls: PresenceCalls,
    pub(super) rights: Rights,
    pub(super) replication: Replication,
}

/// Whether the channel waits for word that the database's messages are delivered.
#[derive(Debug, Clone, Copy)]
pub(super) enum Replication {
    /// It did not ask, or knows.
    Told,
    Awaited {
        check_at: Instant,
        until: Instant,
    },
}

impl Channel {
    /// The number of the join.
    pub(super) fn join(&self) -> u32 {
        self.id.join
    }

    /// When time has something to do here next.
    pub(super) fn wake_at(&self) -> Instant {
        let recheck_at = self.rights.recheck_at;
        match self.replication {
            Replication::Told => recheck_at,
            Replication::Awaited { check_at, .. } => recheck_at.min(check_at),
        }
    }

    pub(super) fn unsubscribe(&self, hub: &HubState) {
        hub.topics.unsubscribe(hub, &self.topic, self.id);
    }
}

impl Socket {
    pub(super) fn handle_leave(&mut self, up: &Up) {
        let join_ref = up.join_ref.as_deref();
        match self.channels.get(&up.topic) {
            // Another join_ref, or none: ignored without a word. A join without one takes any.
            Some(channel) if channel.join_ref.is_some() && channel.join_ref.as_deref() != join_ref => {}
            Some(_) => {
                self.reply(join_ref, up, "ok", json!({}));
                self.end_channel(&up.topic);
            }
            None => self.reply(join_ref, up, "ok", json!({})),
        }
    }

    pub(super) fn handle_broadcast(&mut self, up: Up) {
        let hub = self.shared.hub.clone();
        let Some(channel) = self.channels.get_mut(&up.topic) else { return };
        if !channel.rights.may_write(&hub, channel.topic.key()) {
            // Not a word, also with `ack`: the sender runs into its timeout.
            return;
        }
        hub.meters.messages.add(1, Instant::now());
        let (ack, join_ref) = (channel.ack, channel.join_ref.clone());
        let Up { payload, .. } = &up;
        let (size, cast) = match payload {
            UpPayload::Broadcast { event, content } => {
                (content.len(), Cast::User { event: event.clone(), content: content.clone(), id: None })
            }
            UpPayload::Raw(bytes) => (bytes.len(), Cast::Raw { bytes: bytes.clone() }),
            UpPayload::Json(payload) if payload.is_object() => {
                // Extra keys pass through, a forged `meta` included.
                let payload = payload.to_string();
                (payload.len(), Cast::Text { payload })
            }
            UpPayload::Json(_) => return,
        };
        if size > hub.config.payload_limit {
            if ack {
                self.reply(join_ref.as_deref(), &up, "error", json!("payload_size_exceeded"));
            }
            return;
        }
        hub.counters.add_message();
        channel.topic.cast(&hub, Some(channel.id), &cast);
        if ack {
            self.reply(join_ref.as_deref(), &up, "ok", json!({}));
        }
    }

    pub(super) fn handle_channels_time(&mut self, now: Instant) {
        let due = |channel: &&Channel| channel.wake_at() <= now;
        let topics: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, channel)| due(channel))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in topics {
            self.recheck_token(&topic, now);
            self.check_replication(&topic, now);
        }
    }

    /// Tells a channel that waits that the database's messages are delivered from now on.
    pub(super) fn check_replication(&mut self, topic: &str, now: Instant) {
        let is_up = self.hub().replicates();
        let Some(channel) = self.channels.get_mut(topic) else { return };
        let Replication::Awaited { check_at, until } = channel.replication else { return };
        if check_at > now {
            return;
        }
        if is_up {
            channel.replication = Replication::Told;
            self.note(topic, "system", "ok", "Replication connection established");
        } else if now >= until {
            self.end_with_note(topic, "Replication connection was not established in time");
        } else {
            channel.replication = Replication::Awaited { check_at: now + REPLICATION_CHECK, until };
        }
    }

    /// A system message.
    pub(super) fn note(&mut self, topic: &str, extension: &str, status: &str, message: &str) {
        let Some(channel) = self.channels.get(topic) else { return };
        let (join_ref, name) = (channel.join_ref.clone(), &channel.topic.key().name);
        let note = json!({"extension": extension, "status": status, "message": message, "channel": name});
        self.send(join_ref.as_deref(), None, topic, "system", &note);
    }

    /// Ends a channel and says why.
    pub(super) fn end_with_note(&mut self, topic: &str, message: &str) {
        self.hub().counters.add_ended_channel();
        self.note(topic, "system", "error", message);
        self.end_channel(topic);
    }

    pub(super) fn end_channel(&mut self, topic: &str) {
        let Some(channel) = self.channels.remove(topic) else { return };
        channel.unsubscribe(self.hub());
        let join_ref = channel.join_ref.as_deref();
        self.send(join_ref, join_ref, topic, "phx_close", &json!({}));
    }

    pub(super) fn crash_channel(&mut self, topic: &str) {
        let Some(channel) = self.channels.remove(topic) else { return };
        channel.unsubscribe(self.hub());
        let join_ref = channel.join_ref.as_deref();
        self.send(join_ref, join_ref, topic, "phx_error", &json!({"reason": "channel_crash"}));
    }
}

/// How often the real server looks whether the replication connection is up.
const REPLICATION_CHECK: Duration = Duration::from_millis(500);

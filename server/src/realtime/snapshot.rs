//! What the hub is doing: a picture of the moment, and counters since the start.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde_json::Value;

/// A hub at one moment. Topics are looked at one after the other, so the numbers may differ by what happens meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HubSnapshot {
    /// Websockets that are open.
    pub sockets: u64,
    /// Topics that somebody has joined, by name.
    pub topics: Vec<TopicSnapshot>,
    /// Who is present where.
    pub presences: Vec<PresenceSnapshot>,
    /// Broadcasts and presence diffs written to a socket, each socket counted.
    pub delivered: u64,
    /// Broadcasts and presence diffs lost on the way to a socket: by a fault, or because its queue was full.
    pub lost: u64,
    /// Messages that came in to be fanned out, over sockets, REST and the database.
    pub messages: u64,
    /// Sockets that were opened since the start.
    pub connects: u64,
    /// Sockets that were refused.
    pub refused_connects: u64,
    /// Joins that were accepted.
    pub joins: u64,
    /// Joins that were refused.
    pub refused_joins: u64,
    /// Channels that the hub ended with a system message: expired tokens, limits.
    pub ended_channels: u64,
    /// Sockets that were closed because nothing came from them.
    pub idle_closes: u64,
}

/// A topic and how many have joined it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicSnapshot {
    /// Without the prefix `realtime:`.
    pub name: String,
    /// Whether it is the private topic of that name.
    pub private: bool,
    /// Channels that have joined it.
    pub subscribers: usize,
}

/// One presence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PresenceSnapshot {
    /// Without the prefix `realtime:`.
    pub topic: String,
    /// The presence key, such as a device's id.
    pub key: String,
    /// What was tracked, and its `phx_ref`.
    pub meta: Value,
}

/// Counters since the start. Relaxed: each is read by itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sockets: AtomicU64,
    /// Sockets that have joined anything: those that the limit of connections counts.
    users: AtomicU64,
    delivered: AtomicU64,
    lost: AtomicU64,
    messages: AtomicU64,
    connects: AtomicU64,
    refused_connects: AtomicU64,
    joins: AtomicU64,
    refused_joins: AtomicU64,
    ended_channels: AtomicU64,
    idle_closes: AtomicU64,
}

impl Counters {
    pub(crate) fn socket_opened(&self) {
        self.sockets.fetch_add(1, Ordering::Relaxed);
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn socket_gone(&self, was_user: bool) {
        self.sockets.fetch_sub(1, Ordering::Relaxed);
        self.users.fetch_sub(u64::from(was_user), Ordering::Relaxed);
    }

    pub(crate) fn users(&self) -> u64 {
        self.users.load(Ordering::Relaxed)
    }

    pub(crate) fn add_user(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_message(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_refused_connect(&self) {
        self.refused_connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_join(&self) {
        self.joins.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_refused_join(&self) {
        self.refused_joins.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_ended_channel(&self) {
        self.ended_channels.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_idle_close(&self) {
        self.idle_closes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(
        &self,
        topics: Vec<TopicSnapshot>,
        presences: Vec<PresenceSnapshot>,
    ) -> HubSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HubSnapshot {
            sockets: read(&self.sockets),
            topics,
            presences,
            delivered: read(&self.delivered),
            lost: read(&self.lost),
            messages: read(&self.messages),
            connects: read(&self.connects),
            refused_connects: read(&self.refused_connects),
            joins: read(&self.joins),
            refused_joins: read(&self.refused_joins),
            ended_channels: read(&self.ended_channels),
            idle_closes: read(&self.idle_closes),
        }
    }
}

//! Who listens where: topics, their subscribers, and the presences on them.
//!
//! Public and private channels of one name are two topics. Each topic has a lock of its own; the lock of the registry
//! is held for one look-up only, so a wide fan-out does not hold up the other topics.
//!
//! The order of locks, each of which may be taken while those before it are held: the database's messages, then the
//! registry or the members of one topic, never both, then faults or meters, which call nothing while locked.
//!
//! Fan-out never waits: each socket has a queue of 256, and what does not fit is lost for that socket, as it would be
//! on a slow connection. A frame is encoded once for each serializer and shared by all queues.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::realtime::hub::HubState;
use crate::realtime::snapshot::{PresenceSnapshot, TopicSnapshot};
use crate::realtime::wire::{Cast, Encoded, Vsn};

/// A topic, without the prefix `realtime:`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TopicKey {
    pub(crate) private: bool,
    pub(crate) name: String,
}

/// A subscription: a socket, and the number of the join it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberId {
    pub(crate) socket: u64,
    pub(crate) join: u32,
}

/// What goes to a socket's task.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The number of the join it is for.
    pub(crate) join: u32,
    pub(crate) message: Message,
    pub(crate) kind: DeliveryKind,
    /// Not before; `None`: at once.
    pub(crate) due: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryKind {
    /// Counts as a message of the rate limit.
    Broadcast,
    PresenceDiff,
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) vsn: Vsn,
    pub(crate) echo: bool,
    /// Whether it gets broadcasts, and whether presence diffs.
    pub(crate) broadcasts: bool,
    pub(crate) presences: bool,
    pub(crate) queue: mpsc::Sender<Delivery>,
}

/// All topics that have a subscriber.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    topics: Mutex<HashMap<TopicKey, Arc<Topic>>>,
    phx_refs: AtomicU64,
}

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    key: TopicKey,
    /// As it is called on the wire.
    wire: String,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    /// The last one has left; whoever comes needs a new topic.
    gone: bool,
    subscribers: BTreeMap<SubscriberId, Subscriber>,
    presences: BTreeMap<SubscriberId, Presence>,
}

#[derive(Debug)]
struct Presence {
    key: String,
    /// Without `phx_ref`.
    payload: Value,
    meta: Value,
}

impl Topics {
    pub(crate) fn subscribe(&self, key: &TopicKey, id: SubscriberId, subscriber: Subscriber) -> Arc<Topic> {
        loop {
            let topic = self.map().entry(key.clone()).or_insert_with(|| Topic::new(key)).clone();
            let mut members = topic.members();
            if !members.gone {
                members.subscribers.insert(id, subscriber);
                drop(members);
                return topic;
            }
            // It is being taken out of the map by the one who left last.
            drop(members);
            self.forget(&topic);
        }
    }

    pub(crate) fn unsubscribe(&self, hub: &HubState, topic: &Arc<Topic>, id: SubscriberId) {
        topic.untrack(hub, id);
        let mut members = topic.members();
        members.subscribers.remove(&id);
        members.gone = members.subscribers.is_empty();
        if members.gone {
            drop(members);
            self.forget(topic);
        }
    }

    pub(crate) fn get(&self, key: &TopicKey) -> Option<Arc<Topic>> {
        self.map().get(key).cloned()
    }

    pub(crate) fn snapshot(&self) -> (Vec<TopicSnapshot>, Vec<PresenceSnapshot>) {
        let mut all: Vec<Arc<Topic>> = self.map().values().cloned().collect();
        all.sort_by(|a, b| (&a.key.name, a.key.private).cmp(&(&b.key.name, b.key.private)));
        let (mut topics, mut presences) = (Vec::with_capacity(all.len()), Vec::new());
        for topic in all {
            let (name, private) = (&topic.key.name, topic.key.private);
            let members = topic.members();
            let subscribers = members.subscribers.len();
            topics.push(TopicSnapshot { name: name.clone(), private, subscribers });
            presences.extend(members.presences.values().map(|Presence { key, meta, .. }| PresenceSnapshot {
                topic: name.clone(),
                key: key.clone(),
                meta: meta.clone(),
            }));
        }
        (topics, presences)
    }

    fn forget(&self, topic: &Arc<Topic>) {
        let mut map = self.map();
        if map.get(&topic.key).is_some_and(|listed| Arc::ptr_eq(listed, topic)) {
            map.remove(&topic.key);
        }
    }

    fn map(&self) -> MutexGuard<'_, HashMap<TopicKey, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topic {
    fn new(key: &TopicKey) -> Arc<Self> {
        let wire = format!("realtime:{}", key.name);
        Arc::new(Self { key: key.clone(), wire, members: Mutex::default() })
    }

    pub(crate) fn key(&self) -> &TopicKey {
        &self.key
    }

    /// Fans out to everybody but the sender, and to the sender if it asked for an echo.
    pub(crate) fn cast(&self, hub: &HubState, from: Option<SubscriberId>, cast: &Cast) {
        if cast.does_not_fit(&self.wire) {
            tracing::debug!("a name over 255 bytes: nobody gets the message");
            return;
        }
        hub.tap.show(cast);
        self.members().fan_out(hub, &self.wire, cast, |id, subscriber| {
            subscriber.broadcasts && (from != Some(id) || subscriber.echo)
        });
    }

    pub(crate) fn presence_state(&self) -> Value {
        let mut state = serde_json::Map::new();
        for Presence { key, meta, .. } in self.members().presences.values() {
            let metas = state.entry(key.clone()).or_insert_with(|| json!({"metas": []}));
            if let Some(metas) = metas["metas"].as_array_mut() {
                metas.push(meta.clone());
            }
        }
        Value::Object(state)
    }

    /// Puts a presence there, or another payload in its place. The same payload again changes nothing.
    pub(crate) fn track(&self, hub: &HubState, id: SubscriberId, key: &str, payload: Value) {
        let mut members = self.members();
        let before = members.presences.get(&id);
        if before.is_some_and(|before| before.payload == payload) {
            return;
        }
        let n = hub.topics.phx_refs.fetch_add(1, Ordering::Relaxed) + 1;
        let mut meta = payload.clone();
        meta["phx_ref"] = json!(format!("F{n:x}"));
        if let Some(before) = before {
            meta["phx_ref_prev"] = before.meta["phx_ref"].clone();
        }
        let joins = json!({key: {"metas": [meta.clone()]}});
        let presence = Presence { key: key.to_owned(), payload, meta };
        let leaves = members.presences.insert(id, presence).map_or(json!({}), Presence::into_diff);
        members.diff(hub, &self.wire, &joins, &leaves);
    }

    pub(crate) fn untrack(&self, hub: &HubState, id: SubscriberId) {
        let mut members = self.members();
        let Some(presence) = members.presences.remove(&id) else { return };
        members.diff(hub, &self.wire, &json!({}), &presence.into_diff());
    }

    /// Lets a subscriber see presences from now on.
    pub(crate) fn show_presences(&self, id: SubscriberId, shown: bool) {
        if let Some(subscriber) = self.members().subscribers.get_mut(&id) {
            subscriber.presences = shown;
        }
    }

    /// Lets a subscriber hear broadcasts, or no more.
    pub(crate) fn show_broadcasts(&self, id: SubscriberId, shown: bool) {
        if let Some(subscriber) = self.members().subscribers.get_mut(&id) {
            subscriber.broadcasts = shown;
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn diff(&self, hub: &HubState, wire: &str, joins: &Value, leaves: &Value) {
        let payload = json!({"joins": joins, "leaves": leaves}).to_string();
        let reached = self.fan_out(hub, wire, &Cast::Presence { payload }, |_, one| one.presences);
        hub.meters.presences.add(reached, Instant::now());
    }

    /// Returns how many it was meant for and could be encoded for.
    fn fan_out(
        &self,
        hub: &HubState,
        wire: &str,
        cast: &Cast,
        mut wanted: impl FnMut(SubscriberId, &Subscriber) -> bool,
    ) -> u64 {
        let treatment = hub.faults.treatment();
        let mut encoded = Encoded::new(cast, wire, treatment.splice_v1);
        let kind = match cast {
            Cast::Presence { .. } => DeliveryKind::PresenceDiff,
            Cast::User { .. } | Cast::Text { .. } | Cast::Raw { .. } => DeliveryKind::Broadcast,
        };
        let (mut reached, mut lost) = (0, 0);
        for (&id, subscriber) in &self.subscribers {
            if !wanted(id, subscriber) {
                continue;
            }
            let Some(message) = encoded.frame(subscriber.vsn) else { continue };
            reached += 1;
            let delivery = Delivery { join: id.join, message, kind, due: treatment.due };
            if hub.faults.loses(treatment) || subscriber.queue.try_send(delivery).is_err() {
                lost += 1;
            }
        }
        hub.counters.add_lost(lost);
        reached
    }
}

impl Presence {
    fn into_diff(self) -> Value {
        json!({self.key: {"metas": [self.meta]}})
    }
}

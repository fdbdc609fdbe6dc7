//! Who listens where: topics, their subscribers, and the presences on them.
//!
//! Public and private channels of one name are two topics. Fan-out never waits: each socket has a queue of 256, and
//! what does not fit is lost for that socket, as it would be on a slow connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::realtime::faults::Faults;
use crate::realtime::wire::Cast;

/// A topic, without the prefix `realtime:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TopicKey {
    pub(crate) private: bool,
    pub(crate) name: String,
}

/// A subscription: a socket, and the join it made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubscriberId {
    pub(crate) socket: u64,
    pub(crate) join_ref: String,
}

/// What goes to a socket's task.
#[derive(Debug, Clone)]
pub(crate) enum ToSocket {
    Cast { topic: String, cast: Arc<Cast> },
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) echo: bool,
    pub(crate) queue: mpsc::Sender<ToSocket>,
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    topics: BTreeMap<TopicKey, Topic>,
    next_phx_ref: u64,
}

#[derive(Debug, Default)]
struct Topic {
    subscribers: BTreeMap<SubscriberId, Subscriber>,
    presences: BTreeMap<SubscriberId, (String, Value)>,
}

impl Topics {
    pub(crate) fn subscribe(&mut self, key: &TopicKey, id: SubscriberId, subscriber: Subscriber) {
        self.topics.entry(key.clone()).or_default().subscribers.insert(id, subscriber);
    }

    pub(crate) fn unsubscribe(&mut self, faults: &Faults, key: &TopicKey, id: &SubscriberId) {
        self.untrack(faults, key, id);
        let Some(topic) = self.topics.get_mut(key) else { return };
        topic.subscribers.remove(id);
        if topic.subscribers.is_empty() {
            self.topics.remove(key);
        }
    }

    /// Fans out to everybody but the sender, and to the sender if it asked for an echo.
    pub(crate) fn cast(&self, faults: &Faults, key: &TopicKey, from: Option<&SubscriberId>, cast: Cast) {
        let Some(topic) = self.topics.get(key) else { return };
        let cast = Arc::new(cast);
        let wire = format!("realtime:{}", key.name);
        for (id, subscriber) in &topic.subscribers {
            if (from == Some(id) && !subscriber.echo) || faults.drops() {
                continue;
            }
            if subscriber.queue.try_send(ToSocket::Cast { topic: wire.clone(), cast: cast.clone() }).is_err()
            {
                tracing::debug!(topic = key.name, "a slow socket lost a message");
            }
        }
    }

    pub(crate) fn presence_state(&self, key: &TopicKey) -> Value {
        let Some(topic) = self.topics.get(key) else { return json!({}) };
        let mut state = serde_json::Map::new();
        for (key, meta) in topic.presences.values() {
            let metas = state.entry(key.clone()).or_insert_with(|| json!({"metas": []}));
            if let Some(metas) = metas["metas"].as_array_mut() {
                metas.push(meta.clone());
            }
        }
        Value::Object(state)
    }

    pub(crate) fn track(
        &mut self,
        faults: &Faults,
        topic_key: &TopicKey,
        id: &SubscriberId,
        key: &str,
        meta: Value,
    ) {
        self.next_phx_ref += 1;
        let phx_ref = format!("F{:x}", self.next_phx_ref);
        let Some(topic) = self.topics.get_mut(topic_key) else { return };
        let mut meta = meta;
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("phx_ref".into(), json!(phx_ref));
        }
        let before = topic.presences.insert(id.clone(), (key.to_owned(), meta.clone()));
        let leaves = before.map_or(json!({}), |(key, meta)| json!({key: {"metas": [meta]}}));
        self.diff(faults, topic_key, json!({key: {"metas": [meta]}}), leaves);
    }

    pub(crate) fn untrack(&mut self, faults: &Faults, topic_key: &TopicKey, id: &SubscriberId) {
        let Some((key, meta)) = self.topics.get_mut(topic_key).and_then(|topic| topic.presences.remove(id))
        else {
            return;
        };
        self.diff(faults, topic_key, json!({}), json!({key: {"metas": [meta]}}));
    }

    fn diff(&self, faults: &Faults, topic_key: &TopicKey, joins: Value, leaves: Value) {
        let payload = json!({"joins": joins, "leaves": leaves}).to_string();
        self.cast(faults, topic_key, None, Cast::Presence { payload });
    }
}

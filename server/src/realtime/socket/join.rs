//! Joins: what a client asks for, whether it is let in, and what it is told first.
//!
//! The order of the checks is the real server's. A refusal stalls the whole socket for 5 s before it is told.
//!
//! What a join leaves behind for the life of its channel is bounded, which the real server does not do: the name of the
//! topic and the presence key at 1 KiB, the join_ref at 255 bytes. A frame has room for 5 MB of each.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::channel::{Channel, Replication};
use super::presence::PresenceCalls;
use super::rights::{Denied, Rights};
use super::{End, GOING_AWAY, Socket};
use crate::realtime::messages::{Replay, Row};
use crate::realtime::refusal::JoinRefusal;
use crate::realtime::topics::{Subscriber, SubscriberId, TopicKey};
use crate::realtime::wire::{Up, UpPayload, replayed};

/// What the config of a join asks for.
#[derive(Debug)]
struct Wishes {
    private: bool,
    ack: bool,
    echo: bool,
    replication_ready: bool,
    /// Present and no object is present, too.
    replay: Option<Value>,
    presence: bool,
    presence_key: Option<String>,
    /// With the ids under which changes would come.
    postgres_changes: Vec<Value>,
}

/// A join that is let in.
struct Admitted {
    rights: Rights,
    replay: Option<Replay>,
}

enum Refused {
    By(JoinRefusal),
    Denied(Denied),
    /// A name is longer than this server keeps; or the replay cannot be. The words differ.
    Words(&'static str),
}

impl Wishes {
    fn read(config: &Value) -> Self {
        let (broadcast, presence) = (&config["broadcast"], &config["presence"]);
        let presence_key = match &presence["key"] {
            Value::String(key) if key.is_empty() => None,
            Value::String(key) => Some(key.clone()),
            Value::Null => None,
            key @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(key.to_string())
            }
        };
        let changes = config["postgres_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        Self {
            private: flag(&config["private"]),
            ack: flag(&broadcast["ack"]),
            echo: flag(&broadcast["self"]),
            replication_ready: flag(&broadcast["replication_ready"]),
            replay: broadcast.get("replay").cloned(),
            presence: flag(&presence["enabled"]),
            presence_key,
            postgres_changes: changes.iter().filter(|change| change.is_object()).map(numbered).collect(),
        }
    }
}

impl Socket {
    pub(super) fn handle_join(&mut self, up: &Up) {
        let UpPayload::Json(payload) = &up.payload else { return };
        let Some(name) = up.topic.strip_prefix("realtime:") else {
            return self.reply(None, up, "error", json!({"reason": "unmatched topic"}));
        };
        let wishes = Wishes::read(&payload["config"]);
        let key = TopicKey { private: wishes.private, name: name.to_owned() };
        // A second join ends the first, also when it is refused itself; the client hears of that afterwards.
        let first = self.channels.remove(&up.topic);
        if let Some(first) = &first {
            first.unsubscribe(self.hub());
        }
        match self.admit(up, &key, &wishes, payload) {
            Ok(admitted) => self.welcome(up, key, wishes, admitted),
            Err(refused) => self.refuse(up, &refused),
        }
        if let Some(first) = first {
            let first = first.join_ref.as_deref();
            self.send(first, first, &up.topic, "phx_close", &json!({}));
        }
    }

    fn admit(
        &mut self,
        up: &Up,
        key: &TopicKey,
        wishes: &Wishes,
        payload: &Value,
    ) -> Result<Admitted, Refused> {
        let (hub, now) = (self.shared.hub.clone(), Instant::now());
        let by = |refusal| Err(Refused::By(refusal));
        if key.name.is_empty() {
            return by(JoinRefusal::TopicNameRequired);
        }
        if let Some(reason) = too_long(up, key, wishes) {
            return Err(Refused::Words(reason));
        }
        if let Some(refusal) = hub.faults.refused_join(key.private) {
            return by(refusal);
        }
        if !self.is_user && hub.has_too_many_users() {
            return by(JoinRefusal::ConnectionRateLimitReached);
        }
        if hub.meters.joins.is_over(now) {
            return by(JoinRefusal::ClientJoinRateLimitReached);
        }
        hub.meters.joins.add(1, now);
        if self.channels.len() >= hub.config.limits.channels_per_socket {
            return by(JoinRefusal::ChannelRateLimitReached);
        }
        let rights = Rights::judge(&hub, key, self.token_of(payload), wishes.presence);
        let rights = rights.map_err(Refused::Denied)?;
        let replay = match &wishes.replay {
            None => None,
            Some(_) if !rights.reads => {
                return Err(Refused::Denied(Denied::Unauthorized(key.name.clone())));
            }
            Some(_) if !key.private => {
                let reason = "UnableToReplayMessages: Replay is not allowed for public channels";
                return Err(Refused::Words(reason));
            }
            Some(wanted) if wanted.is_object() => {
                let reason = "UnableToReplayMessages: Replay params are not valid";
                Some(Replay::read(wanted).ok_or(Refused::Words(reason))?)
            }
            Some(_) => None,
        };
        Ok(Admitted { rights, replay })
    }

    fn welcome(&mut self, up: &Up, key: TopicKey, wishes: Wishes, Admitted { rights, replay }: Admitted) {
        let (hub, now) = (self.shared.hub.clone(), Instant::now());
        let (topic_name, join_ref) = (&up.topic, up.join_ref.as_deref());
        self.joins += 1;
        let id = SubscriberId { socket: self.id, join: self.joins };
        let subscriber = Subscriber {
            vsn: self.vsn,
            echo: wishes.echo,
            broadcasts: rights.reads,
            presences: rights.reads_presence == Some(true),
            queue: self.queue.clone(),
        };
        let shows_presences = wishes.presence && subscriber.presences;
        hub.wake_replication();
        let (rows, topic) = match replay {
            // Locked meanwhile: what the database sends now is either replayed or delivered.
            Some(replay) => {
                let messages = hub.messages();
                let rows = messages.replay(&key.name, replay);
                (rows, hub.topics.subscribe(&key, id, subscriber))
            }
            None => (Vec::new(), hub.topics.subscribe(&key, id, subscriber)),
        };
        let presence_key = wishes.presence_key.unwrap_or_else(|| format!("{}-{}", self.id, self.joins));
        let replication = if wishes.replication_ready {
            Replication::Awaited { check_at: now, until: now + hub.config.replication_ready_limit }
        } else {
            Replication::Told
        };
        let channel = Channel {
            topic,
            id,
            join_ref: up.join_ref.clone(),
            ack: wishes.ack,
            presence_key,
            presence_calls: PresenceCalls::default(),
            rights,
            replication,
        };
        self.channels.insert(topic_name.clone(), channel);
        hub.counters.add_join();
        if !std::mem::replace(&mut self.is_user, true) {
            hub.counters.add_user();
        }
        let changes = !wishes.postgres_changes.is_empty();
        self.reply(join_ref, up, "ok", json!({"postgres_changes": wishes.postgres_changes}));
        self.replay(topic_name, join_ref, rows);
        if changes {
            self.note(topic_name, "postgres_changes", "ok", "Subscribed to PostgreSQL");
        }
        self.check_replication(topic_name, now);
        if shows_presences {
            self.send_presence_state(topic_name);
        }
    }

    fn replay(&mut self, topic: &str, join_ref: Option<&str>, rows: Vec<Row>) {
        for Row { id, event, content, .. } in rows {
            self.out.extend(replayed(self.vsn, join_ref, topic, &event, &content, &id));
        }
    }

    fn refuse(&mut self, up: &Up, refused: &Refused) {
        let hub = self.shared.hub.clone();
        hub.counters.add_refused_join();
        self.stall += hub.config.join_refusal_stall;
        let reason = match refused {
            Refused::By(refusal) => {
                if refusal.ends_socket() {
                    self.end = Some(End::Close(GOING_AWAY));
                }
                refusal.reason().to_owned()
            }
            Refused::Denied(denied) => {
                if *denied == Denied::DatabaseDown {
                    self.stall += hub.faults.database_timeout();
                }
                denied.reason()
            }
            Refused::Words(reason) => (*reason).to_owned(),
        };
        tracing::debug!(reason, "a join is refused");
        self.reply(up.join_ref.as_deref(), up, "error", json!({"reason": reason}));
    }
}

/// Which of the names that a channel keeps is too long.
fn too_long(up: &Up, key: &TopicKey, wishes: &Wishes) -> Option<&'static str> {
    let over = |text: &Option<String>, most: usize| text.as_ref().is_some_and(|text| text.len() > most);
    if key.name.len() > MOST_NAME_BYTES {
        Some("The topic name is over 1024 bytes")
    } else if over(&wishes.presence_key, MOST_NAME_BYTES) {
        Some("The presence key is over 1024 bytes")
    } else if over(&up.join_ref, MOST_JOIN_REF_BYTES) {
        Some("The join_ref is over 255 bytes")
    } else {
        None
    }
}

/// A boolean, or one in words as some clients send it.
fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(word) => word.eq_ignore_ascii_case("true"),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The wish with the id under which its changes would come: the same for the same wish.
fn numbered(change: &Value) -> Value {
    // FNV-1a; the real server hashes into 27 bits, too.
    let text = change.to_string();
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut numbered = change.clone();
    numbered["id"] = json!(hash & 0x07ff_ffff);
    numbered
}

/// Four times what fits into a binary frame: text may carry longer names.
const MOST_NAME_BYTES: usize = 1024;
/// What fits into a binary frame; clients count.
const MOST_JOIN_REF_BYTES: usize = 255;

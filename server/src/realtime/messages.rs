//! What the database has sent: the stand-in for `realtime.messages`, in memory.
//!
//! Only what `realtime.send` stores is ever replayed; broadcasts of sockets and of REST are not stored, as on the real
//! server. Rows live for 72 h, and no longer than there is room.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::realtime::wire::Content;

/// A stored message.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) topic: String,
    pub(crate) event: String,
    pub(crate) content: Content,
    pub(crate) private: bool,
    /// Milliseconds of the Unix time.
    inserted_at: i64,
}

/// The table, newest last.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    rows: VecDeque<Row>,
    bytes: usize,
    ids: u64,
}

/// What a join asks to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replay {
    since: i64,
    limit: usize,
}

impl Replay {
    /// Reads `config.broadcast.replay`; `None`: these are no replay params.
    pub(crate) fn read(wanted: &Value) -> Option<Self> {
        let since = wanted["since"].as_i64()?;
        let limit = wanted.get("limit").filter(|limit| !limit.is_null());
        let limit = limit.map_or(Some(MOST_REPLAYED), Value::as_i64)?;
        // Where the server's calendar ends: the years -9999 to 9999.
        if !(-377_705_116_800_000..=253_402_300_799_999).contains(&since) {
            return None;
        }
        let limit = usize::try_from(limit.clamp(1, MOST_REPLAYED)).ok()?;
        Some(Self { since, limit })
    }
}

impl Messages {
    /// Stores a message as `realtime.send` does, with an `id` in its payload; `None`: only a warning in SQL, because
    /// there is no place for an id in an array or a scalar.
    pub(crate) fn send(&mut self, topic: &str, event: &str, payload: &Value, private: bool) -> Option<Row> {
        let id = self.new_id(unix_ms());
        let mut payload = payload.as_object()?.clone();
        payload.entry("id").or_insert_with(|| json!(id));
        let content = Content::Json(Value::Object(payload).to_string().into());
        Some(self.insert(Row {
            id,
            topic: topic.to_owned(),
            event: event.to_owned(),
            content,
            private,
            inserted_at: unix_ms(),
        }))
    }

    /// Stores bytes as `realtime.send_binary` does.
    pub(crate) fn send_binary(&mut self, topic: &str, event: &str, bytes: Vec<u8>, private: bool) -> Row {
        let inserted_at = unix_ms();
        let id = self.new_id(inserted_at);
        self.insert(Row {
            id,
            topic: topic.to_owned(),
            event: event.to_owned(),
            content: Content::Bytes(bytes.into()),
            private,
            inserted_at,
        })
    }

    /// The newest private messages of a topic, the oldest of them first.
    pub(crate) fn replay(&self, topic: &str, Replay { since, limit }: Replay) -> Vec<Row> {
        let wanted = |row: &&Row| row.private && row.topic == topic && row.inserted_at >= since;
        let mut rows: Vec<Row> = self.rows.iter().rev().filter(wanted).take(limit).cloned().collect();
        rows.reverse();
        rows
    }

    fn insert(&mut self, row: Row) -> Row {
        self.bytes += size(&row);
        self.rows.push_back(row.clone());
        let oldest = row.inserted_at - LIFE_MS;
        while let Some(first) = self.rows.front() {
            if first.inserted_at >= oldest && self.rows.len() <= MOST_ROWS && self.bytes <= MOST_BYTES {
                break;
            }
            self.bytes -= size(first);
            self.rows.pop_front();
        }
        row
    }

    /// A UUID (RFC 9562 section 5.7) that counts up, so that a run of a test can be repeated.
    fn new_id(&mut self, ms: i64) -> String {
        self.ids += 1;
        let (ms, n) = (ms.cast_unsigned() & 0xffff_ffff_ffff, self.ids);
        format!(
            "{:08x}-{:04x}-7000-8{:03x}-{:012x}",
            ms >> 16,
            ms & 0xffff,
            (n >> 48) & 0xfff,
            n & 0xffff_ffff_ffff
        )
    }
}

fn size(row: &Row) -> usize {
    row.topic.len() + row.event.len() + row.content.len()
}

fn unix_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The real server's limit of one replay, and its default.
const MOST_REPLAYED: i64 = 25;
/// How long the real server keeps messages.
const LIFE_MS: i64 = Duration::from_secs(72 * 3600).as_millis() as i64;
/// Enough for days of tests by hand; a program that sends more than this wants a database.
const MOST_ROWS: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_replayed_oldest_first() {
        let mut messages = Messages::default();
        for n in 0..30 {
            messages.send("a", "e", &json!({"n": n}), true).unwrap();
        }
        let rows = messages.replay("a", Replay::read(&json!({"since": 0, "limit": 100})).unwrap());
        assert_eq!(rows.len(), 25);
        let numbers = rows.iter().map(|row| match &row.content {
            Content::Json(body) => serde_json::from_slice::<Value>(body).unwrap()["n"].as_u64().unwrap(),
            Content::Bytes(_) => panic!("bytes"),
        });
        assert!(numbers.eq(5..30));
    }

    #[test]
    fn an_own_id_in_the_payload_stays() {
        let row = Messages::default().send("a", "e", &json!({"id": 7}), true).unwrap();
        assert_eq!(row.content, Content::Json("{\"id\":7}".into()));
    }

    #[test]
    fn arrays_and_scalars_are_lost() {
        let mut messages = Messages::default();
        for payload in [json!([]), json!(1), json!("x"), json!(null)] {
            assert!(messages.send("a", "e", &payload, true).is_none());
        }
    }

    #[test]
    fn replay_params_are_whole_numbers_and_the_limit_is_clamped() {
        assert_eq!(Replay::read(&json!({"since": 5, "limit": 0})), Some(Replay { since: 5, limit: 1 }));
        assert_eq!(Replay::read(&json!({"since": 5, "limit": 99})), Some(Replay { since: 5, limit: 25 }));
        assert_eq!(Replay::read(&json!({"since": 5})), Some(Replay { since: 5, limit: 25 }));
        for wrong in [
            json!({}),
            json!({"since": 1.5}),
            json!({"since": "1"}),
            json!({"since": 1, "limit": 1.5}),
            json!({"since": i64::MAX}),
        ] {
            assert_eq!(Replay::read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let mut messages = Messages::default();
        for _ in 0..70 {
            messages.send_binary("a", "e", vec![0; 1 << 20], true);
        }
        assert!(messages.bytes <= MOST_BYTES && messages.rows.len() < 70);
    }
}

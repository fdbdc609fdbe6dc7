//! What passes the hub, shown to a watcher that must not slow it.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::realtime::wire::{Cast, Content};

/// A broadcast that passed: an envelope, most likely.
#[derive(Debug)]
pub(crate) enum Passed {
    /// The payload.
    Payload(Bytes),
    /// The payload with its event around it.
    Broadcast(String),
}

/// Where broadcasts are shown to a watcher, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    watcher: OnceLock<mpsc::Sender<Passed>>,
    unseen: AtomicU64,
}

impl Passed {
    /// The payload of the broadcast; `None` if it has another event.
    pub(crate) fn payload(&self) -> Option<Cow<'_, str>> {
        match self {
            Passed::Payload(body) => Some(String::from_utf8_lossy(body)),
            Passed::Broadcast(text) => {
                let Broadcast { event, payload } = serde_json::from_str(text).ok()?;
                (event == EVENT).then_some(Cow::Borrowed(payload.get()))
            }
        }
    }
}

impl Tap {
    /// Shows what passes from now on to this watcher; a second one is not heard.
    pub(crate) fn watch(&self, watcher: mpsc::Sender<Passed>) {
        // Fails if there is one: it stays.
        let _ = self.watcher.set(watcher);
    }

    /// Shows a broadcast, if it can be an envelope. Never waits: what finds no room is counted.
    pub(crate) fn show(&self, cast: &Cast) {
        let Some(watcher) = self.watcher.get() else { return };
        let passed = match cast {
            Cast::User { event, content: Content::Json(body), .. } if event == EVENT => {
                Passed::Payload(body.clone())
            }
            // The event stands inside; a text that has it elsewhere is sorted out by the watcher.
            Cast::Text { payload } if payload.contains(EVENT) => Passed::Broadcast(payload.clone()),
            Cast::User { .. } | Cast::Text { .. } | Cast::Raw { .. } | Cast::Presence { .. } => return,
        };
        if watcher.try_send(passed).is_err() {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many broadcasts found no room.
    pub(crate) fn unseen(&self) -> u64 {
        self.unseen.load(Ordering::Relaxed)
    }
}

#[derive(Deserialize)]
struct Broadcast<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// The event of envelopes.
const EVENT: &str = "rb1";

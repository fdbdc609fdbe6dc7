//! What passes the hub, shown to a watcher that must not slow it.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ringback_proto::signal::limits::ENVELOPE_BYTES;
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
        match cast {
            Cast::User { event, content: Content::Json(body), .. }
                if event == EVENT && body.len() <= ENVELOPE_BYTES =>
            {
                self.pass(|| Passed::Payload(body.clone()));
            }
            // The event stands inside; a text that has it elsewhere is sorted out by the watcher.
            Cast::Text { payload } if payload.len() <= MOST_TEXT_BYTES && payload.contains(EVENT) => {
                self.pass(|| Passed::Broadcast(payload.clone()));
            }
            Cast::User { .. } | Cast::Text { .. } | Cast::Raw { .. } | Cast::Presence { .. } => {}
        }
    }

    /// How many broadcasts found no room.
    pub(crate) fn unseen(&self) -> u64 {
        self.unseen.load(Ordering::Relaxed)
    }

    /// Takes the place first: what finds none is not copied.
    fn pass(&self, passed: impl FnOnce() -> Passed) {
        let Some(watcher) = self.watcher.get() else { return };
        match watcher.try_reserve() {
            Ok(place) => place.send(passed()),
            Err(_) => {
                self.unseen.fetch_add(1, Ordering::Relaxed);
            }
        }
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
/// An envelope with its type, its event and a `meta` around it. No phone takes a larger one; broadcasts may be four times
/// as large, and a full queue would hold them all.
const MOST_TEXT_BYTES: usize = ENVELOPE_BYTES + 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn tapped() -> (Tap, mpsc::Receiver<Passed>) {
        let tap = Tap::default();
        let (watcher, watched) = mpsc::channel(2);
        tap.watch(watcher);
        (tap, watched)
    }

    fn payload(bytes: usize) -> Cast {
        Cast::User { event: EVENT.into(), content: Content::Json(vec![b' '; bytes].into()), id: None }
    }

    fn text(bytes: usize) -> Cast {
        Cast::Text { payload: format!("{EVENT}{}", " ".repeat(bytes - EVENT.len())) }
    }

    #[test]
    fn what_is_larger_than_an_envelope_is_not_kept() {
        let (tap, mut watched) = tapped();
        for too_large in [payload(ENVELOPE_BYTES + 1), text(MOST_TEXT_BYTES + 1)] {
            tap.show(&too_large);
        }
        assert!(watched.try_recv().is_err());
        tap.show(&payload(ENVELOPE_BYTES));
        tap.show(&text(MOST_TEXT_BYTES));
        assert!(watched.try_recv().is_ok() && watched.try_recv().is_ok());
        assert_eq!(tap.unseen(), 0);
    }

    #[test]
    fn what_finds_no_place_is_counted() {
        let (tap, _watched) = tapped();
        for _ in 0..5 {
            tap.show(&payload(2));
        }
        assert_eq!(tap.unseen(), 3);
    }
}

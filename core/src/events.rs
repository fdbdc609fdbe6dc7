//! The event stream of a phone: one order for everything, bounded, and never silent about a gap.
//!
//! Each subscriber has a queue of 1,024 events. When it is full, its levels go first; if that makes no room, the queue
//! is emptied into one [`Event::Lagged`] with a snapshot of every call, so a slow reader loses the steps but not the
//! outcome. State and end also sit in each call's handle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::audio::{DeviceError, DeviceKind};
use crate::media::SelectedPath;
use crate::proto::CallId;
use crate::proto::call::{CallEventKind, CallSnapshot, CallState, Delivery, Incoming};
use crate::signaling::SignalingHealth;

/// Something that happened, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Something happened to a call.
    Call(CallEvent),
    /// Signaling went up or down.
    Signaling(SignalingHealth),
    /// Another sound device is in use, or none while a lost one is being rebuilt.
    DeviceInUse {
        /// Microphone or speaker.
        kind: DeviceKind,
        /// The device, for people to read.
        name: Option<String>,
    },
    /// A sound device cannot be used; the phone goes on trying.
    DeviceFailed {
        /// Microphone or speaker.
        kind: DeviceKind,
        /// Why.
        error: DeviceError,
    },
    /// How loud the microphone is, muted or not, at most every 100 ms, if asked for
    /// ([`AudioHandle::set_levels`](crate::audio::AudioHandle::set_levels)).
    MicrophoneLevel {
        /// In dBov: 0 is full scale, -127 silence (RFC 6464).
        level_dbov: i8,
    },
    /// This reader was too slow: events are missing here. The calls are in these states now.
    Lagged(Vec<CallSnapshot>),
}

/// Something that happened to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// Counts the events of this call from 1.
    pub number: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// It is here, and rings or is about to.
    Incoming(Incoming),
    /// We placed it.
    Outgoing,
    /// Its state changed. `Ended` comes once, and is the last event of a call.
    State(CallState),
    /// The invite got further on its way to the callee.
    Delivery(Delivery),
    /// The peer said what it sends.
    PeerMedia {
        /// It sends silence.
        muted: bool,
        /// It put the call on hold.
        held: bool,
        /// It records.
        recording: bool,
    },
    /// The app's bytes from the peer.
    Message(Vec<u8>),
    /// Media takes another path.
    Path(SelectedPath),
    /// The first sound of the peer that is not silence has been handed to the speaker.
    FirstSound,
    /// How loud the peer is, at most every 100 ms, if asked for.
    PeerLevel {
        /// In dBov: 0 is full scale, -127 silence (RFC 6464).
        level_dbov: i8,
    },
}

/// A reader of a phone's events. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
    only: Option<CallId>,
}

/// The writing end, owned by the driver.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    queues: Vec<Weak<Queue>>,
    closed: bool,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    events: VecDeque<Event>,
    closed: bool,
}

impl Events {
    /// The next event; `None` once the phone is closed and everything was read.
    ///
    /// # Cancel safety
    /// Cancel safe: an event is taken only when it is returned.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let grown = self.queue.grown.notified();
            {
                let mut state = lock(&self.queue.state);
                while let Some(event) = state.events.pop_front() {
                    if self.wants(&event) {
                        return Some(event);
                    }
                }
                if state.closed {
                    return None;
                }
            }
            grown.await;
        }
    }

    /// The next event if one is there.
    pub fn try_next(&mut self) -> Option<Event> {
        let mut state = lock(&self.queue.state);
        while let Some(event) = state.events.pop_front() {
            if self.wants(&event) {
                return Some(event);
            }
        }
        None
    }

    pub(crate) fn of(mut self, call: CallId) -> Self {
        self.only = Some(call);
        self
    }

    fn wants(&self, event: &Event) -> bool {
        match (self.only, event) {
            (None, _) | (Some(_), Event::Lagged(_)) => true,
            (Some(only), Event::Call(event)) => event.call == only,
            (
                Some(_),
                Event::Signaling(_)
                | Event::DeviceInUse { .. }
                | Event::DeviceFailed { .. }
                | Event::MicrophoneLevel { .. },
            ) => false,
        }
    }
}

impl Publisher {
    pub(crate) fn subscribe(&self) -> Events {
        let queue = Arc::new(Queue::default());
        let mut readers = lock(&self.readers);
        readers.queues.retain(|reader| reader.strong_count() > 0);
        if readers.closed {
            lock(&queue.state).closed = true;
        } else {
            readers.queues.push(Arc::downgrade(&queue));
        }
        Events { queue, only: None }
    }

    /// `snapshot` is asked only if a reader lags.
    pub(crate) fn publish(&self, event: &Event, snapshot: impl Fn() -> Vec<CallSnapshot>) {
        for queue in &lock(&self.readers).queues {
            let Some(queue) = queue.upgrade() else { continue };
            {
                let mut state = lock(&queue.state);
                if state.events.len() >= PLACES {
                    state.events.retain(|event| !is_level(event));
                }
                if state.events.len() >= PLACES {
                    state.events.clear();
                    state.events.push_back(Event::Lagged(snapshot()));
                } else {
                    state.events.push_back(event.clone());
                }
            }
            queue.grown.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        let mut readers = lock(&self.readers);
        readers.closed = true;
        for queue in readers.queues.drain(..) {
            let Some(queue) = queue.upgrade() else { continue };
            lock(&queue.state).closed = true;
            queue.grown.notify_one();
        }
    }
}

impl From<CallEventKind> for EventKind {
    fn from(kind: CallEventKind) -> Self {
        match kind {
            CallEventKind::Incoming(incoming) => EventKind::Incoming(incoming),
            CallEventKind::Outgoing { .. } => EventKind::Outgoing,
            CallEventKind::State(state) => EventKind::State(state),
            CallEventKind::Delivery(delivery) => EventKind::Delivery(delivery),
            CallEventKind::PeerMedia { muted, held, recording } => {
                EventKind::PeerMedia { muted, held, recording }
            }
            CallEventKind::Message(bytes) => EventKind::Message(bytes),
        }
    }
}

fn is_level(event: &Event) -> bool {
    matches!(
        event,
        Event::MicrophoneLevel { .. } | Event::Call(CallEvent { kind: EventKind::PeerLevel { .. }, .. })
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A busy call makes some 20 events a second: a reader may stall for most of a minute.
const PLACES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, kind: EventKind) -> Event {
        Event::Call(CallEvent { call: CallId::from_random([1; 16]), number, kind })
    }

    #[test]
    fn a_slow_reader_loses_levels_before_anything_else() {
        let publisher = Publisher::default();
        let mut events = publisher.subscribe();
        publisher.publish(&event(1, EventKind::Outgoing), Vec::new);
        for number in 0..PLACES as u64 {
            publisher.publish(&event(number, EventKind::PeerLevel { level_dbov: -30 }), Vec::new);
        }
        assert_eq!(events.try_next(), Some(event(1, EventKind::Outgoing)));
    }

    #[test]
    fn a_reader_that_lags_gets_one_snapshot_in_place_of_what_it_missed() {
        let publisher = Publisher::default();
        let mut events = publisher.subscribe();
        for number in 0..=PLACES as u64 {
            publisher.publish(&event(number, EventKind::Outgoing), Vec::new);
        }
        assert_eq!(events.try_next(), Some(Event::Lagged(Vec::new())));
        assert_eq!(events.try_next(), None);
    }

    #[tokio::test]
    async fn a_closed_phone_ends_the_stream_after_its_last_event() {
        let publisher = Publisher::default();
        let mut events = publisher.subscribe();
        publisher.publish(&Event::Signaling(SignalingHealth::Online), Vec::new);
        publisher.close();
        assert_eq!(events.next().await, Some(Event::Signaling(SignalingHealth::Online)));
        assert_eq!(events.next().await, None);
        assert_eq!(publisher.subscribe().next().await, None);
    }
}

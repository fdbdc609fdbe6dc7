//! One signaling for several phones: every invite goes to a phone that is free.
//!
//! ```text
//!                          +-- line 1: phone, device A    an invite: to the first free line; if none is free,
//! websocket <-> Switchboard -- line 2: phone, device B        to line 1, which is busy and says so
//!                          +-- line 3: phone, device C    anything else: to the device that it names
//! ```
//!
//! A phone has one microphone, so an echo that talks to three callers at a time is three phones. With a websocket each,
//! all of them would ring for one invite.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringback::proto::signal::{Body, Envelope};
use ringback::proto::{CallId, DeviceId};
use ringback::signaling::{Outgoing, RefusedWhy, Signaling, SignalingEvent};
use ringback::{BoxFuture, Phone};
use tokio::sync::Notify;

/// What a phone's line is to the phone.
pub(super) struct Line {
    trunk: Arc<dyn Signaling>,
    inbox: Mutex<Inbox>,
    grown: Notify,
}

/// Hands what comes to the line that it is for.
pub(super) struct Switchboard {
    trunk: Arc<dyn Signaling>,
    lines: Vec<Place>,
}

#[derive(Default)]
struct Inbox {
    events: VecDeque<SignalingEvent>,
    closed: bool,
}

struct Place {
    line: Arc<Line>,
    phone: Phone,
    /// The invite that it got last, and when.
    given: Option<(CallId, Instant)>,
}

impl Line {
    pub(super) fn new(trunk: Arc<dyn Signaling>) -> Arc<Self> {
        Arc::new(Self { trunk, inbox: Mutex::default(), grown: Notify::new() })
    }

    /// When it is full, a message is lost, which its sender repeats; other events take the place of a message.
    fn put(&self, event: SignalingEvent) {
        let mut inbox = self.inbox();
        if inbox.events.len() >= PLACES {
            let is_message = |event: &SignalingEvent| matches!(event, SignalingEvent::Message { .. });
            if is_message(&event) {
                return;
            }
            let loser = inbox.events.iter().position(is_message).unwrap_or(0);
            inbox.events.remove(loser);
        }
        inbox.events.push_back(event);
        drop(inbox);
        self.grown.notify_one();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signaling for Line {
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        self.trunk.send(message)
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        Box::pin(async move {
            loop {
                let grown = self.grown.notified();
                {
                    let mut inbox = self.inbox();
                    if let Some(event) = inbox.events.pop_front() {
                        return event;
                    }
                    if inbox.closed {
                        return SignalingEvent::Closed;
                    }
                }
                grown.await;
            }
        })
    }

    fn is_closed(&self) -> bool {
        self.inbox().closed
    }

    /// Hangs up this line only. What it sent is flushed when the trunk is closed.
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inbox().closed = true;
        self.grown.notify_one();
        Box::pin(std::future::ready(()))
    }
}

impl Switchboard {
    pub(super) fn new(trunk: Arc<dyn Signaling>, lines: Vec<(Arc<Line>, Phone)>) -> Self {
        let lines = lines.into_iter().map(|(line, phone)| Place { line, phone, given: None }).collect();
        Self { trunk, lines }
    }

    /// Serves the lines until the trunk closes.
    pub(super) async fn run(mut self) {
        loop {
            let event = self.trunk.next().await;
            match &event {
                SignalingEvent::Message { text, .. } => {
                    let place = self.place_for(text);
                    if let Some(place) = self.lines.get(place) {
                        place.line.put(event);
                    }
                }
                SignalingEvent::Closed => return,
                SignalingEvent::Up { .. }
                | SignalingEvent::Down
                | SignalingEvent::Receipt(..)
                | SignalingEvent::Refused(..)
                | SignalingEvent::Health(_) => {
                    for place in &self.lines {
                        place.line.put(event.clone());
                    }
                }
            }
        }
    }

    fn place_for(&mut self, text: &str) -> usize {
        let Ok(envelope) = Envelope::decode(text) else {
            // A phone knows what to answer to another version.
            return 0;
        };
        if let Some(place) = envelope.to.device.and_then(|device| self.place_of(device)) {
            return place;
        }
        let call = envelope.call;
        let has_it = |place: &Place| {
            place.given.is_some_and(|(given, _)| given == call)
                || place.phone.calls().iter().any(|known| known.id() == call)
        };
        if let Some(place) = self.lines.iter().position(has_it) {
            return place;
        }
        if !matches!(envelope.body, Body::Invite(_)) {
            return 0;
        }
        let now = Instant::now();
        let free = self.lines.iter().position(|place| place.is_free(now)).unwrap_or(0);
        if let Some(place) = self.lines.get_mut(free) {
            place.given = Some((call, now));
        }
        free
    }

    fn place_of(&self, device: DeviceId) -> Option<usize> {
        self.lines.iter().position(|place| place.phone.device() == device)
    }
}

impl Place {
    fn is_free(&self, now: Instant) -> bool {
        let settling = self.given.is_some_and(|(_, at)| now.duration_since(at) < SETTLING);
        !settling && self.phone.calls().is_empty()
    }
}

/// A call makes some 20 messages in all.
const PLACES: usize = 256;
/// How long a phone may take to show the call of an invite that it got.
const SETTLING: Duration = Duration::from_secs(1);

//! What waits for one phone: link changes first, then messages by the time they are due.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::signaling::{OfflineWhy, SignalingEvent, SignalingHealth};

/// What waits for one phone.
#[derive(Debug)]
pub(super) struct Inbox {
    link: Link,
    news: VecDeque<SignalingEvent>,
    due: BTreeMap<(Instant, u64), SignalingEvent>,
    sequence: u64,
}

/// How the phone stands with the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Up,
    Down,
    Closed,
}

/// What `next` finds.
pub(super) enum Found {
    Event(SignalingEvent),
    Until(Instant),
    Nothing,
}

impl Inbox {
    pub(super) fn new(up: bool) -> Self {
        let link = if up { Link::Up } else { Link::Down };
        let news = if up { went_up() } else { went_down() };
        Self { link, news: news.into(), due: BTreeMap::new(), sequence: 0 }
    }

    pub(super) fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    pub(super) fn is_closed(&self) -> bool {
        self.link == Link::Closed
    }

    /// Queues an event; `false` if it was dropped: the phone is away, or 1,024 events wait.
    pub(super) fn push(&mut self, at: Instant, event: SignalingEvent) -> bool {
        if self.link != Link::Up || self.due.len() >= PLACES {
            return false;
        }
        self.sequence += 1;
        self.due.insert((at, self.sequence), event);
        true
    }

    /// Connects or cuts the phone. What was under way to a phone that is cut is lost.
    pub(super) fn set_up(&mut self, up: bool) {
        match (self.link, up) {
            (Link::Up, false) => {
                self.link = Link::Down;
                self.due.clear();
                // What was not read yet is stale: the phone is down now, whatever came before.
                self.news = went_down().into();
            }
            (Link::Down, true) => {
                self.link = Link::Up;
                self.news.extend(went_up());
            }
            (Link::Up, true) | (Link::Down, false) | (Link::Closed, _) => {}
        }
    }

    pub(super) fn close(&mut self) {
        self.link = Link::Closed;
        self.news.clear();
        self.due.clear();
    }

    pub(super) fn take(&mut self, now: Instant) -> Found {
        if self.link == Link::Closed {
            return Found::Event(SignalingEvent::Closed);
        }
        if let Some(event) = self.news.pop_front() {
            return Found::Event(event);
        }
        let Some(first) = self.due.first_entry() else { return Found::Nothing };
        let at = first.key().0;
        if at > now {
            return Found::Until(at);
        }
        Found::Event(first.remove())
    }
}

fn went_up() -> [SignalingEvent; 2] {
    [SignalingEvent::Up { caught_up: true }, SignalingEvent::Health(SignalingHealth::Online)]
}

fn went_down() -> [SignalingEvent; 2] {
    let health = SignalingHealth::Offline { why: OfflineWhy::Unreachable, retry_in: Duration::ZERO };
    [SignalingEvent::Down, SignalingEvent::Health(health)]
}

/// Events that wait for a phone at most; the newest is dropped beyond. Above what the call machine may have
/// outstanding (256 endings and 256 early messages), far below what a flood would need to hurt.
const PLACES: usize = 1024;

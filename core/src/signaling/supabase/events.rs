//! What waits for the driver: link changes and health as they stand, messages in a bounded queue.
//!
//! | kind | places | when full |
//! |---|---|---|
//! | messages, refusals | 1,024 | the newest is dropped: a transport may lose |
//! | up and down | 2 | an unread "up" that went down again is forgotten |
//! | health | 1 | the latest counts |

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::signaling::{SignalingEvent, SignalingHealth};

#[derive(Debug, Default)]
pub(super) struct Events {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    up: bool,
    closed: bool,
    tell_down: bool,
    tell_up: bool,
    health: Option<SignalingHealth>,
    told: Option<SignalingHealth>,
    messages: VecDeque<SignalingEvent>,
}

impl Events {
    pub(super) fn is_up(&self) -> bool {
        self.lock().up
    }

    pub(super) fn set_up(&self, up: bool) {
        {
            let mut queue = self.lock();
            if queue.up == up {
                return;
            }
            queue.up = up;
            queue.tell_up = up;
            queue.tell_down |= !up;
        }
        self.wake.notify_one();
    }

    pub(super) fn set_health(&self, health: SignalingHealth) {
        self.lock().health = Some(health);
        self.wake.notify_one();
    }

    pub(super) fn push(&self, event: SignalingEvent) {
        {
            let mut queue = self.lock();
            if queue.messages.len() >= PLACES {
                tracing::warn!("the driver is slow: a message is dropped");
                return;
            }
            queue.messages.push_back(event);
        }
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        {
            let mut queue = self.lock();
            queue.closed = true;
            queue.up = false;
        }
        self.wake.notify_one();
    }

    pub(super) async fn next(&self) -> SignalingEvent {
        loop {
            if let Some(event) = self.lock().pop() {
                return event;
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn pop(&mut self) -> Option<SignalingEvent> {
        if self.closed {
            return Some(SignalingEvent::Closed);
        }
        if std::mem::take(&mut self.tell_down) {
            return Some(SignalingEvent::Down);
        }
        if std::mem::take(&mut self.tell_up) {
            return Some(SignalingEvent::Up { caught_up: true });
        }
        if let Some(health) = self.health.take()
            && self.told.as_ref() != Some(&health)
        {
            self.told = Some(health.clone());
            return Some(SignalingEvent::Health(health));
        }
        self.messages.pop_front()
    }
}

const PLACES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flapping_link_is_told_as_down_then_up() {
        let events = Events::default();
        events.set_up(true);
        assert_eq!(events.next().await, SignalingEvent::Up { caught_up: true });
        for _ in 0..10 {
            events.set_up(false);
            events.set_up(true);
        }
        assert_eq!(events.next().await, SignalingEvent::Down);
        assert_eq!(events.next().await, SignalingEvent::Up { caught_up: true });
        events.close();
        assert_eq!(events.next().await, SignalingEvent::Closed);
    }

    #[tokio::test]
    async fn the_same_health_is_told_once() {
        let events = Events::default();
        events.set_health(SignalingHealth::Connecting);
        assert_eq!(events.next().await, SignalingEvent::Health(SignalingHealth::Connecting));
        events.set_health(SignalingHealth::Connecting);
        events.set_up(true);
        assert_eq!(events.next().await, SignalingEvent::Up { caught_up: true });
        events.close();
        assert_eq!(events.next().await, SignalingEvent::Closed);
    }
}

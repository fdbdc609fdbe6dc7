//! The task that sends the flights of a handshake again: what and when, `flight` says.
//!
//! It runs while there is something to repeat, and holds neither the connection nor its sockets.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::task::AbortHandle;
use webrtc::runtime::AsyncUdpSocket;

use super::flight::{Copy, Flights, Next};
use super::{Notice, Shared, lock, now};

/// The flights, and the task that repeats them.
pub(super) struct Repeater {
    pub(super) flights: Flights<Sent>,
    task: Option<AbortHandle>,
}

/// The way a datagram left.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) socket: Weak<dyn AsyncUdpSocket>,
    pub(super) to: SocketAddr,
}

impl Repeater {
    pub(super) fn new() -> Self {
        Self { flights: Flights::new(), task: None }
    }

    pub(super) fn ensure_task(&mut self, shared: &Arc<Shared>) {
        if self.task.is_none() {
            self.task = Some(tokio::spawn(repeat(Arc::downgrade(shared))).abort_handle());
        }
    }

    /// Ends the task.
    pub(super) fn close(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Repeats flights until there is nothing to repeat for a while, or the connection is gone.
async fn repeat(shared: Weak<Shared>) {
    loop {
        let next = {
            let Some(shared) = shared.upgrade() else { return };
            let mut repeater = lock(&shared.repeater);
            let next = repeater.flights.poll(now());
            match next {
                Next::Idle => repeater.task = None,
                Next::Refused => {
                    shared.handshaking.store(false, Ordering::Relaxed);
                    (shared.notify)(Notice::Refused);
                }
                Next::Send(_) | Next::Wait(_) => {}
            }
            next
        };
        match next {
            Next::Send(copies) => send(copies).await,
            Next::Wait(at) => tokio::time::sleep_until(at.into()).await,
            Next::Refused => {}
            Next::Idle => return,
        }
    }
}

/// Sends copies the way the first ones left.
pub(super) async fn send(copies: Vec<Copy<Sent>>) {
    for Copy { route, bytes } in copies {
        if let Some(socket) = route.socket.upgrade() {
            // A copy that cannot be sent is a lost datagram, for which there is the next copy.
            let _ = socket.send_to(&bytes, route.to).await;
        }
    }
}

//! Signaling with faults: messages that are delayed, lost, doubled and overtaken like datagrams.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::lock;
use super::path::{Link, Path};

/// Where messages go in.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// Where they come out.
#[derive(Debug)]
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Notify,
}

#[derive(Debug)]
struct State<T> {
    link: Link,
    path: Path,
    next: u64,
    waiting: BTreeMap<(Instant, u64), T>,
}

/// A way for messages of `T`, with the faults of `path`. Works in real time too.
pub fn mail<T>(seed: u64, name: &str, path: Path) -> (Sender<T>, Mailbox<T>) {
    let state = State { link: Link::new(seed, name), path, next: 0, waiting: BTreeMap::new() };
    let shared = Arc::new(Shared { state: Mutex::new(state), arrived: Notify::new() });
    (Sender { shared: shared.clone() }, Mailbox { shared })
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: Clone> Sender<T> {
    /// Sends a message; what becomes of it is the path's affair.
    pub fn send(&self, message: T) {
        let mut state = lock(&self.shared.state);
        let state = &mut *state;
        for delay in state.link.next(&state.path).copies.into_iter().flatten() {
            state.next += 1;
            state.waiting.insert((Instant::now() + delay, state.next), message.clone());
        }
        self.shared.arrived.notify_one();
    }

    /// Another path, from now on.
    pub fn set_path(&self, path: Path) {
        lock(&self.shared.state).path = path;
    }
}

impl<T> Mailbox<T> {
    /// The next message. Cancel safe.
    pub async fn recv(&mut self) -> T {
        loop {
            let due = lock(&self.shared.state).waiting.keys().next().map(|(at, _)| *at);
            match due {
                Some(at) if at <= Instant::now() => {
                    if let Some((_, message)) = lock(&self.shared.state).waiting.pop_first() {
                        return message;
                    }
                }
                // A later message may arrive earlier.
                Some(at) => tokio::select! {
                    biased;
                    () = sleep_until(at) => {}
                    () = self.shared.arrived.notified() => {}
                },
                None => self.shared.arrived.notified().await,
            }
        }
    }
}

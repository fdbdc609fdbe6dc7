//! What a process holds: counted before and after, the difference is what was left behind.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::{BoxError, Metric, process};

/// What this process holds. Counts are signed: their difference is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Held {
    pub(super) tasks: f64,
    pub(super) sockets: f64,
    pub(super) threads: f64,
}

impl Held {
    pub(super) fn now() -> Result<Self, BoxError> {
        Ok(Self {
            tasks: Handle::current().metrics().num_alive_tasks() as f64,
            sockets: process::sockets()? as f64,
            threads: process::threads()? as f64,
        })
    }

    /// Waits until as little is held as before, for as long as the runtime keeps idle threads.
    pub(super) async fn settled(before: &Self) -> Result<Self, BoxError> {
        let until = Instant::now() + SETTLE;
        loop {
            let held = Self::now()?;
            if held == *before || Instant::now() > until {
                return Ok(held);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// `tasks_left`, `sockets_left` and `threads_left`, after so many calls.
    pub(super) fn left_since(&self, before: &Self, calls: usize) -> [Metric; 3] {
        let metric =
            |name: &str, ours, unit| Metric { name: name.to_owned(), ours, peer: None, unit, count: calls };
        [
            metric("tasks_left", self.tasks - before.tasks, "tasks"),
            metric("sockets_left", self.sockets - before.sockets, "sockets"),
            metric("threads_left", self.threads - before.threads, "threads"),
        ]
    }
}

/// tokio keeps an idle thread of its blocking pool for 10 s.
const SETTLE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);

//! The port `Clock`: the time that the core lives by.
//!
//! Two clocks matter. The *monotonic* one stops while the machine sleeps and drives media and sockets; the *boot*
//! clock counts the sleep and drives the deadlines of calls, so that a phone that slept through a ring does not ring
//! afterwards. [`Clock::now`] is the boot clock; the driver compares the two and reports a jump to the machine.

use std::time::Duration;

use tokio::time::Instant;

use crate::BoxFuture;
use crate::proto::Timestamp;

/// The time that the core lives by.
pub trait Clock: Send + Sync + 'static {
    /// Now, on the clock that counts suspended time.
    fn now(&self) -> Timestamp;

    /// Now, on the clock that does not. The difference of both only grows, by the time that was slept.
    fn monotonic(&self) -> Timestamp;

    /// Returns once [`Clock::now`] has reached `deadline`, or soon after the machine woke. Cancel safe.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()>;
}

/// tokio's clock: real time in production, virtual time in a paused runtime. Knows no suspend.
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// A clock that starts now. Call it inside a tokio runtime.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }

    fn monotonic(&self) -> Timestamp {
        self.now()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        let wait = Duration::from_micros(deadline.as_micros());
        Box::pin(async move {
            match self.start.checked_add(wait) {
                Some(at) if deadline != Timestamp::NEVER => tokio::time::sleep_until(at).await,
                _ => std::future::pending().await,
            }
        })
    }
}

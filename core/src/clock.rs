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

/// The system's clocks: boot time for [`Clock::now`] where the system has one, tokio's for [`Clock::monotonic`].
///
/// Linux and Android have `CLOCK_BOOTTIME`; on Apple systems `CLOCK_MONOTONIC` counts sleep. On other systems both clocks
/// are tokio's: a suspend then shows only as a timer that fires late.
#[derive(Debug, Clone)]
pub struct BootClock {
    tokio: TokioClock,
    boot_start: Duration,
}

impl BootClock {
    /// A clock that starts now. Call it inside a tokio runtime.
    pub fn new() -> Self {
        Self { tokio: TokioClock::new(), boot_start: boot_time() }
    }
}

impl Default for BootClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for BootClock {
    fn now(&self) -> Timestamp {
        if boot_time().is_zero() {
            return self.tokio.now();
        }
        Timestamp::ZERO + boot_time().saturating_sub(self.boot_start)
    }

    fn monotonic(&self) -> Timestamp {
        self.tokio.now()
    }

    /// Timers stop while the machine sleeps, so a long wait is taken in steps of at most 5 s.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if deadline == Timestamp::NEVER {
                return std::future::pending().await;
            }
            loop {
                let left = deadline.since(self.now());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(STEP)).await;
            }
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_time() -> Duration {
    read(rustix::time::ClockId::Boottime)
}

#[cfg(target_vendor = "apple")]
fn boot_time() -> Duration {
    read(rustix::time::ClockId::Monotonic)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn boot_time() -> Duration {
    Duration::ZERO
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn read(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// How late a deadline may be noticed after a suspend; one wake in 5 s costs nothing measurable.
const STEP: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_clocks_run_at_one_speed_while_the_machine_runs() {
        let clock = BootClock::new();
        let (boot, monotonic) = (clock.now(), clock.monotonic());
        clock.sleep_until(clock.now() + Duration::from_millis(20)).await;
        let (boot, monotonic) = (clock.now() - boot, clock.monotonic() - monotonic);
        assert!(boot.abs_diff(monotonic) < Duration::from_secs(5), "{boot:?} {monotonic:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn never_is_not_a_deadline() {
        let clock = TokioClock::new();
        let slept =
            tokio::time::timeout(Duration::from_secs(3600), clock.sleep_until(Timestamp::NEVER)).await;
        assert!(slept.is_err());
    }
}

//! The one timer of a connection: silence of the peer, and a look at the path.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The one timer of a connection.
///
/// Packets only note the time; the timer is set again when it fires, so that it costs a few wakes a second at most.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    silence: Option<Silence>,
    path: Option<Instant>,
    heard: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Silence {
    within: Duration,
    since: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) silence: bool,
    pub(super) path: bool,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(FAR)), silence: None, path: None, heard: None }
    }

    /// Something came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// From now on silence is due after `within`.
    pub(super) fn watch(&mut self, within: Duration) {
        self.silence = Some(Silence { within, since: Instant::now() });
        self.set();
    }

    /// A look at the path is due then.
    pub(super) fn look_at_path_in(&mut self, after: Duration) {
        self.path = Some(Instant::now() + after);
        self.set();
    }

    /// Waits until something may be due. Cancel safe.
    pub(super) async fn rings(&mut self) {
        self.sleep.as_mut().await;
    }

    /// What is due at `now`. Silence is due once in every such while.
    pub(super) fn take_due(&mut self, now: Instant) -> Due {
        let silence = self.silence_deadline().is_some_and(|at| at <= now);
        if silence && let Some(watch) = &mut self.silence {
            watch.since = now;
        }
        let path = self.path.is_some_and(|at| at <= now);
        if path {
            self.path = None;
        }
        self.set();
        Due { silence, path }
    }

    fn silence_deadline(&self) -> Option<Instant> {
        let Silence { within, since } = self.silence?;
        Some(self.heard.map_or(since, |heard| heard.max(since)) + within)
    }

    fn set(&mut self) {
        let next = [self.silence_deadline(), self.path].into_iter().flatten().min();
        self.sleep.as_mut().reset(next.unwrap_or_else(|| Instant::now() + FAR));
    }
}

/// Longer than any call.
const FAR: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_millis(400);

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_sign_of_life() {
        let mut alarm = Alarm::new();
        let start = Instant::now();
        alarm.watch(WITHIN);
        alarm.heard(start + Duration::from_millis(300));
        alarm.rings().await;
        assert_eq!(alarm.take_due(Instant::now()), Due { silence: false, path: false });
        alarm.rings().await;
        assert_eq!(start.elapsed().as_millis(), 700);
        assert!(alarm.take_due(Instant::now()).silence);
    }

    #[tokio::test(start_paused = true)]
    async fn both_uses_share_the_timer() {
        let mut alarm = Alarm::new();
        alarm.look_at_path_in(Duration::from_millis(100));
        alarm.watch(WITHIN);
        alarm.rings().await;
        assert_eq!(alarm.take_due(Instant::now()), Due { silence: false, path: true });
        alarm.rings().await;
        assert_eq!(alarm.take_due(Instant::now()), Due { silence: true, path: false });
    }
}

//! How much is allowed: the limits of a project, and the meters that find out.
//!
//! A meter counts in ticks and averages over its newest ticks, as the real server does: nothing is noticed before a
//! tick is over, and a peak of one tick weighs on the average for the whole window.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The limits of a project. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Sockets that have joined anything. More are refused with 429 and `ConnectionRateLimitReached`.
    pub connections: Option<usize>,
    /// Joins a second of the whole hub, on average. Above, connections are refused with 429, and a join is refused
    /// with `ClientJoinRateLimitReached` and costs its socket.
    pub joins_per_second: Option<u32>,
    /// Messages a second of the whole hub, on average; a broadcast counts once, and once for each who gets it. Above,
    /// whoever receives one loses the channel; the sender does not.
    pub messages_per_second: Option<u32>,
    /// Presence messages a second of the whole hub, on average.
    pub presence_messages_per_second: Option<u32>,
    /// Channels of one socket. Default 100.
    pub channels_per_socket: usize,
    /// Presence calls of one channel in a window. Default 5.
    pub presence_calls: u32,
    /// The window of the presence calls. Default 30 s.
    pub presence_window: Duration,
    /// How often averages are taken. Default 5 s.
    pub tick: Duration,
    /// How many ticks make an average. Default 12, a minute.
    pub ticks: usize,
}

impl Limits {
    /// The limits of Supabase's free plan.
    pub fn free_plan() -> Self {
        Self {
            connections: Some(200),
            joins_per_second: Some(100),
            messages_per_second: Some(100),
            presence_messages_per_second: Some(20),
            ..Self::default()
        }
    }
}

/// No limit that a whole project shares: one developer's machine is no project under load.
impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            joins_per_second: None,
            messages_per_second: None,
            presence_messages_per_second: None,
            channels_per_socket: 100,
            presence_calls: 5,
            presence_window: Duration::from_secs(30),
            tick: Duration::from_secs(5),
            ticks: 12,
        }
    }
}

/// The meters of a hub.
#[derive(Debug)]
pub(crate) struct Meters {
    pub(crate) joins: Meter,
    pub(crate) messages: Meter,
    pub(crate) presences: Meter,
}

impl Meters {
    pub(crate) fn new(limits: &Limits) -> Self {
        let meter = |limit| Meter::new(limit, limits.tick, limits.ticks);
        Self {
            joins: meter(limits.joins_per_second),
            messages: meter(limits.messages_per_second),
            presences: meter(limits.presence_messages_per_second),
        }
    }

    /// Forgets what was counted, as a server does that restarts.
    pub(crate) fn reset(&self) {
        for meter in [&self.joins, &self.messages, &self.presences] {
            meter.reset();
        }
    }
}

/// Counts against a limit; without one it costs nothing and never trips.
#[derive(Debug)]
pub(crate) struct Meter {
    limit: Option<f64>,
    tick: Duration,
    ticks: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// The start of the tick that is counted now; `None`: nothing was counted yet.
    since: Option<Instant>,
    now: u64,
    /// The ticks that are over, newest last.
    over: VecDeque<u64>,
}

impl Meter {
    fn new(limit: Option<u32>, tick: Duration, ticks: usize) -> Self {
        Self { limit: limit.map(f64::from), tick: tick.max(SHORTEST_TICK), ticks, counts: Mutex::default() }
    }

    pub(crate) fn add(&self, count: u64, now: Instant) {
        if self.limit.is_some() {
            let mut counts = self.counts();
            self.advance(&mut counts, now);
            counts.now += count;
        }
    }

    /// How much a second, on average over the ticks that are over.
    pub(crate) fn average(&self, now: Instant) -> f64 {
        let mut counts = self.counts();
        self.advance(&mut counts, now);
        let Ok(ticks) = u32::try_from(counts.over.len()) else { return 0.0 };
        let Ok(sum) = u32::try_from(counts.over.iter().sum::<u64>()) else { return f64::MAX };
        if ticks == 0 { 0.0 } else { f64::from(sum) / (f64::from(ticks) * self.tick.as_secs_f64()) }
    }

    /// The limit, if the average has reached it.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.limit.is_some_and(|limit| self.average(now) >= limit)
    }

    /// Whether so many more would go over the limit.
    pub(crate) fn would_be_over(&self, more: usize, now: Instant) -> bool {
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        self.limit.is_some_and(|limit| self.average(now) + f64::from(more) > limit)
    }

    fn reset(&self) {
        *self.counts() = Counts::default();
    }

    fn advance(&self, counts: &mut Counts, now: Instant) {
        let since = *counts.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since);
        let ticks = passed.as_nanos() / self.tick.as_nanos();
        if ticks == 0 {
            return;
        }
        if passed > FORGET || ticks > self.ticks as u128 {
            *counts = Counts { since: Some(now), now: 0, over: VecDeque::new() };
            return;
        }
        for _ in 0..ticks {
            counts.over.push_back(std::mem::take(&mut counts.now));
            if counts.over.len() > self.ticks {
                counts.over.pop_front();
            }
            counts.since = counts.since.map(|since| since + self.tick);
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shorter tick would make the ticks of a long pause too many to count.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// After a rest as long as this the real server's counter is gone, and its average with it.
const FORGET: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(5);

    #[test]
    fn nothing_is_over_before_the_first_tick() {
        let (meter, start) = (Meter::new(Some(10), TICK, 12), Instant::now());
        meter.add(1000, start);
        assert!(!meter.is_over(start + TICK - Duration::from_millis(1)));
        assert!(meter.is_over(start + TICK));
    }

    #[test]
    fn a_peak_weighs_for_a_whole_window() {
        let (meter, start) = (Meter::new(Some(10), TICK, 12), Instant::now());
        meter.add(601, start);
        assert!(meter.is_over(start + 12 * TICK));
        assert!(!meter.is_over(start + 13 * TICK));
    }

    #[test]
    fn an_average_just_below_the_limit_is_allowed() {
        let (meter, start) = (Meter::new(Some(10), TICK, 12), Instant::now());
        meter.add(49, start);
        assert!(!meter.is_over(start + TICK));
        assert!(meter.would_be_over(1, start + TICK));
    }

    #[test]
    fn without_a_limit_nothing_is_ever_over() {
        let (meter, start) = (Meter::new(None, TICK, 12), Instant::now());
        meter.add(u64::MAX, start);
        assert!(!meter.is_over(start + TICK));
        assert!(!meter.would_be_over(usize::MAX, start + TICK));
    }

    #[test]
    fn a_long_rest_forgets_everything() {
        let (meter, start) = (Meter::new(Some(10), TICK, 12), Instant::now());
        meter.add(1000, start);
        assert!(!meter.is_over(start + Duration::from_secs(3600)));
    }
}

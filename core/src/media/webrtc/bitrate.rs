//! The rate at which a counter of bytes grows, from one look at it to another.

use std::time::Duration;

use tokio::time::Instant;

/// The rate at which a counter of bytes grows.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitrateMeter {
    since: Instant,
    bytes: u64,
    rate_bps: u64,
}

impl BitrateMeter {
    /// Counts from zero bytes at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, rate_bps: 0 }
    }

    /// Bits per second over the last window that is complete, with the counter at `bytes` now. A look ends the
    /// window once it is long enough; more frequent ones get the rate of the window before.
    pub(super) fn look(&mut self, now: Instant, bytes: u64) -> u64 {
        let window = now.saturating_duration_since(self.since);
        if window >= SHORTEST_WINDOW {
            let bits = 8.0 * bytes.saturating_sub(self.bytes) as f64;
            *self = Self { since: now, bytes, rate_bps: (bits / window.as_secs_f64()).round() as u64 };
        }
        self.rate_bps
    }
}

/// Half of the second between two looks of a phone: 25 packets or so, so that one more or less hardly shows.
const SHORTEST_WINDOW: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_between_two_looks() {
        let start = Instant::now();
        let mut meter = BitrateMeter::new(start);
        assert_eq!(meter.look(start, 0), 0);
        assert_eq!(meter.look(start + Duration::from_secs(1), 4_000), 32_000);
        assert_eq!(meter.look(start + Duration::from_secs(3), 5_000), 4_000);
        assert_eq!(meter.look(start + Duration::from_secs(4), 5_000), 0, "silence");
    }

    #[test]
    fn a_second_reader_does_not_shorten_the_window() {
        let start = Instant::now();
        let mut meter = BitrateMeter::new(start);
        assert_eq!(meter.look(start + Duration::from_millis(1_000), 4_000), 32_000);
        assert_eq!(meter.look(start + Duration::from_millis(1_010), 4_080), 32_000);
        assert_eq!(meter.look(start + Duration::from_millis(2_000), 8_000), 32_000);
    }
}

//! The time of the machines: a point on a clock that the caller reads.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time on a monotonic clock, in microseconds since a moment that the clock's owner chose.
///
/// Only differences mean something. Two timestamps compare only if they come from the same clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The clock's start.
    pub const ZERO: Timestamp = Timestamp(0);
    /// Later than any deadline: "no timer is set".
    pub const NEVER: Timestamp = Timestamp(u64::MAX);

    /// The timestamp `micros` microseconds after the clock's start.
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates at [`Timestamp::NEVER`].
    fn add(self, after: Duration) -> Timestamp {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Timestamp) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Timestamp::NEVER => f.write_str("never"),
            Timestamp(micros) => write!(f, "{}.{:06}s", micros / 1_000_000, micros % 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_absorbs_any_duration() {
        assert_eq!(Timestamp::NEVER + Duration::from_secs(1), Timestamp::NEVER);
    }

    #[test]
    fn a_difference_never_runs_backwards() {
        assert_eq!(Timestamp::ZERO - Timestamp::from_micros(5), Duration::ZERO);
    }
}

//! When to stretch: the delay against its target, with hysteresis.

use super::order::Stretch;

/// Decides for each packet whether its sound is to be stretched.
#[derive(Debug, Clone)]
pub(super) struct Steering {
    /// The delay at the latest packets. The smallest counts, as the caller may pull in bursts.
    delays_us: [i64; LEVELS],
    count: usize,
    state: State,
    /// Packets since the last stretch.
    since: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Steady,
    Accelerating,
    Expanding,
}

impl Default for Steering {
    fn default() -> Self {
        Self { delays_us: [i64::MAX; LEVELS], count: 0, state: State::Steady, since: 0 }
    }
}

impl Steering {
    /// The order for a packet that is played with this delay.
    pub(super) fn steer(&mut self, delay_us: i64, target_us: i64) -> Stretch {
        self.delays_us[self.count % LEVELS] = delay_us;
        self.count += 1;
        self.since = self.since.saturating_add(1);
        let least_us = self.delays_us.iter().copied().min().unwrap_or(delay_us);
        let over_us = least_us.saturating_sub(target_us).clamp(-MOST_US, MOST_US);
        self.state = match self.state {
            State::Steady if over_us > TOO_LONG_US && self.count >= LEVELS => State::Accelerating,
            State::Steady if over_us < -TOO_SHORT_US => State::Expanding,
            State::Accelerating if over_us < STOP_US => State::Steady,
            State::Expanding if over_us > -STOP_US => State::Steady,
            state @ (State::Steady | State::Accelerating | State::Expanding) => state,
        };
        let fast = over_us > FAST_US;
        if self.since < PAUSE && !fast {
            return Stretch::Keep;
        }
        let most = u32::try_from(over_us.abs() * 6 / 125).unwrap_or(u32::MAX);
        match self.state {
            State::Steady => Stretch::Keep,
            State::Accelerating => Stretch::Accelerate { most, fast },
            State::Expanding => Stretch::Expand { most },
        }
    }

    /// The delay has been changed by that much.
    pub(super) fn stretched(&mut self, by_us: i64) {
        for delay_us in &mut self.delays_us {
            *delay_us = delay_us.saturating_add(by_us);
        }
        self.since = 0;
    }
}

/// 160 ms of 20 ms packets.
const LEVELS: usize = 8;
/// A packet that is a little late makes the delay one step of 10 ms longer: leave it that.
const TOO_LONG_US: i64 = 15_000;
const TOO_SHORT_US: i64 = 5_000;
/// The shortest stretch.
const STOP_US: i64 = 2_500;
/// Every packet is accelerated above.
const FAST_US: i64 = 100_000;
/// More than any stretch can mend at once.
const MOST_US: i64 = 1_000_000;
/// One packet in three: at most a quarter faster.
const PAUSE: u32 = 3;

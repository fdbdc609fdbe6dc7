//! When to try again: 1, 2, 5, then every 10 s, each time spread by a quarter so that clients do not come in step.

use std::time::Duration;

/// Chance, from a seed that the caller made.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    state: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The duration, between three quarters and five quarters of it.
    pub(super) fn spread(&mut self, around: Duration) -> Duration {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = 750 + u32::try_from((mixed ^ (mixed >> 31)) % 500).unwrap_or(0);
        around / 1000 * share
    }
}

/// Where in the schedule we are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Backoff {
    tries: usize,
}

impl Backoff {
    /// How long to wait before the next try.
    pub(super) fn next(&mut self, dice: &mut Dice) -> Duration {
        let wait = SCHEDULE[self.tries.min(SCHEDULE.len() - 1)];
        self.tries += 1;
        dice.spread(wait)
    }

    /// It worked for long enough: the next failure starts from the front.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }
}

const SCHEDULE: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_are_1_2_5_and_10_seconds_within_a_quarter() {
        for seed in 0..200 {
            let (mut dice, mut backoff) = (Dice::new(seed), Backoff::default());
            for around in [1.0, 2.0, 5.0, 10.0, 10.0, 10.0] {
                let wait = backoff.next(&mut dice).as_secs_f64();
                assert!(wait >= around * 0.75 && wait < around * 1.25, "{wait} around {around}");
            }
        }
    }

    #[test]
    fn two_seeds_do_not_come_in_step() {
        let first = Backoff::default().next(&mut Dice::new(1));
        assert_ne!(first, Backoff::default().next(&mut Dice::new(2)));
    }
}

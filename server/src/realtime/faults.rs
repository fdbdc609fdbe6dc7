//! What the hub does wrong when told to.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Switches for faults, all off at first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    drop_percent: AtomicU8,
    rolls: AtomicU64,
}

impl Faults {
    pub(crate) fn set_drop_percent(&self, percent: u8) {
        self.drop_percent.store(percent.min(100), Ordering::Relaxed);
    }

    /// Whether this delivery is to vanish. The n-th roll of a hub is always the same.
    pub(crate) fn drops(&self) -> bool {
        let percent = u64::from(self.drop_percent.load(Ordering::Relaxed));
        if percent == 0 {
            return false;
        }
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        // Fibonacci hashing: spreads consecutive numbers over the whole range.
        (roll.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100 < percent
    }
}

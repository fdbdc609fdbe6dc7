//! The signaling network: at most once, unordered, may duplicate.

use std::time::Duration;

use super::Rng;

#[derive(Debug, Clone)]
pub(crate) struct Net {
    pub(crate) loss_percent: u64,
    pub(crate) duplicate_percent: u64,
    pub(crate) delay_ms: (u64, u64),
    /// How often a message takes much longer, and so overtakes or is overtaken.
    pub(crate) late_percent: u64,
    pub(crate) late_ms: (u64, u64),
    /// How long the `may_ring` port thinks.
    pub(crate) port_ms: u64,
}

impl Net {
    pub(crate) fn perfect() -> Self {
        Self {
            loss_percent: 0,
            duplicate_percent: 0,
            delay_ms: (20, 20),
            late_percent: 0,
            late_ms: (0, 0),
            port_ms: 1,
        }
    }

    pub(crate) fn random(rng: &mut Rng) -> Self {
        Self {
            loss_percent: if rng.chance(40) { 0 } else { rng.below(61) },
            duplicate_percent: if rng.chance(50) { 0 } else { 10 },
            delay_ms: (5, 5 + rng.below(200)),
            late_percent: if rng.chance(50) { 0 } else { 10 },
            late_ms: (300, 3_000),
            port_ms: rng.below(100),
        }
    }

    /// The delays of the copies that arrive.
    pub(crate) fn fate(&self, rng: &mut Rng) -> Vec<Duration> {
        let mut copies = Vec::new();
        if !rng.chance(self.loss_percent) {
            copies.push(self.delay(rng));
        }
        if rng.chance(self.duplicate_percent) {
            copies.push(self.delay(rng));
        }
        copies
    }

    fn delay(&self, rng: &mut Rng) -> Duration {
        let (from, to) = if rng.chance(self.late_percent) { self.late_ms } else { self.delay_ms };
        rng.millis(from, to)
    }
}

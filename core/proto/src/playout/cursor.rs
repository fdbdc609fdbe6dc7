//! The place of the next sample, and what has become of the packets before it.

use super::counters::Counters;
use super::delay::duration;
use super::order::{Pull, Ramp};
use super::store::Slot;

/// The place of the next sample to be played.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    pub(super) position: i64,
    /// The newest packet whose turn is over.
    pub(super) sequence: i64,
    /// Of the 64 packets up to `sequence`, lowest bit newest: it had not come.
    pub(super) missing: u64,
    /// The length of the packet played last.
    pub(super) frame: u32,
    /// The sender said that it falls silent, or left holes on purpose.
    pub(super) pausing: bool,
    /// Samples made up since the last real one.
    pub(super) concealed: u32,
    /// The last pull found nothing at all.
    pub(super) starved: bool,
}

impl Cursor {
    pub(super) fn before<P>(slot: &Slot<P>) -> Self {
        Self {
            position: slot.position,
            sequence: slot.sequence - 1,
            missing: 0,
            frame: slot.facts.samples,
            pausing: false,
            concealed: 0,
            starved: false,
        }
    }

    /// Everything up to `sequence` has had its turn; what did not come counts as lost until it does.
    pub(super) fn pass(&mut self, sequence: i64, position: i64, counters: &mut Counters) {
        let passed = (sequence - self.sequence).clamp(0, MAX_PASSED);
        for _ in 0..passed {
            self.missing = self.missing << 1 | 1;
        }
        counters.lost += passed.unsigned_abs();
        self.sequence = self.sequence.max(sequence);
        self.position = self.position.max(position);
    }

    /// The frame before `sequence` is restored from the copy in it, whatever else is missing.
    pub(super) fn recover(&mut self, sequence: i64, position: i64, counters: &mut Counters) {
        self.pass(sequence - 1, position, counters);
        self.missing &= !1;
        self.starved = false;
        self.concealed = 0;
        counters.lost = counters.lost.saturating_sub(1);
        counters.recovered += 1;
    }

    /// Whether the packet had not come when its turn was over; it counts as come from now on.
    pub(super) fn take_missing(&mut self, sequence: i64) -> bool {
        let Some(bit) = u32::try_from(self.sequence - sequence).ok().and_then(|age| 1_u64.checked_shl(age))
        else {
            return true;
        };
        let missing = self.missing & bit != 0;
        self.missing &= !bit;
        missing
    }

    /// Made-up sound: at full level for 100 ms, then down to nothing within 20 ms.
    pub(super) fn conceal<P>(&mut self, samples: u32, counters: &mut Counters) -> Pull<P> {
        if self.concealed == 0 {
            counters.concealments += 1;
        }
        let (from, to) = (self.concealed, self.concealed.saturating_add(samples));
        self.concealed = to;
        counters.concealed += duration(samples);
        if from >= FADE_FROM + FADE {
            return Pull::Silence { samples };
        }
        let gain_milli = |at: u32| {
            let faded = at.saturating_sub(FADE_FROM).min(FADE);
            u16::try_from((FADE - faded) * 1000 / FADE).unwrap_or(0)
        };
        Pull::Conceal { samples, gain: Ramp { from_milli: gain_milli(from), to_milli: gain_milli(to) } }
    }
}

/// 100 ms: longer made-up sound is heard as such.
const FADE_FROM: u32 = 4_800;
/// 20 ms.
const FADE: u32 = 960;
/// More than the unwrapper lets pass in one jump.
const MAX_PASSED: i64 = 3_001;

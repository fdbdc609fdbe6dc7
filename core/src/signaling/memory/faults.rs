//! What the hub in memory does wrong on purpose, decided by a seed.
//!
//! Each delivery rolls dice that depend on the seed, the two ends and how many messages went that way before: what
//! happens to one pair does not change when another pair talks more.

use std::time::Duration;

use crate::signaling::RefusedWhy;

/// What goes wrong between two users. The default is a perfect wire without delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// The share of messages that vanish, 0 to 1.
    pub loss: f64,
    /// The share that arrives twice, the copy up to 100 ms later, 0 to 1.
    pub duplicate: f64,
    /// The share held back by up to 100 ms more, so that later ones overtake it, 0 to 1.
    pub reorder: f64,
    /// The share whose age the receiver is not told, as for replayed messages, 0 to 1.
    pub ageless: f64,
    /// How long a message travels, in whole milliseconds.
    pub delay: Duration,
    /// How much longer at most; each message draws its own, so messages may overtake each other.
    pub jitter: Duration,
    /// `send` refuses every message.
    pub refuse: Option<RefusedWhy>,
    /// Every message is taken, then reported as refused.
    pub refuse_later: Option<RefusedWhy>,
}

impl Faults {
    /// A perfect wire that loses this share of messages.
    pub fn loss(share: f64) -> Self {
        Self { loss: share, ..Self::default() }
    }

    /// A wire that takes this long.
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// What happens to one delivery: one entry per copy that arrives, none if it is lost.
    pub(super) fn fate(&self, dice: &Dice) -> Vec<Arrival> {
        if dice.chance(Roll::Loss, self.loss) {
            return Vec::new();
        }
        let ageless = dice.chance(Roll::Ageless, self.ageless);
        let mut after = self.delay + dice.upto(Roll::Jitter, self.jitter);
        if dice.chance(Roll::Reorder, self.reorder) {
            after += dice.upto(Roll::ReorderBy, STRAY);
        }
        let mut arrivals = vec![Arrival { after, ageless }];
        if dice.chance(Roll::Duplicate, self.duplicate) {
            arrivals.push(Arrival { after: after + dice.upto(Roll::DuplicateBy, STRAY), ageless });
        }
        arrivals
    }
}

/// One copy that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) after: Duration,
    pub(super) ageless: bool,
}

/// The dice of one delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, way: u64, index: u64) -> Self {
        Self(mix(seed ^ mix(way ^ mix(index))))
    }

    fn chance(&self, roll: Roll, share: f64) -> bool {
        // 53 bits: as many as an f64 tells apart below 1.
        let unit = (self.roll(roll) >> 11) as f64 / (1u64 << 53) as f64;
        unit < share
    }

    /// Whole milliseconds, tokio's resolution: finer ones would fall into one tick and lose their order.
    fn upto(&self, roll: Roll, most: Duration) -> Duration {
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(self.roll(roll) % (most_ms + 1))
    }

    fn roll(&self, roll: Roll) -> u64 {
        mix(self.0 ^ mix(roll as u64))
    }
}

/// What a roll is for: one decision does not shift the others.
#[derive(Debug, Clone, Copy)]
enum Roll {
    Loss,
    Ageless,
    Jitter,
    Reorder,
    ReorderBy,
    Duplicate,
    DuplicateBy,
}

/// A number for a sequence of bytes (FNV-1a).
pub(super) fn fold(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// How far a held back or copied message strays: long enough to be overtaken by the candidates after an invite.
const STRAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_fate() {
        let faults = Faults { loss: 0.3, duplicate: 0.3, reorder: 0.3, jitter: STRAY, ..Faults::default() };
        for index in 0..100 {
            assert_eq!(faults.fate(&Dice::new(7, 1, index)), faults.fate(&Dice::new(7, 1, index)));
        }
    }

    #[test]
    fn the_share_lost_is_the_share_asked_for() {
        let faults = Faults::loss(0.3);
        let lost = (0..10_000).filter(|&index| faults.fate(&Dice::new(1, 2, index)).is_empty()).count();
        assert!((2_800..3_200).contains(&lost), "{lost}");
    }

    #[test]
    fn a_perfect_wire_delivers_each_message_once_and_at_once() {
        let once = vec![Arrival { after: Duration::ZERO, ageless: false }];
        assert_eq!(Faults::default().fate(&Dice::new(1, 2, 3)), once);
    }
}

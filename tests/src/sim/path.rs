//! What a path does to the datagrams on it.

use std::time::Duration;

use super::mix;

/// What one direction between two hosts does to datagrams.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Path {
    /// The delay of every datagram.
    pub delay: Duration,
    /// More delay, even between nothing and this; datagrams overtake each other.
    pub jitter: Duration,
    /// How datagrams are lost.
    pub loss: Loss,
    /// The share of datagrams that arrive twice, in percent.
    pub duplicate_percent: f64,
    /// The share of datagrams that arrive 30 ms late, so behind later ones, in percent.
    pub reorder_percent: f64,
}

/// How datagrams are lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Each for itself.
    Iid {
        /// The share, in percent.
        percent: f64,
    },
    /// In bursts, after Gilbert: all are lost in the bad state.
    Gilbert {
        /// The chance of a datagram to begin a burst, in percent.
        enter_percent: f64,
        /// The chance of a datagram to end it, in percent: bursts have 100 / this datagrams on average.
        leave_percent: f64,
    },
    /// Nothing passes.
    All,
}

impl Default for Path {
    fn default() -> Self {
        Self::delay_ms(20)
    }
}

impl Path {
    /// A clean path with this delay.
    pub fn delay_ms(delay: u64) -> Self {
        Self {
            delay: Duration::from_millis(delay),
            jitter: Duration::ZERO,
            loss: Loss::Iid { percent: 0.0 },
            duplicate_percent: 0.0,
            reorder_percent: 0.0,
        }
    }

    /// With jitter.
    pub fn jitter_ms(self, jitter: u64) -> Self {
        Self { jitter: Duration::from_millis(jitter), ..self }
    }

    /// With independent loss.
    pub fn loss_percent(self, percent: f64) -> Self {
        Self { loss: Loss::Iid { percent }, ..self }
    }

    /// With this loss.
    pub fn loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// With duplicates.
    pub fn duplicate_percent(self, duplicate_percent: f64) -> Self {
        Self { duplicate_percent, ..self }
    }

    /// With datagrams out of order.
    pub fn reorder_percent(self, reorder_percent: f64) -> Self {
        Self { reorder_percent, ..self }
    }
}

/// One direction between two hosts, as it is now.
#[derive(Debug)]
pub(super) struct Link {
    /// A hash of the seed and the direction's name.
    seed: u64,
    count: u64,
    in_burst: bool,
}

/// What becomes of a datagram: the delays of its copies, none if it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    /// Its number on the link.
    pub(super) number: u64,
    pub(super) copies: [Option<Duration>; 2],
}

impl Fate {
    /// Arrives once, at once.
    pub(super) const INSTANT: Self = Self { number: 0, copies: [Some(Duration::ZERO), None] };
}

impl Link {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let name = name.bytes().fold(7, |hash, b| mix(hash ^ u64::from(b)));
        Self { seed: mix(seed) ^ name, count: 0, in_burst: false }
    }

    /// Decides on the next datagram. The same number has the same fate whatever else happens on the link.
    pub(super) fn next(&mut self, path: &Path) -> Fate {
        let number = self.count;
        self.count += 1;
        let mut state = mix(self.seed ^ mix(number));
        let mut random = || {
            state = mix(state);
            state
        };
        let (loss, jitter, reorder, duplicate) = (random(), random(), random(), random());
        if self.is_lost(path.loss, loss) {
            return Fate { number, copies: [None, None] };
        }
        let jitter = path.jitter.mul_f64(unit(jitter));
        let late = if happens(path.reorder_percent, reorder) { LATE } else { Duration::ZERO };
        let delay = path.delay + jitter + late;
        let second = happens(path.duplicate_percent, duplicate).then_some(delay + DUPLICATE_AFTER);
        Fate { number, copies: [Some(delay), second] }
    }

    fn is_lost(&mut self, loss: Loss, random: u64) -> bool {
        match loss {
            Loss::Iid { percent } => happens(percent, random),
            Loss::Gilbert { enter_percent, leave_percent } => {
                let flips = if self.in_burst { leave_percent } else { enter_percent };
                self.in_burst ^= happens(flips, random);
                self.in_burst
            }
            Loss::All => true,
        }
    }
}

fn happens(percent: f64, random: u64) -> bool {
    unit(random) * 100.0 < percent
}

/// Even in 0..1, from the upper 53 bits.
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// More than the gap of audio packets, so that the next one overtakes.
const LATE: Duration = Duration::from_millis(30);
const DUPLICATE_AFTER: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(path: Path, count: u64) -> Vec<bool> {
        let mut link = Link::new(3, "a>b");
        (0..count).map(|_| link.next(&path).copies[0].is_none()).collect()
    }

    #[test]
    fn loss_is_as_asked_and_repeatable() {
        let path = Path::delay_ms(1).loss_percent(20.0);
        let first = lost(path, 10_000);
        let count = first.iter().filter(|lost| **lost).count();
        assert!((1_900..2_100).contains(&count), "{count}");
        assert_eq!(first, lost(path, 10_000));
    }

    #[test]
    fn bursts_have_the_asked_length() {
        let loss = Loss::Gilbert { enter_percent: 2.0, leave_percent: 20.0 };
        let lost = lost(Path::delay_ms(1).loss(loss), 100_000);
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let mean = lost.iter().filter(|lost| **lost).count() as f64 / bursts as f64;
        assert!((4.5..5.5).contains(&mean), "{mean}");
    }

    #[test]
    fn directions_differ() {
        let (mut there, mut back) = (Link::new(3, "a>b"), Link::new(3, "b>a"));
        let path = Path::delay_ms(1).loss_percent(50.0);
        assert!((0..64).any(|_| there.next(&path) != back.next(&path)));
    }
}

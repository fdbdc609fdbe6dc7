//! Random bytes of the operating system. Everything random in `proto` comes from here, as an input.

use std::sync::atomic::{AtomicU64, Ordering};

/// The operating system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoEntropy;

/// Where the ids of placed calls come from.
#[derive(Debug)]
pub(crate) enum CallIds {
    /// The operating system.
    System,
    /// A seed, for simulations: the same ids in the same order.
    Seeded {
        /// A hash of the seed.
        seed: u64,
        /// Ids made so far, twice.
        made: AtomicU64,
    },
}

impl CallIds {
    pub(crate) fn seeded(seed: &[u8; 32]) -> Self {
        let seed = seed.iter().fold(0, |hash, byte| mix(hash ^ u64::from(*byte)));
        Self::Seeded { seed, made: AtomicU64::new(0) }
    }

    /// The bytes of the next id.
    pub(crate) fn next(&self) -> Result<[u8; 16], NoEntropy> {
        match self {
            Self::System => random(),
            Self::Seeded { seed, made } => {
                let count = made.fetch_add(2, Ordering::Relaxed);
                let half = |n: u64| u128::from(mix(seed ^ mix(n)));
                Ok((half(count) << 64 | half(count + 1)).to_be_bytes())
            }
        }
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_no_id_comes_twice() {
        let (one, other) = (CallIds::seeded(&[7; 32]), CallIds::seeded(&[7; 32]));
        let first = one.next();
        assert_eq!(first, other.next());
        assert_ne!(first, one.next());
        assert_ne!(first, CallIds::seeded(&[8; 32]).next());
    }
}

//! Random-looking values from the seed that the phone's owner drew: HMAC-SHA-256 in counter mode.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A stream of values that only the holder of the seed can tell from random ones.
#[derive(Debug, Clone)]
pub(super) struct Entropy {
    mac: Hmac<Sha256>,
    counter: u64,
}

impl Entropy {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        // A 32-byte key fits a block of SHA-256, so the key is never refused.
        Self { mac: <Hmac<Sha256> as Mac>::new(&seed.into_key()), counter: 0 }
    }

    /// The next 16 bytes.
    pub(super) fn next16(&mut self) -> [u8; 16] {
        self.counter += 1;
        let mut mac = self.mac.clone();
        mac.update(&self.counter.to_be_bytes());
        let block: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&block[..16]);
        half
    }
}

/// HMAC takes its key as a whole block (RFC 2104 section 2: shorter keys are padded with zeros).
trait IntoKey {
    fn into_key(self) -> hmac::digest::Key<Hmac<Sha256>>;
}

impl IntoKey for [u8; 32] {
    fn into_key(self) -> hmac::digest::Key<Hmac<Sha256>> {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..32].copy_from_slice(&self);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_values_and_no_value_comes_twice() {
        let (mut one, mut other) = (Entropy::new([7; 32]), Entropy::new([7; 32]));
        let first = one.next16();
        assert_eq!(first, other.next16());
        assert_ne!(first, one.next16());
        assert_ne!(first, Entropy::new([8; 32]).next16());
    }
}

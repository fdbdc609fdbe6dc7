//! The addresses that a connection is in contact with: those that its own STUN requests went to.
//!
//! The engine takes DTLS and media from anywhere once a pair is selected. A request goes to the peer's candidates, to
//! addresses that passed the engine's integrity check, and to the ICE servers; nobody else has anything to say.

use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The addresses that requests of ours went to.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    addresses: BTreeSet<SocketAddr>,
}

impl Contacts {
    /// A request of ours goes there.
    pub(super) fn insert(&mut self, address: SocketAddr) {
        if self.addresses.len() >= MOST_CONTACTS && !self.addresses.contains(&address) {
            // The checks go on, and bring back those that still count.
            self.addresses.clear();
        }
        self.addresses.insert(address);
    }

    /// Did a request of ours go there?
    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address)
    }
}

/// The peer's candidates of four generations, 32 each, and as many reflexive ones.
const MOST_CONTACTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_bounded_and_the_newest_is_known() {
        let mut contacts = Contacts::default();
        let address = |port| SocketAddr::from(([192, 0, 2, 1], port));
        for port in 1..=1_000 {
            contacts.insert(address(port));
            assert!(contacts.contains(address(port)));
            assert!(contacts.addresses.len() <= MOST_CONTACTS);
        }
        assert!(!contacts.contains(address(1_001)));
    }
}

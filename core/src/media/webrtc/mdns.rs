//! Whether mDNS works in this network: it needs an interface with multicast, and its port.

use std::sync::atomic::{AtomicU64, Ordering};

/// Whether mDNS works in this network.
#[derive(Debug, Default)]
pub(super) struct Mdns {
    /// Networks until now.
    network: AtomicU64,
    /// mDNS failed in the network before this number; 0 if in none.
    failed_before: AtomicU64,
}

/// The network in which a connection was built with mDNS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt(u64);

impl Mdns {
    /// Until it failed in this network it may work.
    pub(super) fn may_work(&self) -> bool {
        self.failed_before.load(Ordering::Relaxed) <= self.network.load(Ordering::Relaxed)
    }

    /// A connection is built with mDNS.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt(self.network.load(Ordering::Relaxed))
    }

    /// The connection could be built without mDNS only.
    pub(super) fn failed(&self, Attempt(network): Attempt) {
        self.failed_before.fetch_max(network + 1, Ordering::Relaxed);
    }

    /// Another network: to be tried again.
    pub(super) fn network_changed(&self) {
        self.network.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_network_is_tried_again() {
        let mdns = Mdns::default();
        assert!(mdns.may_work());
        mdns.failed(mdns.attempt());
        assert!(!mdns.may_work());
        mdns.network_changed();
        assert!(mdns.may_work());
    }

    #[test]
    fn a_failure_in_the_network_before_says_nothing_of_this_one() {
        let mdns = Mdns::default();
        let attempt = mdns.attempt();
        mdns.network_changed();
        mdns.failed(attempt);
        assert!(mdns.may_work());
    }
}

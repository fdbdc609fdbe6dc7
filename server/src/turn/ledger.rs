//! What all clients of a TURN server share: places for allocations, and counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a TURN server does and has done since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TurnSnapshot {
    /// Allocations that live.
    pub allocations: usize,
    /// Allocations that were made.
    pub allocations_total: u64,
    /// TCP and TLS connections that are open.
    pub connections: usize,
    /// Bytes of payload, both ways.
    pub relayed_bytes: u64,
    /// Bytes of payload from clients to peers.
    pub bytes_to_peers: u64,
    /// Bytes of payload from peers to clients.
    pub bytes_from_peers: u64,
    /// Requests with wrong or expired credentials.
    pub refused_credentials: u64,
    /// Allocations over a limit.
    pub refused_allocations: u64,
    /// Peers that may not be relayed to.
    pub refused_peers: u64,
    /// Connections over the limit.
    pub refused_connections: u64,
    /// Datagrams and frames that were dropped because a queue was full.
    pub dropped: u64,
}

/// The books.
#[derive(Debug)]
pub(super) struct Ledger {
    user_quota: usize,
    most_allocations: usize,
    places: Mutex<Places>,
    pub(super) connections: AtomicUsize,
    pub(super) to_peers: AtomicU64,
    pub(super) from_peers: AtomicU64,
    pub(super) refused_credentials: AtomicU64,
    pub(super) refused_peers: AtomicU64,
    pub(super) refused_connections: AtomicU64,
    pub(super) dropped: AtomicU64,
    refused_allocations: AtomicU64,
    allocations_total: AtomicU64,
}

#[derive(Debug, Default)]
struct Places {
    taken: usize,
    by_user: HashMap<String, usize>,
}

/// The right to an allocation. Given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    ledger: Arc<Ledger>,
    user: String,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The user has as many as a user may.
    User,
    /// The server has as many as it may.
    Server,
}

impl Ledger {
    pub(super) fn new(user_quota: usize, most_allocations: usize) -> Self {
        Self {
            user_quota,
            most_allocations,
            places: Mutex::default(),
            connections: AtomicUsize::default(),
            to_peers: AtomicU64::default(),
            from_peers: AtomicU64::default(),
            refused_credentials: AtomicU64::default(),
            refused_peers: AtomicU64::default(),
            refused_connections: AtomicU64::default(),
            dropped: AtomicU64::default(),
            refused_allocations: AtomicU64::default(),
            allocations_total: AtomicU64::default(),
        }
    }

    pub(super) fn take_place(self: &Arc<Self>, user: &str) -> Result<Place, NoPlace> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = if places.taken >= self.most_allocations {
            Some(NoPlace::Server)
        } else if places.by_user.get(user).is_some_and(|taken| *taken >= self.user_quota) {
            Some(NoPlace::User)
        } else {
            None
        };
        if let Some(why) = refused {
            add(&self.refused_allocations, 1);
            return Err(why);
        }
        places.taken += 1;
        *places.by_user.entry(user.to_owned()).or_default() += 1;
        Ok(Place { ledger: self.clone(), user: user.to_owned() })
    }

    pub(super) fn allocated(&self) {
        add(&self.allocations_total, 1);
    }

    pub(super) fn snapshot(&self) -> TurnSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (to, from) = (read(&self.to_peers), read(&self.from_peers));
        TurnSnapshot {
            allocations: self.places.lock().unwrap_or_else(PoisonError::into_inner).taken,
            allocations_total: read(&self.allocations_total),
            connections: self.connections.load(Ordering::Relaxed),
            relayed_bytes: to + from,
            bytes_to_peers: to,
            bytes_from_peers: from,
            refused_credentials: read(&self.refused_credentials),
            refused_allocations: read(&self.refused_allocations),
            refused_peers: read(&self.refused_peers),
            refused_connections: read(&self.refused_connections),
            dropped: read(&self.dropped),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.ledger.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.taken -= 1;
        if let Some(taken) = places.by_user.get_mut(&self.user) {
            *taken -= 1;
            if *taken == 0 {
                places.by_user.remove(&self.user);
            }
        }
    }
}

/// Counts. The counters stand for themselves: no order among them is needed.
pub(super) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_quota_and_the_server_has_a_limit() {
        let ledger = Arc::new(Ledger::new(2, 3));
        let first = ledger.take_place("a").unwrap();
        let _second = ledger.take_place("a").unwrap();
        assert_eq!(ledger.take_place("a").unwrap_err(), NoPlace::User);
        let _third = ledger.take_place("b").unwrap();
        assert_eq!(ledger.take_place("c").unwrap_err(), NoPlace::Server);
        drop(first);
        assert!(ledger.take_place("a").is_ok());
    }

    #[test]
    fn users_who_are_gone_leave_nothing() {
        let ledger = Arc::new(Ledger::new(1, 1));
        drop(ledger.take_place("a").unwrap());
        assert!(ledger.places.lock().unwrap().by_user.is_empty());
        assert_eq!(ledger.snapshot().allocations, 0);
    }
}

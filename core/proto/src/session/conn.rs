//! What a session knows of one connection.

use std::collections::BTreeSet;

use crate::signal::WireCandidate;
use crate::{ConnId, Timestamp};

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) id: ConnId,
    /// Its number on the wire: 1 for the first, one more for each rebuild.
    pub(super) wire: u32,
    /// The newest round.
    pub(super) round: u32,
    pub(super) exchange: Exchange,
    /// The round whose description carries our ICE credentials.
    pub(super) generation: u32,
    /// Our candidates of this generation.
    pub(super) local: Vec<WireCandidate>,
    pub(super) local_end: bool,
    /// When the unsent ones leave.
    pub(super) batch: Option<Timestamp>,
    /// The round whose description carries the peer's ICE credentials; 0: none was taken.
    pub(super) remote_generation: u32,
    /// The peer's candidates that the engine has.
    pub(super) added: BTreeSet<String>,
    pub(super) path_up: bool,
    pub(super) secured: bool,
    pub(super) arrived: bool,
}

/// Where the newest round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// Nothing is outstanding.
    Idle,
    /// The engine makes our offer.
    Creating { ice_restart: bool },
    /// Our offer waits for its answer.
    Offered { ice_restart: bool },
    /// The engine answers the peer's offer.
    Taking { ice_restart: bool },
    /// The peer's offer is answered.
    Answered,
}

impl Conn {
    pub(super) fn new(id: ConnId, wire: u32) -> Self {
        Self {
            id,
            wire,
            round: 0,
            exchange: Exchange::Idle,
            generation: 1,
            local: Vec::new(),
            local_end: false,
            batch: None,
            remote_generation: 0,
            added: BTreeSet::new(),
            path_up: false,
            secured: false,
            arrived: false,
        }
    }

    /// From now on our candidates belong to this round.
    pub(super) fn begin_generation(&mut self, round: u32) {
        if self.generation != round {
            self.generation = round;
            self.local.clear();
            self.local_end = false;
            self.batch = None;
        }
    }
}

//! Candidates: ours leave as complete lists in batches, the peer's wait for their description.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{LocalCandidate, MediaCommand, RemoteCandidate, Session, Step};
use crate::Timestamp;
use crate::signal::{CandidateScope, Candidates, WireCandidate, check_candidate, limits};

/// Lists of the peer whose description is not here yet, by connection and generation.
#[derive(Debug, Default)]
pub(super) struct EarlyLists(BTreeMap<(u32, u32), Vec<WireCandidate>>);

impl EarlyLists {
    fn keep(&mut self, key: (u32, u32), list: &[WireCandidate]) -> bool {
        let room = self.0.len() < EARLY_LISTS || self.0.contains_key(&key);
        if room {
            self.0.insert(key, list.to_vec());
        }
        room
    }

    fn take(&mut self, key: (u32, u32)) -> Vec<WireCandidate> {
        let list = self.0.remove(&key).unwrap_or_default();
        self.0.retain(|other, _| *other > key);
        list
    }
}

impl Session {
    /// Takes a list of the peer. Says whether it is to be acknowledged: one that finds no place comes again.
    pub(crate) fn handle_candidates(&mut self, list: &Candidates) -> bool {
        let key = (list.conn, list.generation);
        let current = (self.conn.wire, self.conn.remote_generation);
        if key == current {
            self.add_candidates(&list.candidates);
            return true;
        }
        if key < current {
            return true;
        }
        self.early.keep(key, &list.candidates)
    }

    pub(super) fn keep_early(&mut self, conn: u32, generation: u32, list: &[WireCandidate]) {
        self.early.keep((conn, generation), list);
    }

    /// The peer's description of this round was given to the engine.
    pub(super) fn begin_remote_generation(&mut self, round: u32) {
        if self.conn.remote_generation != round {
            self.conn.remote_generation = round;
            self.conn.added.clear();
        }
        let list = self.early.take((self.conn.wire, round));
        self.add_candidates(&list);
    }

    /// Gives the engine those that it does not have and that the allow-list lets through.
    pub(super) fn add_candidates(&mut self, list: &[WireCandidate]) {
        let scope = if self.local_demo { CandidateScope::LocalDemo } else { CandidateScope::Internet };
        let mut fresh = Vec::new();
        for WireCandidate { candidate, mid } in list {
            let Ok(facts) = check_candidate(candidate, scope) else { continue };
            let full = self.conn.added.len() >= limits::CANDIDATES;
            if full || facts.is_ignored() || !self.conn.added.insert(facts.clean.clone()) {
                continue;
            }
            fresh.push(RemoteCandidate { candidate: facts.clean, mid: mid.clone() });
        }
        if !fresh.is_empty() {
            self.tell(MediaCommand::AddCandidates { candidates: fresh });
        }
    }

    pub(super) fn on_local_candidate(&mut self, now: Timestamp, found: LocalCandidate) {
        let LocalCandidate { candidate, mid } = found;
        let known = self.conn.local.iter().any(|other| other.candidate == candidate);
        if known || self.conn.local.len() >= limits::CANDIDATES {
            return;
        }
        self.conn.local.push(WireCandidate { candidate, mid });
        self.conn.batch.get_or_insert(now + BATCH);
    }

    pub(super) fn on_gathering_done(&mut self) {
        self.conn.local_end = true;
        if self.conn.batch.is_some() {
            self.conn.batch = Some(Timestamp::ZERO);
        }
    }

    /// Sends the complete list of the current generation, if there is anything in it.
    pub(super) fn send_candidates(&mut self) {
        self.conn.batch = None;
        if self.conn.local.is_empty() {
            return;
        }
        self.steps.push_back(Step::Candidates(Candidates {
            conn: self.conn.wire,
            generation: self.conn.generation,
            candidates: self.conn.local.clone(),
            end: self.conn.local_end,
        }));
    }
}

/// From the first unsent candidate to the list: host and reflexive candidates of one interface come within it.
pub(crate) const BATCH: Duration = Duration::from_millis(50);
/// Lists ahead of their description: more than the generations a peer may begin in 10 s have no use.
const EARLY_LISTS: usize = 4;

//! How many ended calls are remembered.
//!
//! An ended call stays for 120 s, absorbs late messages and repeats its ending (R5). A flood must not fill the memory, so
//! the oldest leave early, first those whose ending is acknowledged.

use super::calls::Calls;
use super::facts::{Call, Facts};
use super::phase::Phase;
use crate::{CallId, Timestamp};

impl Calls {
    /// Tombstones are bounded: an acknowledged one leaves first, then the oldest.
    pub(super) fn bound_tombstones(&mut self, newest: CallId) {
        let Some(Call { facts, phase: Phase::Ended(_) }) = self.calls.get(&newest) else { return };
        let peer = facts.peer.clone();
        self.evict(TOMBSTONES_PER_PEER, |facts| facts.peer == peer);
        self.evict(TOMBSTONES, |_| true);
    }

    fn evict(&mut self, most: usize, of: impl Fn(&Facts) -> bool) {
        let mut ended: Vec<(bool, Timestamp, CallId)> = self
            .calls
            .values()
            .filter(|call| of(&call.facts))
            .filter_map(|call| {
                let ended = call.phase.ended()?;
                Some((!call.facts.outbox.is_quiet(), ended.since, call.facts.id))
            })
            .collect();
        if ended.len() <= most {
            return;
        }
        ended.sort_unstable();
        for (_, _, id) in ended.iter().take(ended.len() - most) {
            self.calls.remove(id);
        }
    }
}

/// Tombstones kept, in all and of one peer.
const TOMBSTONES: usize = 256;
const TOMBSTONES_PER_PEER: usize = 16;

//! The packets that wait for their turn, in order, bounded.

use std::collections::VecDeque;

use super::packet::OpusFacts;

/// A packet that waits, its numbers unwrapped.
#[derive(Debug, Clone)]
pub(super) struct Slot<P> {
    pub(super) sequence: i64,
    /// The first sample.
    pub(super) position: i64,
    pub(super) facts: OpusFacts,
    pub(super) payload: P,
}

impl<P> Slot<P> {
    /// The sample after the last.
    pub(super) fn end(&self) -> i64 {
        self.position + i64::from(self.facts.samples)
    }
}

/// The packets that wait, by sequence number; their positions rise with it.
#[derive(Debug, Clone)]
pub(super) struct Store<P> {
    slots: VecDeque<Slot<P>>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Kept,
    Duplicate,
    /// Its position contradicts the packets before or after it.
    OutOfOrder,
}

impl<P> Store<P> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::with_capacity(MAX_PACKETS) }
    }

    pub(super) fn insert(&mut self, slot: Slot<P>) -> Placed {
        // Almost always the newest: look from the back.
        let at = self.slots.iter().rposition(|other| other.sequence <= slot.sequence);
        let before = at.map(|at| &self.slots[at]);
        if before.is_some_and(|before| before.sequence == slot.sequence) {
            return Placed::Duplicate;
        }
        let place = at.map_or(0, |at| at + 1);
        let overlaps_before = before.is_some_and(|before| before.end() > slot.position);
        let overlaps_after = self.slots.get(place).is_some_and(|after| slot.end() > after.position);
        if overlaps_before || overlaps_after {
            return Placed::OutOfOrder;
        }
        self.slots.insert(place, slot);
        Placed::Kept
    }

    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= MAX_PACKETS
    }

    pub(super) fn front(&self) -> Option<&Slot<P>> {
        self.slots.front()
    }

    pub(super) fn pop(&mut self) -> Option<Slot<P>> {
        self.slots.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// 2.5 s of 20 ms packets: six times the longest delay.
pub(super) const MAX_PACKETS: usize = 128;

//! What is out to hear whether the server lives: the heartbeat, a probe, and what their replies decide.

use crate::Timestamp;

/// A question for a sign of life that is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) reference: u64,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Heartbeat {
    Due {
        at: Timestamp,
    },
    Sent {
        reference: u64,
        at: Timestamp,
        /// The network changed: a dead socket is likely.
        probe: bool,
    },
}

/// Whether what is read now can be old.
#[derive(Debug, Clone, Copy)]
pub(super) enum Freshness {
    Fresh,
    /// Time passed unseen; the reply to this heartbeat ends it, for the server sends in order.
    Unknown {
        until_reply: u64,
    },
}

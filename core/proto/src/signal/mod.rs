//! Wire messages, SDP and candidate allow-list.

mod outgoing;

pub use outgoing::{Outgoing, RefusedWhy, To};

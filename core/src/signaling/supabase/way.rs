//! How messages leave: over the peers' topics, or by REST.

use super::lanes::Lanes;
use super::rest::{Posted, Rest};
use crate::proto::MessageId;

/// How messages leave.
pub(super) enum Way {
    /// On the socket, over the peers' topics.
    Lanes(Lanes),
    /// By REST.
    Post(Box<Rest>),
}

impl Way {
    /// The next post that ended. Cancel safe.
    pub(super) async fn next(&mut self) -> (MessageId, Posted) {
        match self {
            Way::Lanes(_) => std::future::pending().await,
            Way::Post(rest) => rest.next().await,
        }
    }
}

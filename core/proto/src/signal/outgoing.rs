//! A message on its way out, as a signaling adapter gets it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{CallId, DeviceId, Instance, MessageId, UserId};

/// A message to hand to the transport. Adapters route by the fields and need not parse `text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The idempotency key; a resend keeps it.
    pub id: MessageId,
    /// The call.
    pub call: CallId,
    /// The kind on the wire: `invite`, `answer`, ...
    pub kind: &'static str,
    /// Whom it is for.
    pub to: To,
    /// How long it is of use.
    pub ttl: Duration,
    /// The whole envelope, JSON.
    pub text: String,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct To {
    /// The user.
    pub user: UserId,
    /// One device; `None`: all of them.
    #[serde(default)]
    pub device: Option<DeviceId>,
    /// One instance; `None`: whichever runs.
    #[serde(default)]
    pub instance: Option<Instance>,
}

/// Why a transport refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedWhy {
    /// We have no right to send to that user.
    #[error("not allowed to send to this user")]
    NotAllowed,
    /// The message is too large for the transport.
    #[error("too large for the transport")]
    TooLarge,
    /// The server asks us to slow down.
    #[error("the server asks to slow down")]
    RateLimited,
    /// The transport is down or its queue is full; a resend may work.
    #[error("the transport cannot take it now")]
    Unavailable,
}

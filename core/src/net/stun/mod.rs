//! Questions to STUN and TURN servers, over UDP, TCP and TLS: what the diagnosis asks.
//!
//! | file | what it is |
//! |---|---|
//! | `message.rs` | requests and what their answers say; the only place that names the crates rtc-stun and rtc-crypto |
//! | `wire.rs` | a connection to a server, and one question on it |
//! | `mapping.rs` | servers that can be compared, asked from one socket |
//! | `turn.rs` | an allocation, made and given back |
//!
//! The media engine has its own client; nothing here touches a call.

mod mapping;
mod message;
#[cfg(test)]
pub(crate) mod testing;
mod turn;
mod wire;

pub(crate) use self::mapping::{comparable, mappings};
pub(crate) use self::message::{Answer, Request};
pub(crate) use self::turn::{AllocateError, allocate};
pub(crate) use self::wire::{Carrier, Target, Wire};

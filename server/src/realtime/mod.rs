//! The Realtime-compatible hub: Phoenix channels over websockets, and broadcasts over REST.

mod authorizer;
mod faults;
mod http;
mod hub;
mod rest;
mod socket;
mod topics;
mod wire;

pub use authorizer::{Authorizer, InboxAuthorizer};
pub use hub::{Hub, RunningHub};

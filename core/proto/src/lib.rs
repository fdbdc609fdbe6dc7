//! The pure part of Ringback: call control, media negotiation, wire formats and playout.
//!
//! What can be wrong in an interesting way lives here, as functions of its inputs: no I/O, no clock, no threads,
//! no randomness. The crate `ringback` drives it and re-exports what an app needs.
//!
//! | module | what it is |
//! |---|---|
//! | [`call`] | call control: who rings, who answers, how it ends |
//! | [`session`] | media negotiation: connections, offers, candidates, the restart ladder |
//! | [`signal`] | wire messages, SDP and candidate allow-list |
//! | [`phoenix`] | the Supabase channel protocol |
//! | [`playout`] | the jitter buffer |
#![forbid(unsafe_code)]
#![deny(clippy::disallowed_types)]

pub mod call;
mod end;
mod id;
pub mod phoenix;
pub mod playout;
pub mod session;
pub mod signal;
mod time;

pub use end::{
    By, ConnectFailure, ElsewhereHow, End, EndReason, Language, MicrophoneFailure, Retry, UnsupportedWhat,
};
pub use id::{CallId, ConnId, DeviceId, IdError, Instance, MessageId, UserId};
pub use time::Timestamp;

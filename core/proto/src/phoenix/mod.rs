//! The Supabase channel protocol: a Realtime client as a machine without I/O.
//!
//! [`Socket::handle_input`] takes one [`Input`]; then [`Socket::poll_output`] is called until it says
//! [`Output::Timeout`]. The owner opens websockets when told so, hands over what they receive, and sends what it gets.
//! No bytes make the machine panic, and no frame costs the socket: a bad one becomes [`Event::BadFrame`].
//!
//! ```text
//!   Idle --Open--> Connecting --Opened--> Open --Lost, silent heartbeat--> Waiting --1, 2, 5, 10 s--> Connecting ..
//! ```
//!
//! Every channel asked for is joined whenever the socket is open, with the token of that moment; its states are in
//! `channel.rs`. What the server does that a reader of its documentation would not expect, and what we do about it:
//!
//! | the server | the machine |
//! |---|---|
//! | splices the body of others' broadcasts unparsed into 1.0.0 frames | speaks 2.0.0; in 1.0.0 it refuses duplicate keys |
//! | answers a refused join after 5 s, and nothing else on the socket meanwhile | waits longer for heartbeats while joining; asks again only after 30 s |
//! | ends a channel with `phx_close` when the token expires or the tenant sends too much | rejoins, with a new token if that was the reason |
//! | closes idle sockets with 1000, restarts with 1012 | reconnects after every code |
//! | ignores `phx_leave` with a null or stale `join_ref` | always sends the right one |
//! | answers a second join first, then closes the first with `phx_close` | drops what names an earlier join |
//! | never answers a write that the policies forbid | ends the push after 10 s as `Timeout` |
//! | sends broadcasts as binary kind 4, as text without and as text with a `join_ref` | reads all three |
//! | lets clients that may write a topic forge `meta` | says so; believes "replayed" rather than "live" |
//! | sends an update of a presence key as a join and a leave | matches by `phx_ref` |
//! | closes the channel at the sixth presence call in 30 s | refuses the sixth itself |
//! | accepts a REST topic with the prefix `realtime:` and delivers it to nobody | [`Topic`] refuses the prefix |
//! | ignores `sb_` keys as tokens | does not send them |
//!
//! What it does not do: `postgres_changes`, and REST.

mod backoff;
mod beat;
mod binary;
mod body;
mod channel;
mod frame;
mod io;
mod join;
mod presence;
mod pushes;
mod refusal;
mod rest;
mod socket;
mod topic;
mod wire;

pub use body::Payload;
pub use frame::{BadFrame, Packet, Serializer};
pub use io::{Broadcast, Event, Input, Lost, Output, PushFailure, PushId};
pub use join::{Access, JoinConfig, Replay};
pub use presence::{Presence, PresenceChange};
pub use refusal::{JoinRefusal, SystemNote};
pub use socket::Socket;
pub use topic::{Topic, TopicError};

/// The largest websocket message that a Realtime server takes, in bytes.
pub const MAX_PACKET: usize = 5_000_000;
/// The longest text in a binary frame's header: its length is one byte.
const MAX_FIELD: usize = 255;

#[cfg(test)]
mod tests;

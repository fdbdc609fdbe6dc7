//! The Realtime-compatible hub: Phoenix channels over websockets, and broadcasts over REST.
//!
//! ```text
//! websocket --> socket (one task each) --> topics --> queues of the sockets --> websocket
//! REST      --> rest   -------------------^   ^
//! database  --> messages (stored) ------------+
//! ```
//!
//! | module | what |
//! |---|---|
//! | `http` | routes, keys, refused connections; `local`: what only a demo offers |
//! | `wire` | both serializers |
//! | `socket` | one websocket: channels, rights, presence calls, time |
//! | `topics` | fan-out and presences |
//! | `messages` | the stand-in for `realtime.messages`, replay |
//! | `limits` | limits and the meters behind them |
//! | `faults`, `refusal` | what goes wrong on demand |
//! | `passed` | what a watcher sees of the broadcasts |

mod authorizer;
mod faults;
mod http;
mod hub;
mod limits;
mod local;
mod messages;
mod passed;
mod refusal;
mod rest;
mod snapshot;
mod socket;
mod topics;
mod wire;

pub use authorizer::{Authorizer, InboxAuthorizer};
pub use faults::FaultSwitches;
pub(crate) use hub::HubState;
pub use hub::{FaultAct, Hub, RunningHub};
pub use limits::Limits;
pub(crate) use passed::Passed;
pub use refusal::{ConnectRefusal, JoinRefusal};
pub use snapshot::{HubSnapshot, PresenceSnapshot, TopicSnapshot};

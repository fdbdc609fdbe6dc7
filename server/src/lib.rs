//! The local stack of Ringback: a hub that speaks the wire of Supabase Realtime, TURN, a browser phone, an echo bot.
//!
//! ```no_run
//! # async fn demo() -> Result<(), ringback_server::StartError> {
//! use ringback_server::{Stack, StackConfig};
//!
//! let stack = Stack::start(StackConfig::default()).await?;
//! println!("open {}", stack.url());
//! stack.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`Stack`] is everything; [`Hub`] is the hub alone, for tests. The hub imitates what the real server was measured to
//! do, traps included: a refused join stalls its socket for 5 s, writes that are forbidden get no reply, `phx_leave` with
//! a stale `join_ref` is ignored, an expired token ends the channel, a rate that is too high ends the receivers'
//! channels. Worse things are switched on by [`FaultSwitches`] and [`FaultAct`]: lost, late and withheld deliveries,
//! refused connections and joins, a database that is down, lost replication, restarts. `server/README.md` lists every
//! behaviour with the test that holds it.
//!
//! | route | what |
//! |---|---|
//! | `GET /realtime/v1/websocket?apikey=..&vsn=2.0.0` | the websocket, serializers 1.0.0 and 2.0.0 |
//! | `POST /realtime/v1/api/broadcast` | broadcasts in a batch |
//! | `POST /realtime/v1/api/broadcast/{topic}/events/{event}?private=true` | one broadcast |
//! | `POST /local/token {"user"}` | a signed token for whoever asks: with `demo` only |
//! | `GET` and `POST /local/faults` | the switches for faults: with `demo` only |
//! | `POST /local/send {"topic", "event", "payload", "private"}` | `realtime.send` of the database: with `demo` only |
//! | `GET /health` | `{"status":"ok"}` |
//! | `POST /functions/v1/turn-credentials` | ICE servers for a signed-in user |
//! | `GET /status`, `GET /metrics` | what the stack does, as JSON and for Prometheus |
//! | `GET /config.json` | what a phone needs to know of this server |
//! | `GET /` and other files | the browser phone |
//!
//! What it does not do: database changes. A join may ask for them and is answered as on the real server, and no change
//! ever comes. Stored messages are in memory and gone with the process. One hub is one project.
#![forbid(unsafe_code)]

mod addresses;
mod auth;
mod calls;
mod config;
mod echo;
mod metrics;
mod pages;
mod realtime;
mod serve;
mod stack;
mod status;
mod tls;
pub mod turn;

pub use auth::{Claims, TokenError};
pub use calls::{CallsSnapshot, SeenCall, SeenState};
pub use config::{DEMO_KEY, DEMO_SECRET, HubConfig};
pub use echo::{EchoConfig, EchoSnapshot};
pub use realtime::{
    Authorizer, ConnectRefusal, FaultAct, FaultSwitches, Hub, HubSnapshot, InboxAuthorizer, JoinRefusal,
    Limits, PresenceSnapshot, RunningHub, TopicSnapshot,
};
pub use stack::{RunningStack, Stack, StackConfig, StartError};
pub use status::StackSnapshot;
pub use tls::{TlsError, TlsSource};

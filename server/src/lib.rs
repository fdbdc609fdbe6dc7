//! The local stack of Ringback: a hub that speaks the wire of Supabase Realtime.
//!
//! ```no_run
//! # async fn demo() -> std::io::Result<()> {
//! use ringback_server::{Hub, HubConfig};
//!
//! let hub = Hub::start(HubConfig { demo: true, ..HubConfig::default() }).await?;
//! println!("listening on {}", hub.url());
//! hub.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! It imitates what the real server was measured to do, traps included: a refused join stalls its socket for 5 s,
//! writes that are forbidden get no reply, `phx_leave` with a stale `join_ref` is ignored, an expired token ends the
//! channel. Faults are switched on by the methods of [`RunningHub`].
//!
//! | route | what |
//! |---|---|
//! | `GET /realtime/v1/websocket?apikey=..&vsn=2.0.0` | the websocket, serializers 1.0.0 and 2.0.0 |
//! | `POST /realtime/v1/api/broadcast` | broadcasts in a batch |
//! | `POST /realtime/v1/api/broadcast/{topic}/events/{event}?private=true` | one broadcast |
//! | `POST /local/token {"user"}` | a signed token for whoever asks: with `demo` only |
//! | `GET /health` | `{"status":"ok"}` |
//!
//! What it does not do: replay (refused), database changes, rate limits of tenants.
#![forbid(unsafe_code)]

mod auth;
mod config;
mod realtime;
pub mod turn;

pub use auth::{Claims, TokenError};
pub use config::{DEMO_KEY, DEMO_SECRET, HubConfig};
pub use realtime::{Authorizer, Hub, InboxAuthorizer, RunningHub};

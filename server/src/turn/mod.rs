//! STUN and TURN (RFC 8489, RFC 8656) over UDP, TCP and TLS, with credentials that are minted for signed-in users.
//!
//! ```no_run
//! # async fn demo(user: ringback_proto::UserId) -> Result<(), ringback_server::turn::TurnError> {
//! use std::time::{Duration, SystemTime};
//! use ringback_server::turn::{TurnConfig, TurnServer, mint};
//!
//! let config = TurnConfig { secret: "s3cret".into(), ..TurnConfig::default() };
//! let turn = TurnServer::start(config).await?;
//! let pass = mint("s3cret", &user, Duration::from_secs(3600), SystemTime::now());
//! println!("{:?} {} {}", turn.urls().turn, pass.username, pass.credential);
//! turn.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! The protocol is the crate `turn-server-proto`; sockets, limits and policy are ours. **Every client has a protocol
//! machine and a task of its own**, made when its first request arrives and gone with its allocation:
//!
//! ```text
//!  UDP socket ── datagrams by source address ──┐
//!  TCP, TLS ──── frames of one connection ─────┤
//!                                              ▼
//!                     Session: Gate (who, how many, to whom) ─ protocol machine ─ relay sockets ─ peers
//! ```
//!
//! | limit | what happens beyond it |
//! |---|---|
//! | credentials wrong, or expired at Allocate | 401; an allocation that lives outlives its credentials, as in coturn, so that a call does not end with them |
//! | a request of somebody else for a client's allocation | 441 |
//! | a user name by hash, an attribute twice, two signatures | 400 |
//! | allocations of a user, of the server | 486, 508 |
//! | peers and channels of an allocation | 508 |
//! | a peer that [`PeerPolicy`] refuses | 403 |
//! | setup time without an allocation | the connection or the state of the address is dropped |
//! | connections, addresses without allocation | refused; the oldest such address makes room |
//! | a client that does not read | its datagrams are dropped, as a network does |
//!
//! What it does not do: TCP towards peers (RFC 6062), port reservation (508), TURN over DTLS, user names as hashes
//! (RFC 8489 section 14.4: the minted scheme needs the name; the protocol crate offers it all the same, and a client
//! that takes it gets 400), ICMP errors of peers, `ALTERNATE-SERVER`. The crate logs addresses at `info`: a log filter should hold
//! [`LOG_FILTER`].

mod config;
mod credentials;
mod endpoint;
mod error;
mod gate;
mod ledger;
mod peers;
mod relay;
mod session;
mod start;
mod stream;
mod udp;

pub use config::{RelayIp, TurnConfig, TurnTls};
pub use credentials::{TurnCredential, mint};
pub use endpoint::{MintingConfig, credentials_router};
pub use error::{TurnConfigError, TurnError};
pub use ledger::TurnSnapshot;
pub use peers::PeerPolicy;
pub use start::{RunningTurn, TurnServer, TurnUrls};

/// Directives for a log filter which keep the protocol crates quiet: they log addresses at `info`, and `warn` for what
/// any client can cause.
pub const LOG_FILTER: &str = "turn_server_proto=error,stun_proto=error,stun_types=error,turn_types=error";

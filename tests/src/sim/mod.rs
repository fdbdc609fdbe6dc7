//! Whole phones in virtual time: real core, real webrtc-rs, simulated clock and network.
//!
//! [`run`] gives a scenario a [`World`] of its own: a current-thread runtime whose clock stands still until every task
//! waits, then jumps to the next timer, and a network of named hosts. The same seed gives the same log, line by line
//! and microsecond by microsecond. A call of a minute takes some ten milliseconds.
//!
//! ```
//! use std::time::Duration;
//! use ringback_tests::sim::{self, Path};
//!
//! let report = sim::run(7, |world| async move {
//!     world.net().set_all(Path::delay_ms(50).loss_percent(20.0));
//!     let alice = world.engine("alice");
//!     # use ringback::media::MediaEngine;
//!     world.log("alice has an engine");
//!     world.net().cut("alice", "bob");
//!     tokio::time::sleep(Duration::from_secs(60)).await;
//!     alice.close().await;
//! });
//! assert!(report.log.contains("alice has an engine"));
//! ```
//!
//! What makes it exact, and what a scenario must keep to:
//!
//! | cause of chance | remedy |
//! |---|---|
//! | the engine's driver polls the arms of its `select!` in random order | `gate`: one ready arm at a time |
//! | time | tokio's clock, started an hour ahead, so that a stray look at the wall clock shows |
//! | threads, `spawn_blocking`, real sockets | not to be used: time would jump ahead of them |
//! | our own `select!` | always `biased` |
//! | hash maps | never iterated; each host binds one address |
//! | random content: keys, ufrag, SSRC, ports | never in the log; see [`mask`] |
//! | loss, delay, duplicates | a hash of the seed, the link and the number of the datagram on it |
//!
//! At its end [`run`] lets a virtual minute pass and asserts that no task and no socket is left.

mod describe;
mod gate;
mod mail;
mod mdns;
mod net;
mod path;
mod runtime;
mod stun;
mod turn;
mod world;

pub use describe::{describe, mask};
pub use mail::{Mailbox, Sender, mail};
pub use net::{Binds, Net};
pub use path::{Loss, Path};
pub use runtime::SimRuntime;
pub use world::{Report, World, run, run_with_limit};

/// A hash of `z` with good avalanche (the finaliser of splitmix64).
pub(crate) fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// No code of ours panics while it holds one of these locks.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

//! Supabase signaling against the hub, over real sockets on loopback. Every wait is bounded.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exchange;
mod faults;
mod lobby;
mod phone;
mod probes;
mod road;
mod tokens;

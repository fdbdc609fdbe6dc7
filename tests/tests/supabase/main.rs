//! Supabase signaling against the hub, over real sockets on loopback. Every wait is bounded.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exchange;
mod faults;
mod phone;
mod road;
mod tokens;

//! The hub, frame by frame, against what the real server was measured to do. Every wait is bounded.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broadcasts;
mod client;
mod connections;
mod database;
mod faults;
mod joins;
mod limits;
mod presences;
mod rest;
mod snapshots;
mod tokens;

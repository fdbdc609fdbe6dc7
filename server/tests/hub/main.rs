//! The hub, frame by frame, against what the real server was measured to do. Every wait is bounded.

mod broadcasts;
mod client;
mod connections;
mod joins;
mod presences;
mod rest;
mod tokens;

//! TURN servers to test against, ours and coturn, under one face; and a client that is neither's.

mod client;
mod server;

pub use client::{Client, Denied, Over, PATIENCE};
pub use server::{Rules, SECRET, TestServer};

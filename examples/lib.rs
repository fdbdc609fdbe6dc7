//! Desktop programs built on Ringback; each is a file or a folder beside this one, run with `cargo run --example NAME`.
//!
//! Here is what they share.

pub mod ice;
pub mod local_server;
pub mod server;
pub mod terminal;

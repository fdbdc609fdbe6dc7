//! The terminal phone in a real pseudo-terminal, against a real hub: what a person sees and types.
//!
//! Needs the example built: `cargo build --workspace --example=phone`. The screens are kept as text in
//! `artifacts/test/terminal`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod lines;
mod pty;
mod window;

//! The terminal phone in a real pseudo-terminal, against a real hub: what a person sees and types.
//!
//! And the doctor, as a monitor runs it.
//!
//! Needs the examples built: `cargo build --workspace --example=phone --example=doctor`. The screens are kept as text in
//! `artifacts/test/terminal`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod doctor;
mod lines;
mod pty;
mod window;

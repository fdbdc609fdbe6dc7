//! The local stack as a whole: pages, figures, the echo bot, TLS, bad input, settings, the end of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod client;
mod echo;
mod floods;
mod pages;
mod program;
mod settings;
mod stops;
mod tls;
mod turn;

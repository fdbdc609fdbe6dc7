//! Whole calls over the desktop's devices: two phones, the real engine on loopback, and a sound server with null sinks.
//!
//! ```text
//!   rider_mouth -> rider_mic -> [rider] ~~~ loopback ~~~ [driver] -> ear, the default; if it goes: spare
//!   rider_ear   <- - - - - - -  [rider] ~~~ loopback ~~~ [driver] <- driver_mic <- driver_mouth
//! ```
//!
//! Every microphone hangs on a sink of its own: a phone's speaker makes its sink render every 0.5 ms, which a monitor of
//! that sink would have to follow.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod loss;
mod sound;
mod stage;

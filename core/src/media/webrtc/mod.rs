//! The media engine over webrtc-rs, and the only place that names the crates `webrtc` and `rtc`.
//!
//! ```text
//!   MediaCommand                                     MediaEvent
//!       |                                                ^
//!   engine       connections by number, one event queue  |
//!       |                                                |
//!   connection   one task each: commands in order, watches silence and the path
//!    |-- negotiation   offers, answers, remote candidates
//!    |-- gathering     our candidates, the states of ICE
//!    |-- traffic       frames and packets, silence, the path
//!    |-- sound         RTP numbers, loss and jitter
//!    |-- signals       the engine's callbacks
//!   peer         builds the PeerConnection: codec, settings, certificate
//!       |
//!   runtime      mends the engine's defects from outside: see its table
//! ```
//!
//! Two tasks a connection, its own and the engine's driver, and for moments those of `runtime`. Interceptors are RTCP reports only: NACK does not pay for
//! audio with FEC, and transport-wide feedback has no user yet.
//!
//! | choice | why |
//! |---|---|
//! | names of ICE servers never delay anything | a stand-in address is handed over, see `runtime::names` |
//! | acceptance waits zero | the first working pair carries media at once |
//! | ICE gives up after 12 s | before call control does, so that the end says why |
//! | frames are dropped until the path works | writing earlier logs a warning for each packet and sends nothing |
//! | the peer's close_notify is read off the records | the engine verifies it, answers it and says nothing |
//!
//! An ICE restart is a break before a make: with the new credentials the engine forgets every pair of the old ones
//! and the selected one (`apply_restart` of rtc-ice), and then drops media in both directions, encrypted or not,
//! until a new pair answers. Old sockets that were kept open would have nothing to carry; where only one direction
//! broke, the other is silent too for the round trip of signaling and of the first check.
//!
//! Not here: TURN over TCP and TLS, RED, video, data channels.

mod addresses;
mod alarm;
mod bitrate;
mod candidates;
mod certificates;
mod config;
mod connection;
mod engine;
mod gathering;
mod mdns;
mod negotiation;
mod peer;
#[doc(hidden)]
pub mod runtime;
mod servers;
mod signals;
mod sound;
mod stats;
mod traffic;

pub use config::WebRtcEngineBuilder;
pub use engine::WebRtcEngine;

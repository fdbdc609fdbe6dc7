//! Whole phones in virtual time: real core, real webrtc-rs, sound, signaling in memory. One behaviour a file.
#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod stage;

mod adopted;
mod after_accept;
mod busy;
mod call_waiting;
mod cancel;
mod decline;
mod elsewhere;
mod flood;
mod glare;
mod hold;
mod hub_gone;
mod hundred_calls;
mod incoming;
mod log_lines;
mod lossy_media;
mod lossy_signaling;
mod microphone;
mod mute;
mod no_answer;
mod oneself;
mod outage;
mod outgoing;
mod peer_killed;
mod refused;
mod repeatable;
mod restarted;
mod storm;
mod unreachable;

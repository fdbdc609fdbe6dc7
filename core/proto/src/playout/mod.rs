//! The jitter buffer: packets go in as they arrive, 20 ms of work for the decoder come out when its turn is.
//!
//! ```text
//! insert(packet) --> [ JitterBuffer ] -- pull(now) --> Decode | Recover | Conceal | Comfort | Silence
//!                         ^                                      |
//!                         | accelerated / expanded               v
//!                         +----------------------- [ Playout ] decoder, stretch, fade --> 10 ms of sound
//! ```
//!
//! [`JitterBuffer`] decides and touches no sample. [`Playout`] wraps it for the audio engine: it runs a
//! [`FrameDecoder`] as ordered, stretches and fades, and hands out any number of samples. One of them for each stream;
//! a change of SSRC is a new one.
//!
//! | situation | what is played |
//! |---|---|
//! | nothing came yet, or the first packets wait for the target delay | silence |
//! | the next packet is here | it, accelerated or expanded if the delay is off target |
//! | it is missing, the one after is here and holds a copy | the copy |
//! | it is missing, later ones are here | concealment, and the position moves on |
//! | nothing is here (starvation) | concealment, and the position stays: the packet may yet come |
//! | concealment for over 100 ms | fade to silence |
//! | the sender fell silent on purpose (DTX) | comfort noise, which is no loss |
//!
//! The target is the 97th percentile of the relative delay; see `delay.rs`. What this does not do:
//! RTP parsing, clocks, the decoder itself, mixing of streams.

mod buffer;
mod counters;
mod cursor;
mod delay;
mod order;
mod packet;
mod player;
mod steer;
mod store;
mod stretch;
mod unwrap;

pub use buffer::{JitterBuffer, PlayoutConfig};
pub use counters::Counters;
pub use order::{Inserted, Pull, Ramp, Stretch};
pub use packet::Packet;
pub use player::{FrameDecoder, Playout, Undecodable};

#[cfg(test)]
mod tests;

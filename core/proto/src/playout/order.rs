//! What a jitter buffer says: of a packet that came in, and to the decoder.

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Kept,
    /// It came before, or another one like it.
    Duplicate,
    /// Its turn is over.
    Late,
    /// It is no Opus, over 1,500 bytes, or far out of order.
    Refused,
}

/// What the decoder is to do now. Every pull stands for `samples` samples of 48 kHz, more than 0, before stretching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull<P> {
    /// Decode this packet.
    Decode {
        /// The Opus packet.
        payload: P,
        /// Its length.
        samples: u32,
        /// What to do with the decoded sound; then tell [`JitterBuffer::accelerated`](super::JitterBuffer::accelerated) or
        /// [`JitterBuffer::expanded`](super::JitterBuffer::expanded).
        stretch: Stretch,
    },
    /// Decode the copy of the missing frame that this packet carries. The packet itself comes with a later pull.
    Recover {
        /// The packet after the missing one.
        next: P,
        /// The length of the missing frame.
        samples: u32,
    },
    /// Make up sound from what was heard last.
    Conceal {
        /// How much: 120 to 5760, a multiple of 120.
        samples: u32,
        /// How loud.
        gain: Ramp,
    },
    /// Comfort noise: the sender is silent on purpose. An Opus decoder makes it when asked to conceal.
    Comfort {
        /// How much: 480.
        samples: u32,
    },
    /// Zeros: nothing has come yet, or concealment has faded out.
    Silence {
        /// How much: 480.
        samples: u32,
    },
}

impl<P> Pull<P> {
    /// How many samples of 48 kHz it stands for, before stretching.
    pub fn samples(&self) -> u32 {
        match *self {
            Pull::Decode { samples, .. }
            | Pull::Recover { samples, .. }
            | Pull::Conceal { samples, .. }
            | Pull::Comfort { samples }
            | Pull::Silence { samples } => samples,
        }
    }
}

/// A gain that changes evenly over a frame: 0 is silent, 1 is unchanged. In thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// At the first sample.
    pub from_milli: u16,
    /// At the last sample.
    pub to_milli: u16,
}

/// What to do with a decoded frame to bring the delay to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Nothing.
    Keep,
    /// Take samples out.
    Accelerate {
        /// At most so many.
        most: u32,
        /// The delay is far off: sound that resembles itself less will do.
        fast: bool,
    },
    /// Put samples in.
    Expand {
        /// At most so many.
        most: u32,
    },
}

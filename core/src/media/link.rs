//! The queues between a connection and the audio engine.
//!
//! | direction | queue | when full |
//! |---|---|---|
//! | encoded frames to the wire | tokio mpsc, 8 | the newest frame is dropped, and counted by the audio engine |
//! | frames from the wire | lock-free ring, 64 | the newest frame is dropped, and counted in `ConnStats` |

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Places in the queue to the wire: 160 ms of 20 ms frames.
pub const OUTGOING_PLACES: usize = 8;
/// Places in the queue from the wire: 1.28 s of 20 ms frames.
pub const INCOMING_PLACES: usize = 64;

/// The audio engine's ends of a connection's queues.
#[derive(Debug)]
pub struct SoundLink {
    /// Encoded frames to the wire; `try_send`, never waiting.
    pub outgoing: mpsc::Sender<EncodedFrame>,
    /// Frames from the wire.
    pub incoming: rtrb::Consumer<ReceivedFrame>,
}

/// The engine's ends.
#[derive(Debug)]
pub struct EngineLink {
    /// Encoded frames to put into RTP.
    pub outgoing: mpsc::Receiver<EncodedFrame>,
    /// Where received frames go.
    pub incoming: rtrb::Producer<ReceivedFrame>,
}

/// One frame to put into an RTP packet of the negotiated Opus payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The Opus packet (RFC 6716).
    pub payload: Bytes,
    /// The RTP timestamp's advance over the frame before, in 48 kHz samples: 960 for 20 ms.
    pub advance: u32,
    /// The first frame of a talk spurt.
    pub marker: bool,
}

/// One received RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// RTP sequence number (RFC 3550 section 5.1).
    pub sequence: u16,
    /// RTP timestamp, 48 kHz.
    pub timestamp: u32,
    /// When it arrived.
    pub at: Instant,
    /// The Opus packet.
    pub payload: Bytes,
}

/// A connection's queues: the audio engine's ends and the media engine's.
pub fn sound_link() -> (SoundLink, EngineLink) {
    let (outgoing_tx, outgoing_rx) = mpsc::channel(OUTGOING_PLACES);
    let (incoming_tx, incoming_rx) = rtrb::RingBuffer::new(INCOMING_PLACES);
    (
        SoundLink { outgoing: outgoing_tx, incoming: incoming_rx },
        EngineLink { outgoing: outgoing_rx, incoming: incoming_tx },
    )
}

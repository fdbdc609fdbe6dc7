//! What a jitter buffer has counted.

use std::time::Duration;

/// Counters since the buffer was made, and its state now.
///
/// Every accepted packet is played, passed over or still held; `late` and `duplicates` are never played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets handed in, whatever became of them.
    pub received: u64,
    /// Packets whose turn was over when they came.
    pub late: u64,
    /// Packets that had not come when their turn was over, without those that came late.
    pub lost: u64,
    /// Packets that had come before.
    pub duplicates: u64,
    /// Packets thrown away: no Opus, far out of order, or too many at once.
    pub refused: u64,
    /// Packets that came and were skipped to bring the delay down.
    pub skipped: u64,
    /// Frames restored from the copy in the packet after.
    pub recovered: u64,
    /// Sound made up because nothing had come in time.
    pub concealed: Duration,
    /// Times that making up began.
    pub concealments: u64,
    /// Taken out of the sound to bring the delay down.
    pub accelerated: Duration,
    /// Put into the sound to bring the delay up.
    pub expanded: Duration,
    /// Times that the stream began anew: another source, a jump of its clock.
    pub resets: u64,
    /// From the arrival of a packet that met no queue to its turn.
    pub delay: Duration,
    /// What `delay` is steered to.
    pub target: Duration,
}

//! Sequence numbers and timestamps without end, and where a new stream begins (RFC 3550 appendix A.1).

/// Turns 16-bit sequence numbers and 32-bit timestamps into numbers that do not wrap.
#[derive(Debug, Clone, Default)]
pub(super) struct Unwrapper {
    newest: Option<Newest>,
    /// The sequence number that would confirm a suspect packet.
    suspect: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: i64,
    position: i64,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwrapped {
    /// Of the stream.
    Next { sequence: i64, position: i64 },
    /// It does not fit; a second one like it would begin a new stream.
    Suspect,
    /// The second one: the first packet of a new stream.
    Anew { sequence: i64, position: i64 },
}

impl Unwrapper {
    /// `is_far` says whether a packet at that position would be absurdly early or late.
    pub(super) fn take(&mut self, sequence: u16, timestamp: u32, is_far: impl Fn(i64) -> bool) -> Unwrapped {
        let begin = Newest { sequence: i64::from(sequence), position: i64::from(timestamp) };
        let Some(newest) = &mut self.newest else {
            self.newest = Some(begin);
            return Unwrapped::Next { sequence: begin.sequence, position: begin.position };
        };
        let step = sequence.wrapping_sub(newest.sequence as u16) as i16;
        let advance = timestamp.wrapping_sub(newest.position as u32) as i32;
        let position = newest.position + i64::from(advance);
        if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) || is_far(position) {
            if self.suspect.replace(sequence.wrapping_add(1)) != Some(sequence) {
                return Unwrapped::Suspect;
            }
            *self = Self { newest: Some(begin), suspect: None };
            return Unwrapped::Anew { sequence: begin.sequence, position: begin.position };
        }
        self.suspect = None;
        let sequence = newest.sequence + i64::from(step);
        if step > 0 {
            *newest = Newest { sequence, position };
        }
        Unwrapped::Next { sequence, position }
    }
}

/// A minute of 20 ms packets: RFC 3550 appendix A.1.
const MAX_DROPOUT: i16 = 3_000;
/// RFC 3550 appendix A.1.
const MAX_MISORDER: i16 = 100;

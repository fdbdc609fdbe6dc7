//! Sequence numbers and timestamps without end, and where a new stream begins (RFC 3550 appendix A.1).

/// Turns 16-bit sequence numbers and 32-bit timestamps into numbers that do not wrap.
#[derive(Debug, Clone, Default)]
pub(super) struct Unwrapper {
    newest: Option<Newest>,
    /// A packet that did not fit: its sequence number and timestamp.
    suspect: Option<(u16, u32)>,
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
        let near = (-MAX_MISORDER..=MAX_DROPOUT).contains(&step) && !is_far(position);
        if !near || !agree(step, advance) {
            let before = self.suspect.replace((sequence, timestamp));
            if !before.is_some_and(|before| follows(before, (sequence, timestamp))) {
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

/// Whether timestamps advance with the sequence, by at least the shortest packet each.
fn agree(step: i16, advance: i32) -> bool {
    let least = i32::from(step) * SHORTEST_SAMPLES;
    if step < 0 { advance <= least } else { advance >= least }
}

/// Whether a packet is the one right after, of a stream of any kind.
fn follows(before: (u16, u32), (sequence, timestamp): (u16, u32)) -> bool {
    let advance = timestamp.wrapping_sub(before.1) as i32;
    sequence == before.0.wrapping_add(1) && (SHORTEST_SAMPLES..=LONGEST_SAMPLES).contains(&advance)
}

/// 2 s: longer than any sender is silent between two packets.
const LONGEST_SAMPLES: i32 = 96_000;
/// 2.5 ms: RFC 6716 section 2.1.4.
const SHORTEST_SAMPLES: i32 = 120;
/// A minute of 20 ms packets: RFC 3550 appendix A.1.
const MAX_DROPOUT: i16 = 3_000;
/// RFC 3550 appendix A.1.
const MAX_MISORDER: i16 = 100;

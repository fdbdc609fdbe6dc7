//! The jitter buffer with its playout.

use std::time::Duration;

use ringback_proto::Timestamp;
use ringback_proto::playout::{FrameDecoder, Packet, Playout, PlayoutConfig, Undecodable};

use crate::bytes::Reader;

/// Packets and pulls as the bytes say: no panic, bounded memory, every sample within bounds.
///
/// An input is a row of steps: one byte that says what happens and how long after the step before, then for a packet
/// (bit 0 set) its sequence number (2 bytes), timestamp (4), length (1) and payload. Without bit 0, sound is taken:
/// bits 1-3 in ticks of 10 ms.
pub fn jitter_buffer(data: &[u8]) {
    let mut steps = Reader(data);
    let mut playout = Playout::new(PlayoutConfig::default(), Tone::default());
    let mut now = Timestamp::ZERO;
    let mut out = [0.0; 480];
    while let Some([step]) = steps.take() {
        now = now + Duration::from_millis(u64::from(step >> 4));
        if step & 1 == 0 {
            for _ in 0..=step >> 1 & 7 {
                now = now + Duration::from_millis(10);
                playout.fill(now, &mut out);
                assert!(out.iter().all(|sample| sample.abs() <= 1.0));
            }
            continue;
        }
        let (Some(sequence), Some(timestamp), Some([length])) = (steps.take(), steps.take(), steps.take())
        else {
            break;
        };
        let payload = steps.take_up_to(usize::from(length));
        let (sequence, timestamp) = (u16::from_be_bytes(sequence), u32::from_be_bytes(timestamp));
        playout.insert(Packet { sequence, timestamp, arrival: now, payload });
        let counters = playout.counters();
        assert!(counters.late + counters.duplicates + counters.refused <= counters.received);
        assert!(playout.waiting() <= 128);
    }
}

/// A decoder that makes a sawtooth of the payload's length, and refuses payloads that end in 0.
#[derive(Default)]
struct Tone {
    at: u16,
}

impl FrameDecoder for Tone {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        if packet.last() == Some(&0) {
            return Err(Undecodable);
        }
        let step = u16::try_from(packet.len()).unwrap_or(u16::MAX).saturating_mul(200);
        for sample in out {
            self.at = self.at.wrapping_add(step);
            *sample = f32::from(self.at) / 65_536.0 - 0.5;
        }
        Ok(())
    }

    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        self.decode(next, out)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Undecodable> {
        self.decode(&[1], out)
    }
}

//! A received packet, and what an Opus packet says about itself without being decoded (RFC 6716 section 3.1).

use crate::Timestamp;

/// One received RTP packet of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<P> {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 48 kHz.
    pub timestamp: u32,
    /// When it arrived, on the clock that [`pull`](super::JitterBuffer::pull) uses.
    pub arrival: Timestamp,
    /// The Opus packet.
    pub payload: P,
}

/// What an Opus packet says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpusFacts {
    /// Samples at 48 kHz: 120 (2.5 ms) to 5760 (120 ms).
    pub(super) samples: u32,
    /// It carries a copy of the frame before, at a lower rate.
    pub(super) has_fec: bool,
    /// The encoder stops here until there is sound again.
    pub(super) is_dtx: bool,
}

impl OpusFacts {
    /// Reads the first bytes; `None`: not an Opus packet.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (&toc, rest) = payload.split_first()?;
        let frame = frame_samples(toc >> 3);
        let frames = match toc & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => u32::from(rest.first()? & 0x3f),
        };
        let samples = frame * frames;
        if !(1..=MAX_PACKET_SAMPLES).contains(&samples) {
            return None;
        }
        // libopus sends one packet of the table of contents and at most one byte before it falls silent.
        let is_dtx = payload.len() <= 2;
        Some(Self { samples, has_fec: !is_dtx && has_fec(toc, rest), is_dtx })
    }
}

/// RFC 6716 table 2.
fn frame_samples(config: u8) -> u32 {
    match (config, config & 3) {
        (0..12, part) => [480, 960, 1920, 2880][usize::from(part)],
        (12..16, part) => [480, 960][usize::from(part & 1)],
        (_, part) => 120 << part,
    }
}

/// The LBRR flag of the first SILK frame (RFC 6716 section 4.2.3): after one voice flag for each 20 ms, per channel.
fn has_fec(toc: u8, rest: &[u8]) -> bool {
    let config = toc >> 3;
    if config >= 16 {
        // CELT alone has no such copy.
        return false;
    }
    let Some(&first) = first_frame(toc, rest).and_then(<[u8]>::first) else {
        return false;
    };
    let silk_frames = (frame_samples(config) / 960).max(1);
    let stereo = toc & 4 != 0;
    let mid = (first >> (7 - silk_frames)) & 1;
    let side = if stereo { (first >> (6 - 2 * silk_frames)) & 1 } else { 0 };
    mid | side == 1
}

/// Where the first frame starts (RFC 6716 section 3.2).
fn first_frame(toc: u8, rest: &[u8]) -> Option<&[u8]> {
    let length_bytes = |bytes: &[u8]| if bytes.first().is_some_and(|byte| *byte >= 252) { 2 } else { 1 };
    match toc & 3 {
        0 | 1 => Some(rest),
        2 => rest.get(length_bytes(rest)..),
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            if count & 0x40 != 0 {
                // Padding: each byte of 255 is followed by another.
                while *rest.first()? == 255 {
                    rest = &rest[1..];
                }
                rest = rest.get(1..)?;
            }
            if count & 0x80 != 0 {
                for _ in 1..count & 0x3f {
                    rest = rest.get(length_bytes(rest)..)?;
                }
            }
            Some(rest)
        }
    }
}

/// 120 ms: RFC 6716 section 3.2.5.
pub(super) const MAX_PACKET_SAMPLES: u32 = 5760;

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
    /// The length of the frame before, if the packet carries a copy of it at a lower rate (in-band FEC); or 0.
    pub(super) copy: u32,
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
        let copy = if !is_dtx && has_fec(toc, rest) { frame } else { 0 };
        Some(Self { samples, copy, is_dtx })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_libopus_say_their_length_and_whether_they_carry_a_copy() {
        // 20 ms hybrid, mono, of libopus 1.6.1 at 32 kbit/s; with 10 % of loss reported, the second.
        let plain = OpusFacts::read(&[0x78, 0xb5, 0x21, 0x41, 0x81, 0x46]);
        assert_eq!(plain, Some(OpusFacts { samples: 960, copy: 0, is_dtx: false }));
        let with_copy = OpusFacts::read(&[0x78, 0xfb, 0xfe, 0xe3, 0x5b, 0xfc]);
        assert_eq!(with_copy, Some(OpusFacts { samples: 960, copy: 960, is_dtx: false }));
    }

    #[test]
    fn a_copy_is_as_long_as_a_frame_and_not_as_the_packet() {
        // Two frames of 40 ms, wideband: two voice flags, then the copy's.
        let facts = OpusFacts::read(&[0x51, 0b0010_0000, 1, 2]).unwrap();
        assert_eq!((facts.samples, facts.copy), (3840, 1920));
        assert_eq!(OpusFacts::read(&[0x51, 0b1100_0000, 1, 2]).unwrap().copy, 0);
    }

    #[test]
    fn a_copy_of_either_channel_counts() {
        // Stereo: voice and copy flag of the mid channel, then of the side channel.
        for (flags, copy) in [(0b0100_0000, 960), (0b0001_0000, 960), (0b1010_0000, 0)] {
            assert_eq!(OpusFacts::read(&[0x4c, flags, 1]).unwrap().copy, copy, "{flags:08b}");
        }
    }

    #[test]
    fn the_first_frame_is_found_behind_lengths_and_padding() {
        let flags = 0b0100_0000;
        // Two frames of their own length; three of them with padding and lengths of one and two bytes.
        for packet in [
            &[0x4a, 10, flags][..],
            &[0x4a, 252, 1, flags],
            &[0x4b, 0x40 | 3, 255, 3, flags],
            &[0x4b, 0x80 | 3, 10, 252, 1, flags],
        ] {
            assert_eq!(OpusFacts::read(packet).unwrap().copy, 960, "{packet:?}");
        }
    }

    #[test]
    fn celt_carries_no_copy_and_a_lone_table_of_contents_means_silence() {
        assert_eq!(OpusFacts::read(&[0xf8, 0xff, 0xff]).unwrap().copy, 0);
        assert_eq!(OpusFacts::read(&[0x78]), Some(OpusFacts { samples: 960, copy: 0, is_dtx: true }));
    }
}

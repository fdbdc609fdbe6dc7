//! Opus (RFC 6716, RFC 7587): 20 ms frames at 48 kHz mono.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels};

use crate::audio::RATE_HZ;
use crate::proto::playout::{FrameDecoder, Undecodable};

/// Samples of a 20 ms frame.
pub(super) const CODEC_FRAME: usize = 960;

/// How we encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Bits per second, 6,000 to 128,000. Default 32,000: full-band speech without audible loss.
    pub bitrate_bps: u32,
    /// 0 to 10. Default 9; 5 halves the work for a barely lower quality.
    pub complexity: u8,
    /// In-band forward error correction. Default on; it costs bits only while loss is expected.
    pub fec: bool,
    /// Sends next to nothing while nobody speaks. Default off: background noise breaks up.
    pub dtx: bool,
    /// Constant bitrate, which hides the rhythm of speech from who counts packets. Default off.
    pub constant_bitrate: bool,
    /// The loss to prepare for until the peer reports some, in percent. Default 0: a copy in every packet makes the
    /// far jitter buffer hold 20 ms more, which a clean path does not need.
    pub initial_loss_percent: u8,
}

impl Default for EncoderConfig {
    fn default() -> Self {
        Self {
            bitrate_bps: 32_000,
            complexity: 9,
            fec: true,
            dtx: false,
            constant_bitrate: false,
            initial_loss_percent: 0,
        }
    }
}

/// The encoder of what we say: one for all connections.
pub(super) struct Encoder {
    inner: opus::Encoder,
    packet: [u8; LARGEST_PACKET],
    loss_percent: u8,
}

impl Encoder {
    /// # Errors
    /// libopus refuses the configuration, or has no memory.
    pub(super) fn new(config: &EncoderConfig) -> Result<Self, CodecError> {
        let mut inner = opus::Encoder::new(RATE_HZ, Channels::Mono, Application::Voip)?;
        let bitrate = config.bitrate_bps.clamp(6_000, 128_000);
        inner.set_bitrate(Bitrate::Bits(i32::try_from(bitrate).unwrap_or(32_000)))?;
        inner.set_complexity(i32::from(config.complexity.min(10)))?;
        inner.set_inband_fec(config.fec)?;
        inner.set_dtx(config.dtx)?;
        inner.set_vbr(!config.constant_bitrate)?;
        let loss_percent = config.initial_loss_percent.min(100);
        inner.set_packet_loss_perc(i32::from(loss_percent))?;
        Ok(Self { inner, packet: [0; LARGEST_PACKET], loss_percent })
    }

    /// Prepares for this share of packets to be lost.
    pub(super) fn expect_loss(&mut self, percent: u8) {
        let percent = percent.min(100);
        if percent != self.loss_percent && self.inner.set_packet_loss_perc(i32::from(percent)).is_ok() {
            self.loss_percent = percent;
        }
    }

    /// Forgets what was encoded: the next packet tells nothing of the one before.
    pub(super) fn reset(&mut self) {
        // Cannot fail on an encoder that exists.
        let _ = self.inner.reset_state();
    }

    /// Encodes 20 ms. A packet of at most two bytes need not be sent (RFC 6716 section 2.1.9, DTX); `None`: libopus
    /// failed, which a frame of the right size gives it no reason to.
    pub(super) fn encode(&mut self, frame: &[f32; CODEC_FRAME]) -> Option<Bytes> {
        let length = self.inner.encode_float(frame, &mut self.packet).ok()?;
        Some(Bytes::copy_from_slice(&self.packet[..length]))
    }
}

/// The decoder of one connection.
pub(super) struct Decoder {
    inner: opus::Decoder,
}

impl Decoder {
    /// # Errors
    /// libopus has no memory.
    pub(super) fn new() -> Result<Self, CodecError> {
        Ok(Self { inner: opus::Decoder::new(RATE_HZ, Channels::Mono)? })
    }
}

impl FrameDecoder for Decoder {
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        // An empty packet would ask libopus for concealment.
        if packet.is_empty() {
            return Err(Undecodable);
        }
        self.run(packet, out, false)
    }

    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Undecodable> {
        if next.is_empty() {
            return Err(Undecodable);
        }
        self.run(next, out, true)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Undecodable> {
        self.run(&[], out, false)
    }
}

impl Decoder {
    fn run(&mut self, packet: &[u8], out: &mut [f32], fec: bool) -> Result<(), Undecodable> {
        match self.inner.decode_float(packet, out, fec) {
            Ok(samples) if samples == out.len() => Ok(()),
            Ok(_) | Err(_) => Err(Undecodable),
        }
    }
}

/// libopus refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libopus refused to work ({code:?}): the library is broken, or there is no memory")]
pub struct CodecError {
    /// libopus' reason.
    code: opus::ErrorCode,
}

impl From<opus::Error> for CodecError {
    fn from(error: opus::Error) -> Self {
        Self { code: error.code() }
    }
}

/// RFC 6716 section 3.2.1: no frame is longer than 1,275 bytes.
const LARGEST_PACKET: usize = 1_275;

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(start: usize) -> [f32; CODEC_FRAME] {
        std::array::from_fn(|n| 0.3 * (TAU * 440.0 * (start + n) as f32 / 48_000.0).sin())
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn a_lost_frame_is_recovered_from_the_next_packet() {
        let mut encoder =
            Encoder::new(&EncoderConfig { initial_loss_percent: 20, ..Default::default() }).unwrap();
        let mut decoder = Decoder::new().unwrap();
        let packets: Vec<Bytes> = (0..20).map(|n| encoder.encode(&tone(n * CODEC_FRAME)).unwrap()).collect();
        let mut out = [0.0; CODEC_FRAME];
        for packet in &packets[..15] {
            assert_eq!(decoder.decode(packet, &mut out), Ok(()));
        }
        assert_eq!(decoder.recover(&packets[16], &mut out), Ok(()));
        assert!(power(&out) > 0.02);
        assert_eq!(decoder.decode(&packets[16], &mut out), Ok(()));
    }

    #[test]
    fn rubbish_from_the_wire_is_refused_and_changes_nothing() {
        let mut decoder = Decoder::new().unwrap();
        let mut out = [0.0; CODEC_FRAME];
        assert_eq!(decoder.decode(&[], &mut out), Err(Undecodable));
        assert_eq!(decoder.decode(&[0xff; 3], &mut out), Err(Undecodable));
        for length in 1..200 {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 37 + length) as u8).collect();
            let _ = decoder.decode(&bytes, &mut out);
        }
        let packet = Encoder::new(&EncoderConfig::default()).unwrap().encode(&tone(0)).unwrap();
        assert_eq!(decoder.decode(&packet, &mut out), Ok(()));
    }

    #[test]
    fn silence_need_not_be_sent_under_dtx() {
        let mut encoder = Encoder::new(&EncoderConfig { dtx: true, ..Default::default() }).unwrap();
        let sent = (0..100).filter(|_| encoder.encode(&[0.0; CODEC_FRAME]).unwrap().len() > 2).count();
        assert!(sent < 30, "{sent} of 100");
    }
}

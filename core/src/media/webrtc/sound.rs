//! Sound between the audio engine's queues and RTP, with the counts of both directions.

use std::time::Duration;

use rtc::rtp::{Header, Packet};
use tokio::time::Instant;

use crate::media::link::{EncodedFrame, ReceivedFrame};

/// Numbers the packets of one outgoing stream (RFC 3550 section 5.1).
#[derive(Debug)]
pub(super) struct Packetizer {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Packetizer {
    /// A stream that starts at a random sequence number and timestamp, as RFC 3550 demands.
    pub(super) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { ssrc, sequence, timestamp, marker: true, packets: 0, bytes: 0 }
    }

    /// A frame that is not sent: time goes on, the sequence does not.
    pub(super) fn skip(&mut self, frame: &EncodedFrame) {
        self.timestamp = self.timestamp.wrapping_add(frame.advance);
        self.marker = true;
    }

    /// The packet of a frame.
    pub(super) fn packet(&mut self, frame: EncodedFrame, payload_type: u8) -> Packet {
        self.timestamp = self.timestamp.wrapping_add(frame.advance);
        let header = Header {
            version: 2,
            marker: frame.marker || std::mem::take(&mut self.marker),
            payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.bytes += frame.payload.len() as u64;
        Packet { header, payload: frame.payload }
    }
}

/// Counts one incoming stream.
#[derive(Debug, Default)]
pub(super) struct Reception {
    stream: Option<Stream>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Frames that found the audio engine's ring full.
    pub(super) dropped: u64,
    /// Lost in streams that ended.
    lost_before: u64,
    jitter: f64,
    origin: Option<Instant>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    first: u64,
    highest: u64,
    received: u64,
    transit: f64,
}

impl Reception {
    /// Takes a packet's numbers, and makes a frame of it for the audio engine.
    pub(super) fn frame(&mut self, at: Instant, packet: Packet) -> ReceivedFrame {
        let Header { sequence_number: sequence, timestamp, ssrc, .. } = packet.header;
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        self.count(at, ssrc, sequence, timestamp);
        ReceivedFrame { sequence, timestamp, at, payload: packet.payload }
    }

    fn count(&mut self, at: Instant, ssrc: u32, sequence: u16, timestamp: u32) {
        // On the stream's clock, from an arbitrary origin: only differences matter.
        let origin = *self.origin.get_or_insert(at);
        let arrival = at.saturating_duration_since(origin).as_secs_f64() * RATE_HZ - f64::from(timestamp);
        match &mut self.stream {
            Some(stream) if stream.ssrc == ssrc => {
                let extended = extend(stream.highest, sequence);
                stream.highest = stream.highest.max(extended);
                stream.first = stream.first.min(extended);
                stream.received += 1;
                // RFC 3550 appendix A.8. A jump is the timestamp's wrap or a new start, no jitter.
                let difference = (arrival - stream.transit).abs();
                stream.transit = arrival;
                if difference < LARGEST_JITTER {
                    self.jitter += (difference - self.jitter) / 16.0;
                }
            }
            Some(_) | None => {
                self.lost_before = self.lost();
                // Leaves room below for packets that were overtaken.
                let first = (1 << 16) + u64::from(sequence);
                self.stream = Some(Stream { ssrc, first, highest: first, received: 1, transit: arrival });
            }
        }
    }

    /// Packets that never came (RFC 3550 appendix A.3).
    pub(super) fn lost(&self) -> u64 {
        let of = |s: &Stream| (s.highest - s.first + 1).saturating_sub(s.received);
        self.lost_before + self.stream.as_ref().map_or(0, of)
    }

    /// Interarrival jitter.
    pub(super) fn jitter(&self) -> Duration {
        Duration::from_secs_f64(self.jitter / RATE_HZ)
    }
}

/// The extended sequence number nearest to `highest`.
fn extend(highest: u64, sequence: u16) -> u64 {
    let distance = sequence.wrapping_sub(highest as u16).cast_signed();
    highest.saturating_add_signed(i64::from(distance))
}

const RATE_HZ: f64 = 48_000.0;
/// One second.
const LARGEST_JITTER: f64 = RATE_HZ;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(advance: u32) -> EncodedFrame {
        EncodedFrame { payload: Bytes::from_static(b"opus"), advance, marker: false }
    }

    fn packet(sequence: u16, timestamp: u32, ssrc: u32) -> Packet {
        let header = Header { sequence_number: sequence, timestamp, ssrc, ..Default::default() };
        Packet { header, payload: Bytes::from_static(b"opus") }
    }

    #[test]
    fn time_goes_on_while_nothing_is_sent() {
        let mut out = Packetizer::new(7, u16::MAX, u32::MAX);
        let first = out.packet(frame(960), 111).header;
        assert_eq!((first.sequence_number, first.timestamp, first.marker), (u16::MAX, 959, true));
        let second = out.packet(frame(960), 111).header;
        assert_eq!((second.sequence_number, second.timestamp, second.marker), (0, 1919, false));
        out.skip(&frame(960));
        let third = out.packet(frame(960), 111).header;
        assert_eq!((third.sequence_number, third.timestamp, third.marker), (1, 3839, true));
        assert_eq!((out.packets, out.bytes), (3, 12));
    }

    #[test]
    fn losses_are_counted_over_the_wrap_and_reordering() {
        let (mut count, now) = (Reception::default(), Instant::now());
        for sequence in [65534, 65535, 1, 0, 4] {
            count.frame(now, packet(sequence, 0, 7));
        }
        assert_eq!(count.lost(), 2, "2 and 3 are missing");
        count.frame(now, packet(2, 0, 7));
        count.frame(now, packet(3, 0, 7));
        assert_eq!(count.lost(), 0);
    }

    #[test]
    fn losses_of_an_ended_stream_stay_counted() {
        let (mut count, now) = (Reception::default(), Instant::now());
        count.frame(now, packet(1, 0, 7));
        count.frame(now, packet(4, 0, 7));
        count.frame(now, packet(900, 0, 8));
        assert_eq!(count.lost(), 2);
    }

    #[test]
    fn an_even_stream_has_no_jitter() {
        let (mut count, now) = (Reception::default(), Instant::now());
        for n in 0..50_u16 {
            let at = now + Duration::from_millis(20) * u32::from(n);
            count.frame(at, packet(n, 960 * u32::from(n), 7));
        }
        assert!(count.jitter() < Duration::from_micros(50), "{:?}", count.jitter());
        let late = now + Duration::from_millis(20 * 50 + 16);
        count.frame(late, packet(50, 960 * 50, 7));
        assert!(count.jitter() > Duration::from_micros(900), "{:?}", count.jitter());
    }
}

//! One connection: what goes out on it, what comes in.
//!
//! Out, every 20 ms:
//!
//! | plan | sent | RTP timestamp |
//! |---|---|---|
//! | microphone | the encoded frame; under DTX as silence | +960 |
//! | silence, the first 60 ms | an encoded frame of silence, so that the far decoder settles | +960 |
//! | silence after that | every 180 ms a packet of one byte, which says "silent on purpose" (DTX) | +8640 |
//! | nothing | nothing; time runs on | |

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::audio::FRAME;
use crate::audio::codec::{CODEC_FRAME, CodecError, Decoder};
use crate::audio::level::level_dbov;
use crate::media::link::{EncodedFrame, ReceivedFrame, SoundLink};
use crate::proto::Timestamp;
use crate::proto::call::{AudioLeg, LegSend};
use crate::proto::playout::{Counters, Packet, Playout, PlayoutConfig};

/// The counters of one connection's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioStats {
    /// Frames handed to the connection.
    pub frames_sent: u64,
    /// Frames that the connection had no room for.
    pub frames_dropped: u64,
    /// The jitter buffer: received, late, lost, concealed, delay and more.
    pub playout: Counters,
    /// Samples that the speaker's callback missed, since the stream was built; all connections share the speaker.
    pub underruns: u64,
    /// Samples that the microphone's callback had no room for, since the stream was built.
    pub overruns: u64,
    /// Times that the microphone's samples came too late, since the stream was built.
    pub capture_gaps: u64,
    /// Callbacks of the microphone since its stream was built; 0 for a source without a clock of its own.
    pub capture_callbacks: u64,
    /// Callbacks of the speaker since its stream was built.
    pub playback_callbacks: u64,
}

/// The counters of the devices, which every connection shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeviceCounts {
    pub(super) underruns: u64,
    pub(super) overruns: u64,
    pub(super) capture_gaps: u64,
    pub(super) capture_callbacks: u64,
    pub(super) playback_callbacks: u64,
}

/// One connection with sound.
pub(super) struct Leg {
    link: SoundLink,
    plan: Option<AudioLeg>,
    outgoing: Outgoing,
    playout: Playout<Bytes, Decoder>,
    /// The playout's clock starts here.
    epoch: Instant,
    first_sound: bool,
    loudest: Option<i8>,
    frames_sent: u64,
    frames_dropped: u64,
}

/// What the connection last said.
struct Outgoing {
    /// Samples since the last frame that was sent.
    elapsed: u32,
    said: Said,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The encoder's frames.
    Voice,
    /// Nothing, because the encoder found nothing to say (DTX); it goes on from there.
    Pause,
    /// Silence in place of the microphone, for so many frames; or nothing at all yet.
    Silence(u32),
}

impl Leg {
    pub(super) fn new(link: SoundLink, now: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            link,
            plan: None,
            outgoing: Outgoing { elapsed: 0, said: Said::Silence(0) },
            playout: Playout::new(PlayoutConfig::default(), Decoder::new()?),
            epoch: now,
            first_sound: false,
            loudest: None,
            frames_sent: 0,
            frames_dropped: 0,
        })
    }

    /// Takes what is planned for it.
    pub(super) fn follow(&mut self, plan: Option<AudioLeg>, now: Instant) {
        let played = self.plays();
        self.plan = plan;
        if self.plays() && !played {
            // What waited since before is stale but for its end, which saves the first word after Accept.
            self.discard(|at| now.saturating_duration_since(at) > STALE);
        }
    }

    /// The far side has not heard the encoder's last frame.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.outgoing.said, Said::Silence(_))
    }

    pub(super) fn sends(&self) -> LegSend {
        self.plan.map_or(LegSend::Nothing, |plan| plan.send)
    }

    /// It sends or plays something.
    pub(super) fn is_active(&self) -> bool {
        self.plays() || self.sends() != LegSend::Nothing
    }

    /// 20 ms of the microphone; a packet of at most two bytes says that there is nothing to say (DTX).
    pub(super) fn send_voice(&mut self, packet: Option<&Bytes>) {
        let Some(packet) = packet else { return self.pass_time() };
        let before = self.outgoing.said;
        if packet.len() > 2 {
            self.outgoing.said = Said::Voice;
            self.send(packet.clone(), before != Said::Voice);
        } else {
            self.outgoing.said = Said::Pause;
            if before != Said::Pause || self.is_overdue() {
                self.send(packet.clone(), false);
            } else {
                self.pass_time();
            }
        }
    }

    /// 20 ms of silence in place of the microphone.
    pub(super) fn send_silence(&mut self, silence: &Bytes) {
        let frames = match self.outgoing.said {
            Said::Voice | Said::Pause => 0,
            Said::Silence(frames) => frames,
        };
        self.outgoing.said = Said::Silence(frames.saturating_add(1));
        if frames < SETTLE_FRAMES {
            self.send(silence.clone(), false);
        } else if frames == SETTLE_FRAMES || self.is_overdue() {
            // The table of contents alone: a frame of no bytes.
            self.send(silence.slice(..1.min(silence.len())), false);
        } else {
            self.pass_time();
        }
    }

    /// 20 ms in which nothing is sent.
    pub(super) fn send_nothing(&mut self) {
        self.outgoing.said = Said::Silence(0);
        self.pass_time();
    }

    fn is_overdue(&self) -> bool {
        self.outgoing.elapsed >= KEEP_ALIVE - CODEC_FRAME as u32
    }

    fn pass_time(&mut self) {
        self.outgoing.elapsed = self.outgoing.elapsed.saturating_add(CODEC_FRAME as u32);
    }

    fn send(&mut self, payload: Bytes, marker: bool) {
        self.pass_time();
        let frame = EncodedFrame { payload, advance: self.outgoing.elapsed, marker };
        // Full: the connection does not get rid of its packets. The time that was not sent counts on.
        if self.link.outgoing.try_send(frame).is_ok() {
            self.outgoing.elapsed = 0;
            self.frames_sent += 1;
        } else {
            self.frames_dropped += 1;
        }
    }

    /// Adds the next 10 ms to `mix`. True if this is the first sound of the connection.
    pub(super) fn play_into(&mut self, mix: &mut [f32; FRAME], now: Instant, levels: bool) -> bool {
        if !self.plays() {
            self.discard(|_| true);
            return false;
        }
        while let Ok(frame) = self.link.incoming.pop() {
            let arrival = self.timestamp(frame.at);
            let ReceivedFrame { sequence, timestamp, payload, .. } = frame;
            self.playout.insert(Packet { sequence, timestamp, arrival, payload });
        }
        let mut sound = [0.0; FRAME];
        self.playout.fill(self.timestamp(now), &mut sound);
        for (sum, sample) in mix.iter_mut().zip(&sound) {
            *sum += sample;
        }
        if levels {
            let level = level_dbov(&sound);
            self.loudest = Some(self.loudest.map_or(level, |loudest| loudest.max(level)));
        }
        let first = !self.first_sound && sound.iter().any(|s| s.abs() > AUDIBLE);
        self.first_sound |= first;
        first
    }

    /// The loudest 10 ms since the last time, if levels were asked for.
    pub(super) fn take_loudest(&mut self) -> Option<i8> {
        self.loudest.take()
    }

    pub(super) fn stats(&self, devices: &DeviceCounts) -> AudioStats {
        AudioStats {
            frames_sent: self.frames_sent,
            frames_dropped: self.frames_dropped,
            playout: self.playout.counters(),
            underruns: devices.underruns,
            overruns: devices.overruns,
            capture_gaps: devices.capture_gaps,
            capture_callbacks: devices.capture_callbacks,
            playback_callbacks: devices.playback_callbacks,
        }
    }

    fn plays(&self) -> bool {
        self.plan.is_some_and(|plan| plan.play)
    }

    /// Throws away the oldest frames while `stale` says so.
    fn discard(&mut self, stale: impl Fn(Instant) -> bool) {
        while self.link.incoming.peek().is_ok_and(|frame| stale(frame.at)) {
            let _ = self.link.incoming.pop();
        }
    }

    fn timestamp(&self, at: Instant) -> Timestamp {
        Timestamp::ZERO + at.saturating_duration_since(self.epoch)
    }
}

/// Frames of encoded silence before packets become rare: the decoder's memory of speech has faded by then.
const SETTLE_FRAMES: u32 = 3;
/// At most 200 ms may pass without a packet; a tick that comes late must not break that. In samples: 180 ms.
const KEEP_ALIVE: u32 = 8_640;
/// -60 dBFS: quieter is what codecs make of nothing.
const AUDIBLE: f32 = 0.001;
/// Older frames are not played when playing begins.
const STALE: Duration = Duration::from_millis(100);

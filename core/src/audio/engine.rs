//! The tick: 10 ms of everything, in both directions, for all connections.
//!
//! A function of the devices' ends, the links and `now`; it waits for nothing and reads no clock.
//!
//! ```text
//! reports of the devices
//! capture: pull 10 ms -> level -> every second tick: encode once -> each leg: microphone, silence or nothing
//! playback: each leg: ring -> jitter buffer -> 10 ms -> level -> sum -> tone -> volume, limiter -> push 10 ms
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::audio::codec::{CODEC_FRAME, CodecError, Encoder};
use crate::audio::device::{AudioDevices, CaptureEnd, DeviceError, DeviceKind, PlaybackEnd};
use crate::audio::handle::{AudioConfig, AudioEvent, EventSender, Orders, StatsBoard};
use crate::audio::leg::{DeviceCounts, Leg};
use crate::audio::level::{Limiter, level_dbov};
use crate::audio::opening::{DeviceNews, Opening};
use crate::audio::tones::TonePlayer;
use crate::audio::{FRAME, RATE_HZ};
use crate::proto::ConnId;
use crate::proto::call::{AudioInput, AudioPlan, LegSend};

/// Everything that sound needs, owned by whoever calls the tick.
pub(super) struct Engine {
    devices: Arc<dyn AudioDevices>,
    events: EventSender,
    board: StatsBoard,
    plan: AudioPlan,
    capture: Opening<CaptureEnd>,
    playback: Opening<PlaybackEnd>,
    legs: BTreeMap<ConnId, Leg>,
    encoder: Encoder,
    silence: Bytes,
    /// What the microphone heard since the last encoded frame, and how much of it.
    pending: [f32; CODEC_FRAME],
    filled: usize,
    tones: TonePlayer,
    limiter: Limiter,
    volume: f32,
    levels: bool,
    loudest_in: i8,
    ticks: u64,
}

impl Engine {
    pub(super) fn new(
        devices: Arc<dyn AudioDevices>,
        config: &AudioConfig,
        events: EventSender,
        board: StatsBoard,
    ) -> Result<Self, CodecError> {
        Ok(Self {
            devices,
            events,
            board,
            plan: AudioPlan::default(),
            capture: Opening::new(),
            playback: Opening::new(),
            legs: BTreeMap::new(),
            encoder: Encoder::new(&config.encoder)?,
            silence: silence(config)?,
            pending: [0.0; CODEC_FRAME],
            filled: 0,
            tones: TonePlayer::new(config.tones),
            limiter: Limiter::new(),
            volume: 1.0,
            levels: config.levels,
            loudest_in: SILENT_DBOV,
            ticks: 0,
        })
    }

    /// Takes what was ordered since the last time.
    pub(super) fn take(&mut self, orders: Orders, now: Instant) {
        if orders.is_empty() {
            return;
        }
        for (conn, link) in orders.links {
            match link.and_then(|link| Leg::new(link, now).ok()) {
                Some(leg) => {
                    self.legs.insert(conn, leg);
                }
                None => {
                    self.legs.remove(&conn);
                    self.board.remove(conn);
                }
            }
        }
        for (kind, choice) in orders.choices {
            let devices = &self.devices;
            match kind {
                DeviceKind::Capture => self.capture.choose(choice, |c, r| devices.open_capture(c, r)),
                DeviceKind::Playback => self.playback.choose(choice, |c, r| devices.open_playback(c, r)),
            }
        }
        if let Some(percent) = orders.loss_percent {
            self.encoder.expect_loss(percent);
        }
        self.volume = orders.volume.unwrap_or(self.volume);
        self.levels = orders.levels.unwrap_or(self.levels);
        self.plan = orders.plan.unwrap_or_else(|| std::mem::take(&mut self.plan));
        self.follow_plan(now);
    }

    /// Nothing is open and nothing is to be done: the tick need not be called.
    pub(super) fn is_idle(&self) -> bool {
        self.capture.is_closed()
            && self.playback.is_closed()
            && self.plan.tone.is_none()
            && !self.legs.values().any(Leg::is_active)
    }

    /// Whether every 10 ms count for an end that is open, or being opened.
    pub(super) fn has_live_end(&mut self) -> bool {
        let capture = match self.capture.end() {
            Some(CaptureEnd::Ring(_)) => true,
            Some(CaptureEnd::Clocked(source)) => source.is_live(),
            None => !self.capture.is_closed(),
        };
        let playback = match self.playback.end() {
            Some(PlaybackEnd::Ring(_)) => true,
            Some(PlaybackEnd::Clocked(sink)) => sink.is_live(),
            None => !self.playback.is_closed(),
        };
        capture || playback
    }

    /// Closes everything.
    pub(super) fn close(&mut self) {
        self.plan = AudioPlan::default();
        self.capture.close();
        self.playback.close();
        self.legs.clear();
        self.board.clear();
    }

    /// One tick.
    pub(super) fn tick_10ms(&mut self, now: Instant) {
        self.ticks += 1;
        self.read_reports();
        self.tick_capture();
        self.tick_playback(now);
        if self.ticks.is_multiple_of(REPORT_TICKS) {
            self.report();
        }
    }

    fn follow_plan(&mut self, now: Instant) {
        let devices = &self.devices;
        self.capture.set_open(self.plan.capture, |c, r| devices.open_capture(c, r));
        self.playback.set_open(self.plan.playback, |c, r| devices.open_playback(c, r));
        self.tones.set(self.plan.tone);
        let sent = self.is_sending();
        for (conn, leg) in &mut self.legs {
            let planned = self.plan.legs.iter().find(|planned| planned.conn == *conn);
            leg.follow(planned.copied(), now);
        }
        // The far side is connected once a packet came: the coming tick ends a frame, half of it silence.
        if !sent && self.is_sending() && self.filled == 0 {
            self.pending[..FRAME].fill(0.0);
            self.filled = FRAME;
        }
    }

    fn is_sending(&self) -> bool {
        self.legs.values().any(|leg| leg.sends() != LegSend::Nothing)
    }

    fn read_reports(&mut self) {
        let devices = &self.devices;
        while let Some(news) = self.capture.poll(|c, r| devices.open_capture(c, r)) {
            match &news {
                DeviceNews::Opened { first: true, .. } => {
                    self.events.send(AudioEvent::Capture(AudioInput::CaptureOpened));
                }
                DeviceNews::Failed(error) => {
                    let failure = AudioInput::CaptureFailed(error.as_microphone_failure());
                    self.events.send(AudioEvent::Capture(failure));
                }
                DeviceNews::Opened { .. } | DeviceNews::Lost | DeviceNews::Refused(_) => {}
            }
            self.events.send(device_event(DeviceKind::Capture, news));
        }
        while let Some(news) = self.playback.poll(|c, r| devices.open_playback(c, r)) {
            self.events.send(device_event(DeviceKind::Playback, news));
        }
    }

    fn tick_capture(&mut self) {
        let (done, rest) = self.pending.split_at_mut(FRAME);
        let half = if self.filled == 0 { done } else { rest };
        let half: &mut [f32; FRAME] = half.try_into().expect("a frame of the codec is two ticks");
        let pulled = match self.capture.end() {
            Some(CaptureEnd::Ring(ring)) => {
                ring.pull(half);
                Ok(())
            }
            Some(CaptureEnd::Clocked(source)) => source.pull(half),
            None => {
                half.fill(0.0);
                Ok(())
            }
        };
        if let Err(error) = pulled {
            half.fill(0.0);
            self.lose_capture(error);
        }
        if self.levels {
            let half = &self.pending[self.filled..self.filled + FRAME];
            self.loudest_in = self.loudest_in.max(level_dbov(half));
        }
        self.filled += FRAME;
        if self.filled == CODEC_FRAME {
            self.send();
            self.filled = 0;
        }
    }

    /// Sends 20 ms on every leg.
    fn send(&mut self) {
        // A microphone that is being opened or rebuilt is silent.
        let open = self.capture.end().is_some();
        let mut speaking =
            self.legs.values().filter(|leg| open && leg.sends() == LegSend::Microphone).peekable();
        let mut frame = None;
        if speaking.peek().is_some() {
            // A decoder that heard silence instead has to start over with the encoder, or the encoder's prediction
            // would build on sound that the decoder never got. And no frame may carry redundancy of one that was not
            // meant for who joins now.
            if speaking.any(Leg::is_silent) {
                self.encoder.reset();
            }
            frame = self.encoder.encode(&self.pending);
        }
        for leg in self.legs.values_mut() {
            match leg.sends() {
                LegSend::Nothing => leg.send_nothing(),
                LegSend::Microphone if open => leg.send_voice(frame.as_ref()),
                LegSend::Microphone | LegSend::Silence => leg.send_silence(&self.silence),
            }
        }
    }

    fn tick_playback(&mut self, now: Instant) {
        let waiting = match self.playback.end() {
            Some(PlaybackEnd::Ring(ring)) => ring.waiting(),
            Some(PlaybackEnd::Clocked(_)) | None => 0,
        };
        let heard_at =
            now + std::time::Duration::from_micros(waiting as u64 * 1_000_000 / u64::from(RATE_HZ));
        let mut mix = [0.0; FRAME];
        for (conn, leg) in &mut self.legs {
            if leg.play_into(&mut mix, now, self.levels) {
                self.events.send(AudioEvent::FirstSound { conn: *conn, at: heard_at });
            }
        }
        self.tones.mix(&mut mix);
        self.limiter.apply(&mut mix, self.volume);
        let pushed = match self.playback.end() {
            Some(PlaybackEnd::Ring(ring)) => {
                ring.push(&mix);
                Ok(())
            }
            Some(PlaybackEnd::Clocked(sink)) => sink.push(&mix),
            None => Ok(()),
        };
        if let Err(error) = pushed {
            self.playback.give_up();
            self.events.send(AudioEvent::DeviceFailed { kind: DeviceKind::Playback, error });
        }
    }

    fn lose_capture(&mut self, error: DeviceError) {
        self.capture.give_up();
        let failure = AudioInput::CaptureFailed(error.as_microphone_failure());
        self.events.send(AudioEvent::Capture(failure));
        self.events.send(AudioEvent::DeviceFailed { kind: DeviceKind::Capture, error });
    }

    fn report(&mut self) {
        let counts = self.device_counts();
        for (conn, leg) in &mut self.legs {
            self.board.put(*conn, leg.stats(&counts));
            if self.levels
                && let Some(level_dbov) = leg.take_loudest()
            {
                self.events.send_level(AudioEvent::PlaybackLevel { conn: *conn, level_dbov });
            }
        }
        if self.levels && !self.capture.is_closed() {
            self.events.send_level(AudioEvent::CaptureLevel { level_dbov: self.loudest_in });
        }
        self.loudest_in = SILENT_DBOV;
    }

    fn device_counts(&mut self) -> DeviceCounts {
        let mut counts = DeviceCounts::default();
        if let Some(CaptureEnd::Ring(ring)) = self.capture.end() {
            counts.capture_callbacks = ring.counters().callbacks();
            counts.overruns = ring.counters().missed();
            counts.capture_gaps = ring.gaps();
        }
        if let Some(PlaybackEnd::Ring(ring)) = self.playback.end() {
            counts.playback_callbacks = ring.counters().callbacks();
            counts.underruns = ring.counters().missed();
        }
        counts
    }
}

/// What an encoder of ours makes of silence once it has settled.
fn silence(config: &AudioConfig) -> Result<Bytes, CodecError> {
    let mut encoder = Encoder::new(&crate::audio::EncoderConfig { dtx: false, ..config.encoder })?;
    let mut packet = Bytes::new();
    for _ in 0..5 {
        packet = encoder.encode(&[0.0; CODEC_FRAME]).unwrap_or(packet);
    }
    Ok(packet)
}

fn device_event(kind: DeviceKind, news: DeviceNews) -> AudioEvent {
    match news {
        DeviceNews::Opened { name, .. } => AudioEvent::DeviceInUse { kind, name: Some(name) },
        DeviceNews::Lost => AudioEvent::DeviceInUse { kind, name: None },
        DeviceNews::Failed(error) | DeviceNews::Refused(error) => AudioEvent::DeviceFailed { kind, error },
    }
}

/// Levels and statistics are made every 100 ms.
const REPORT_TICKS: u64 = 10;
const SILENT_DBOV: i8 = -127;

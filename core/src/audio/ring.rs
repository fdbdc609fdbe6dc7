//! The rings between a device's callback and the engine, with the resampler that holds each of them at its fill.
//!
//! The device has its own clock and its own rate, the engine ticks every 10 ms. A PI loop (`Drift`) steers the
//! resampler's ratio by at most 0.5 %, so that the ring neither runs dry nor grows. A device at 48 kHz is held by
//! slipping single samples across a crossfade (no delay, next to no cost); other rates go through a sinc resampler.
//!
//! The fill that a ring is held at covers the callbacks' period and a margin that grows when samples came too late
//! and shrinks again in calm times.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};
use rubato::FixedAsync;

use crate::audio::callback::{CallbackCounters, OnCapture, OnPlayback};
use crate::audio::drift::{Drift, Margin, Period};
use crate::audio::resample::Resampling;
use crate::audio::{FRAME, RATE_HZ};

/// A microphone's ring: the callback's end, and the engine's.
pub fn capture_ring(rate_hz: u32, channels: u16) -> (OnCapture, CaptureRing) {
    let (producer, consumer) = RingBuffer::new(places(rate_hz));
    let counters = Arc::new(CallbackCounters::default());
    (OnCapture::new(producer, channels, counters.clone()), CaptureRing::new(consumer, rate_hz, counters))
}

/// A speaker's ring: the callback's end, and the engine's.
pub fn playback_ring(rate_hz: u32, channels: u16) -> (OnPlayback, PlaybackRing) {
    let (producer, consumer) = RingBuffer::new(places(rate_hz));
    let counters = Arc::new(CallbackCounters::default());
    (OnPlayback::new(consumer, channels, counters.clone()), PlaybackRing::new(producer, rate_hz, counters))
}

/// The engine's end of a microphone's ring.
pub struct CaptureRing {
    ring: Consumer<f32>,
    resampling: Resampling,
    level: Level,
    /// The ring is being filled to its target.
    filling: bool,
    gaps: u64,
    device: Vec<f32>,
}

impl CaptureRing {
    fn new(ring: Consumer<f32>, rate_hz: u32, counters: Arc<CallbackCounters>) -> Self {
        let resampling = Resampling::new(rate_hz, RATE_HZ, FixedAsync::Output);
        let device = vec![0.0; resampling.largest_input()];
        Self { ring, resampling, level: Level::new(rate_hz, counters), filling: true, gaps: 0, device }
    }

    /// The counters of the callback.
    pub fn counters(&self) -> &Arc<CallbackCounters> {
        &self.level.counters
    }

    /// Times that samples came too late.
    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Writes the next 10 ms, with silence for what is not there.
    pub(super) fn pull(&mut self, frame: &mut [f32; FRAME]) {
        let needed = self.resampling.next_input();
        let target = needed + self.level.beyond_a_tick() / 2 + self.level.margin.samples();
        let fill = self.ring.slots();
        if fill < needed || (self.filling && fill < target) {
            if !self.filling {
                self.level.margin.late();
                self.filling = true;
                self.gaps += 1;
            }
            frame.fill(0.0);
            return;
        }
        // Stale sound (the engine stood still, the device brought a burst) is thrown away at once.
        if self.filling || self.level.is_overfull(fill, target) {
            skip(&mut self.ring, fill.saturating_sub(target));
            self.level.drift.reset();
        }
        self.filling = false;
        // More is here than should be: consume more of it per frame.
        self.resampling.set_relative(self.level.steer(self.ring.slots(), target));
        let needed = self.resampling.next_input().min(self.device.len());
        if self.ring.pop_entire_slice(&mut self.device[..needed]).is_err() {
            frame.fill(0.0);
            return;
        }
        self.resampling.process(&self.device[..needed], frame);
    }
}

/// The engine's end of a speaker's ring.
pub struct PlaybackRing {
    ring: Producer<f32>,
    resampling: Resampling,
    level: Level,
    missed: u64,
    filled: bool,
    device: Vec<f32>,
}

impl PlaybackRing {
    fn new(ring: Producer<f32>, rate_hz: u32, counters: Arc<CallbackCounters>) -> Self {
        let resampling = Resampling::new(RATE_HZ, rate_hz, FixedAsync::Input);
        let device = vec![0.0; resampling.largest_output()];
        Self { ring, resampling, level: Level::new(rate_hz, counters), missed: 0, filled: false, device }
    }

    /// The counters of the callback.
    pub fn counters(&self) -> &Arc<CallbackCounters> {
        &self.level.counters
    }

    /// Samples that wait to be played, in 48 kHz samples.
    pub(super) fn waiting(&self) -> usize {
        let device = self.ring.buffer().capacity() - self.ring.slots();
        device * RATE_HZ as usize / self.level.rate_hz as usize
    }

    /// Takes the next 10 ms.
    pub(super) fn push(&mut self, frame: &[f32; FRAME]) {
        // Half a tick: the callback comes at any phase of ours. A longer period drains in larger steps.
        let target = self.level.tick() / 2 + self.level.beyond_a_tick() + self.level.margin.samples();
        let missed = self.level.counters.missed();
        if missed > self.missed {
            self.missed = missed;
            self.level.margin.late();
            self.filled = false;
        }
        let fill = self.ring.buffer().capacity() - self.ring.slots();
        if !self.filled {
            self.filled = true;
            self.level.drift.reset();
            push_silence(&mut self.ring, target.saturating_sub(fill));
        } else if self.level.is_overfull(fill, target) {
            // The device stood still: this frame is left out rather than played late.
            self.level.drift.reset();
            return;
        }
        self.resampling.set_relative(self.level.steer(fill, target));
        let made = self.resampling.process(frame, &mut self.device);
        // There is room: the fill was found below the target and 40 ms.
        let _ = self.ring.push_partial_slice(&self.device[..made]);
    }
}

/// What holds a ring at its fill.
struct Level {
    rate_hz: u32,
    counters: Arc<CallbackCounters>,
    period: Period,
    margin: Margin,
    drift: Drift,
}

impl Level {
    fn new(rate_hz: u32, counters: Arc<CallbackCounters>) -> Self {
        Self {
            rate_hz,
            counters,
            period: Period::default(),
            margin: Margin::new(rate_hz),
            drift: Drift::new(),
        }
    }

    /// Samples of 10 ms.
    fn tick(&self) -> usize {
        self.rate_hz as usize / 100
    }

    /// Samples of the device's period beyond a tick.
    fn beyond_a_tick(&mut self) -> usize {
        self.period.with(self.counters.frames()).saturating_sub(self.tick())
    }

    /// Too much to work off by steering: 40 ms above the target.
    fn is_overfull(&self, fill: usize, target: usize) -> bool {
        fill > target + 4 * self.tick()
    }

    /// After a tick without trouble: how much faster or slower the ring is to be used.
    fn steer(&mut self, fill: usize, target: usize) -> f64 {
        self.margin.calm();
        1.0 - self.drift.steer(fill as f64 - target as f64, self.rate_hz)
    }
}

/// A quarter of a second: more than any device asks for at once.
fn places(rate_hz: u32) -> usize {
    rate_hz as usize / 4
}

fn skip(ring: &mut Consumer<f32>, samples: usize) {
    if let Ok(chunk) = ring.read_chunk(samples) {
        chunk.commit_all();
    }
}

fn push_silence(ring: &mut Producer<f32>, samples: usize) {
    if let Ok(chunk) = ring.write_chunk_uninit(samples.min(ring.slots())) {
        chunk.fill_from_iter(std::iter::repeat(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    /// Runs a loopback: the speaker's callback feeds the microphone's, on a device clock that is off by `ppm`.
    fn loopback(device_hz: u32, ppm: f64, callback_frames: usize, seconds: usize) -> (Vec<f32>, u64, u64) {
        let (mut on_capture, mut capture) = capture_ring(device_hz, 1);
        let (mut on_playback, mut playback) = playback_ring(device_hz, 2);
        let mut stereo = vec![0f32; callback_frames * 2];
        let period = callback_frames as f64 / f64::from(device_hz) / (1.0 + ppm * 1e-6);
        let (mut next, mut heard, mut phase) = (0.003, Vec::new(), 0.0f32);
        for tick in 0..seconds * 100 {
            while next < (tick + 1) as f64 * 0.01 {
                on_playback.on_samples(&mut stereo);
                let mono: Vec<f32> = stereo.chunks(2).map(|f| f[0]).collect();
                on_capture.on_samples(&mono);
                next += period;
            }
            let mut frame = [0.0; FRAME];
            capture.pull(&mut frame);
            heard.extend_from_slice(&frame);
            for sample in &mut frame {
                phase = (phase + 1000.0 / 48_000.0) % 1.0;
                *sample = 0.5 * (phase * TAU).sin();
            }
            playback.push(&frame);
        }
        (heard, playback.counters().missed(), capture.counters().missed())
    }

    /// The share of the power of `signal` that is not the tone.
    fn impurity(signal: &[f32], hz: f32) -> f32 {
        let (mut re, mut im, mut power) = (0.0f64, 0.0f64, 0.0f64);
        for (n, s) in signal.iter().enumerate() {
            let angle = f64::from(TAU) * f64::from(hz) * n as f64 / 48_000.0;
            re += f64::from(*s) * angle.cos();
            im += f64::from(*s) * angle.sin();
            power += f64::from(*s).powi(2);
        }
        let tone = (re * re + im * im) * 2.0 / signal.len() as f64;
        (1.0 - tone / power) as f32
    }

    #[test]
    fn a_device_whose_clock_drifts_is_followed() {
        for (rate, ppm, frames) in [
            (48_000, 0.0, 480),
            (48_000, 300.0, 480),
            (48_000, -300.0, 480),
            (48_000, 200.0, 1024),
            (44_100, -200.0, 441),
        ] {
            let (heard, late, lost) = loopback(rate, ppm, frames, 40);
            let silent =
                heard[48_000..].chunks(FRAME / 4).filter(|part| part.iter().all(|s| s.abs() < 1e-3)).count();
            // A callback that drifts across our tick costs one gap, after which the margin covers it.
            assert!(silent <= 10, "{rate} Hz {ppm} ppm {frames}: {silent} times 2.5 ms of silence in 39 s");
            assert_eq!(lost, 0, "{rate} Hz {ppm} ppm {frames}");
            assert!(late < 480, "{rate} Hz {ppm} ppm {frames}: {late} samples late in 40 s");
        }
    }

    #[test]
    fn a_tone_stays_a_tone_at_any_device_rate() {
        for (rate, frames) in [(48_000, 480), (44_100, 441), (16_000, 160), (96_000, 960)] {
            let (heard, _, _) = loopback(rate, 0.0, frames, 6);
            let purity = impurity(&heard[48_000 * 5..48_000 * 5 + 4800], 1000.0);
            assert!(purity < 0.01, "{rate} Hz: {purity}");
        }
    }
}

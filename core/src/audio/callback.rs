//! The real-time callbacks of sound devices: they copy, count and return.
//!
//! Nothing here allocates, locks, logs or makes a system call, and nothing may: the file denies every type that
//! clippy lists as disallowed, and a test runs both callbacks under an allocation guard. Formats are turned into `f32`
//! mono here, because it costs less than moving every channel through the ring; rates are converted on the other side.
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer};

/// A sample as a device delivers it.
pub trait DeviceSample: Copy + Send + 'static {
    /// Silence.
    const SILENCE: Self;

    /// The sample on the scale of -1 to 1.
    fn to_float(self) -> f32;

    /// The nearest sample; what lies outside -1 to 1 is clipped.
    fn from_float(sample: f32) -> Self;
}

/// What the callbacks of one stream count. Read by other threads at any time.
#[derive(Debug, Default)]
pub struct CallbackCounters {
    callbacks: AtomicU64,
    missed: AtomicU64,
    frames: AtomicU64,
    failed: AtomicBool,
}

impl CallbackCounters {
    /// Callbacks so far.
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Relaxed)
    }

    /// Samples that found no room (capture) or were not there in time (playback).
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// Frames that the callbacks brought or asked for.
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Whether the stream reported an error.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    /// The error callback: a dead sound host may call it a million times a second, so it sets a flag and no more.
    pub fn on_error(&self) {
        self.failed.store(true, Relaxed);
    }

    fn on_callback(&self, frames: usize, missed: usize) {
        self.callbacks.fetch_add(1, Relaxed);
        self.frames.fetch_add(frames as u64, Relaxed);
        if missed > 0 {
            self.missed.fetch_add(missed as u64, Relaxed);
        }
    }
}

/// The callback of a microphone: device frames in, mono samples to the ring. When it is full the newest are dropped.
pub struct OnCapture {
    ring: Producer<f32>,
    channels: usize,
    counters: Arc<CallbackCounters>,
}

impl OnCapture {
    pub(super) fn new(ring: Producer<f32>, channels: u16, counters: Arc<CallbackCounters>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), counters }
    }

    /// Takes the interleaved samples of one callback.
    pub fn on_samples<S: DeviceSample>(&mut self, interleaved: &[S]) {
        let frames = interleaved.len() / self.channels;
        let room = self.ring.slots().min(frames);
        let share = 1.0 / self.channels as f32;
        if let Ok(chunk) = self.ring.write_chunk_uninit(room) {
            let mono = interleaved
                .chunks_exact(self.channels)
                .map(|frame| frame.iter().map(|s| s.to_float()).sum::<f32>() * share);
            chunk.fill_from_iter(mono);
        }
        self.counters.on_callback(frames, frames - room);
    }
}

/// The callback of a speaker: mono samples from the ring to every channel; silence when there are none.
pub struct OnPlayback {
    ring: Consumer<f32>,
    channels: usize,
    counters: Arc<CallbackCounters>,
    /// Before the first sample nothing was missed.
    started: bool,
}

impl OnPlayback {
    pub(super) fn new(ring: Consumer<f32>, channels: u16, counters: Arc<CallbackCounters>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), counters, started: false }
    }

    /// Fills the interleaved samples of one callback.
    pub fn on_samples<S: DeviceSample>(&mut self, interleaved: &mut [S]) {
        let frames = interleaved.len() / self.channels;
        let ready = self.ring.slots().min(frames);
        self.started |= ready > 0;
        let (filled, rest) = interleaved.split_at_mut(ready * self.channels);
        if self.fill(filled, ready).is_err() {
            filled.fill(S::SILENCE);
        }
        rest.fill(S::SILENCE);
        if self.started {
            self.counters.on_callback(frames, frames - ready);
        } else {
            // The first callbacks fill the device's whole buffer, which says nothing about the later ones.
            self.counters.on_callback(0, 0);
        }
    }

    fn fill<S: DeviceSample>(&mut self, interleaved: &mut [S], frames: usize) -> Result<(), ChunkError> {
        let chunk = self.ring.read_chunk(frames)?;
        for (frame, sample) in interleaved.chunks_exact_mut(self.channels).zip(chunk) {
            frame.fill(S::from_float(sample));
        }
        Ok(())
    }
}

impl DeviceSample for f32 {
    const SILENCE: f32 = 0.0;

    fn to_float(self) -> f32 {
        self
    }

    fn from_float(sample: f32) -> f32 {
        sample.clamp(-1.0, 1.0)
    }
}

impl DeviceSample for i16 {
    const SILENCE: i16 = 0;

    fn to_float(self) -> f32 {
        f32::from(self) / 32_768.0
    }

    fn from_float(sample: f32) -> i16 {
        (sample * 32_767.0).round() as i16
    }
}

impl DeviceSample for i32 {
    const SILENCE: i32 = 0;

    fn to_float(self) -> f32 {
        self as f32 / 2_147_483_648.0
    }

    fn from_float(sample: f32) -> i32 {
        (f64::from(sample) * 2_147_483_647.0) as i32
    }
}

impl DeviceSample for u8 {
    const SILENCE: u8 = 128;

    fn to_float(self) -> f32 {
        (f32::from(self) - 128.0) / 128.0
    }

    fn from_float(sample: f32) -> u8 {
        (sample * 127.0 + 128.0).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_mixes_channels_and_counts_what_finds_no_room() {
        let (producer, mut consumer) = rtrb::RingBuffer::new(4);
        let counters = Arc::new(CallbackCounters::default());
        let mut callback = OnCapture::new(producer, 2, counters.clone());
        callback.on_samples(&[0.5f32, 0.1, 1.0, 0.0, 0.2, 0.2]);
        callback.on_samples(&[i16::MIN; 6]);
        assert_eq!((counters.callbacks(), counters.missed(), counters.frames()), (2, 2, 6));
        let heard: Vec<f32> = std::iter::from_fn(|| consumer.pop().ok()).collect();
        assert_eq!(heard, [0.3, 0.5, 0.2, -1.0]);
    }

    #[test]
    fn playback_fills_every_channel_and_counts_only_gaps_after_the_start() {
        let (mut producer, consumer) = rtrb::RingBuffer::new(4);
        let counters = Arc::new(CallbackCounters::default());
        let mut callback = OnPlayback::new(consumer, 2, counters.clone());
        let mut out = [1i16; 4];
        callback.on_samples(&mut out);
        assert_eq!((out, counters.missed(), counters.frames()), ([0; 4], 0, 0));
        producer.push(1.0).unwrap();
        callback.on_samples(&mut out);
        assert_eq!((out, counters.missed()), ([32_767, 32_767, 0, 0], 1));
    }
}

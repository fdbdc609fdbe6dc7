//! From packets to sound: runs the decoder as the jitter buffer orders.

use std::collections::VecDeque;
use std::time::Duration;

use super::buffer::{JitterBuffer, PlayoutConfig};
use super::counters::Counters;
use super::delay::samples_us;
use super::order::{Inserted, Pull, Stretch};
use super::packet::{MAX_PACKET_SAMPLES, Packet};
use super::stretch::{self, HISTORY};
use crate::Timestamp;

/// A decoder of one stream: 48 kHz, mono.
pub trait FrameDecoder {
    /// Decodes a packet into `out`, whose length is that of the packet.
    ///
    /// # Errors
    /// [`Undecodable`]: the sound is made up instead.
    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Result<(), Undecodable>;

    /// Decodes the copy of the frame before `next` that `next` carries. `out` has the length of the missing frame.
    ///
    /// # Errors
    /// [`Undecodable`]: the sound is made up instead.
    fn recover(&mut self, next: &[u8], out: &mut [f32]) -> Result<(), Undecodable>;

    /// Makes up sound from what was decoded last. `out` has a multiple of 120 samples.
    ///
    /// # Errors
    /// [`Undecodable`]: silence is played instead.
    fn conceal(&mut self, out: &mut [f32]) -> Result<(), Undecodable>;
}

/// The decoder cannot make sound of what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the decoder cannot make sound of the packet")]
pub struct Undecodable;

/// A stream on its way from packets to sound: a [`JitterBuffer`] with its decoder.
#[derive(Debug)]
pub struct Playout<P, D> {
    buffer: JitterBuffer<P>,
    decoder: D,
    /// Decoded and not handed out.
    ready: VecDeque<f32>,
    /// Handed out or ready, latest last.
    history: Vec<f32>,
    frame: Vec<f32>,
    /// The last sample was silence: the next frame fades in.
    silent: bool,
}

impl<P: AsRef<[u8]> + Clone, D: FrameDecoder> Playout<P, D> {
    /// A stream that has not begun.
    pub fn new(config: PlayoutConfig, decoder: D) -> Self {
        let most = MAX_PACKET_SAMPLES as usize + HISTORY;
        Self {
            buffer: JitterBuffer::new(config),
            decoder,
            ready: VecDeque::with_capacity(most),
            history: vec![0.0; HISTORY],
            frame: Vec::with_capacity(most),
            silent: true,
        }
    }

    /// Takes a packet in. Call it before [`fill`](Self::fill) of the same moment.
    pub fn insert(&mut self, packet: Packet<P>) -> Inserted {
        self.buffer.insert(packet)
    }

    /// Fills `out` with the sound that is due at `now`, 48 kHz mono, -1 to 1: 480 samples every 10 ms, say.
    pub fn fill(&mut self, now: Timestamp, out: &mut [f32]) {
        while self.ready.len() < out.len() {
            let ready = i64::try_from(self.ready.len()).unwrap_or(i64::MAX / 1_000);
            let due = now + Duration::from_micros(samples_us(ready).unsigned_abs());
            self.play(due);
        }
        let due = self.ready.drain(..out.len());
        for (sample, ready) in out.iter_mut().zip(due) {
            *sample = ready;
        }
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.buffer.counters()
    }

    /// The decoder.
    pub fn decoder_mut(&mut self) -> &mut D {
        &mut self.decoder
    }

    fn play(&mut self, due: Timestamp) {
        let pull = self.buffer.pull(due);
        let samples = pull.samples() as usize;
        self.frame.clear();
        self.frame.resize(samples, 0.0);
        let was_silent = std::mem::replace(&mut self.silent, false);
        match pull {
            Pull::Decode { payload, stretch, .. } => {
                self.decoder
                    .decode(payload.as_ref(), &mut self.frame)
                    .or_else(|_| self.decoder.conceal(&mut self.frame))
                    .unwrap_or_else(|_| self.frame.fill(0.0));
                self.stretch(stretch);
            }
            Pull::Recover { next, .. } => {
                self.decoder
                    .recover(next.as_ref(), &mut self.frame)
                    .or_else(|_| self.decoder.conceal(&mut self.frame))
                    .unwrap_or_else(|_| self.frame.fill(0.0));
            }
            Pull::Conceal { gain, .. } => {
                self.conceal();
                let (from, to) = (f32::from(gain.from_milli) / 1e3, f32::from(gain.to_milli) / 1e3);
                for (at, sample) in self.frame.iter_mut().enumerate() {
                    *sample *= from + (to - from) * at as f32 / samples as f32;
                }
                self.silent = gain.to_milli == 0;
            }
            Pull::Comfort { .. } => self.conceal(),
            Pull::Silence { .. } => self.silent = true,
        }
        if was_silent && !self.silent {
            for (at, sample) in self.frame.iter_mut().take(FADE_IN).enumerate() {
                *sample *= at as f32 / FADE_IN as f32;
            }
        }
        let kept = self.frame.len().min(HISTORY);
        self.history.copy_within(kept.., 0);
        self.history[HISTORY - kept..].copy_from_slice(&self.frame[self.frame.len() - kept..]);
        self.ready.extend(&self.frame);
    }

    fn conceal(&mut self) {
        if self.decoder.conceal(&mut self.frame).is_err() {
            self.frame.fill(0.0);
        }
    }

    fn stretch(&mut self, order: Stretch) {
        match order {
            Stretch::Keep => {}
            Stretch::Accelerate { most, fast } => {
                let taken = stretch::accelerate(&self.history, &mut self.frame, most as usize, fast);
                if let Some(taken) = u32::try_from(taken).ok().filter(|taken| *taken > 0) {
                    self.buffer.accelerated(taken);
                }
            }
            Stretch::Expand { most } => {
                let put = stretch::expand(&self.history, &mut self.frame, most as usize);
                if let Some(put) = u32::try_from(put).ok().filter(|put| *put > 0) {
                    self.buffer.expanded(put);
                }
            }
        }
    }
}

/// 5 ms.
const FADE_IN: usize = 240;

//! From packets to sound: runs the decoder as the jitter buffer orders.

use std::collections::VecDeque;
use std::time::Duration;

use super::buffer::{JitterBuffer, PlayoutConfig};
use super::counters::Counters;
use super::delay::samples_us;
use super::order::{Inserted, Pull, Stretch};
use super::packet::{MAX_PACKET_SAMPLES, Packet};
use super::stretch::{self, Demands, HISTORY};
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
    /// The mean square of the loudest frame lately.
    loudest: f32,
    /// Orders to stretch in a row that found no place to do so.
    unfit: u32,
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
            loudest: 0.0,
            unfit: 0,
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

    /// How many packets wait for their turn: at most 128.
    pub fn waiting(&self) -> usize {
        self.buffer.waiting()
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
        let energy: f32 = self.frame.iter().map(|sample| sample * sample).sum();
        self.loudest = (self.loudest * LOUDEST_KEPT).max(energy / self.frame.len().max(1) as f32);
        let quiet = QUIET.max(self.loudest * QUIET_BESIDE_SPEECH);
        let demands = Demands {
            likeness: self.likeness(matches!(order, Stretch::Accelerate { fast: true, .. })),
            quiet,
        };
        let samples = match order {
            Stretch::Keep => return,
            Stretch::Accelerate { most, .. } => {
                stretch::accelerate(&self.history, &mut self.frame, most as usize, demands)
            }
            Stretch::Expand { most } => {
                stretch::expand(&self.history, &mut self.frame, most as usize, demands)
            }
        };
        let samples = u32::try_from(samples).unwrap_or(0);
        if samples == 0 {
            self.unfit = self.unfit.saturating_add(1);
            return;
        }
        self.unfit = 0;
        if let Stretch::Accelerate { .. } = order {
            self.buffer.accelerated(samples);
        } else {
            self.buffer.expanded(samples);
        }
    }

    /// Steady noise never resembles itself, and a seam in it is not heard: demand less and less.
    fn likeness(&self, fast: bool) -> f32 {
        match self.unfit {
            0..UNFIT_FEW if !fast => LIKENESS,
            0..UNFIT_MANY => FAST_LIKENESS,
            UNFIT_MANY.. => 0.0,
        }
    }
}

/// NetEq's threshold.
const LIKENESS: f32 = 0.9;
/// NetEq's threshold where the delay is far off.
const FAST_LIKENESS: f32 = 0.5;
/// Half a second of 20 ms packets.
const UNFIT_FEW: u32 = 25;
/// A second.
const UNFIT_MANY: u32 = 50;
/// -50 dBFS as a mean square.
const QUIET: f32 = 1e-5;
/// Speech is 20 dB above what lies between its words.
const QUIET_BESIDE_SPEECH: f32 = 0.01;
/// Forgets by half in 14 s of 20 ms packets.
const LOUDEST_KEPT: f32 = 0.999;
/// 5 ms.
const FADE_IN: usize = 240;

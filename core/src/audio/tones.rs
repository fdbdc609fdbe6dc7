//! Call progress tones, -20 dBFS, with ramps of 5 ms so that nothing clicks.
//!
//! | tone | French plan | international plan (ITU-T E.180) |
//! |---|---|---|
//! | ringback | 440 Hz, 1.5 s on, 3.5 s off | 425 Hz, 1 s on, 4 s off |
//! | busy | 440 Hz, 0.5 s on, 0.5 s off | 425 Hz, 0.5 s on, 0.5 s off |
//! | congestion | 440 Hz, 0.25 s on, 0.25 s off | 425 Hz, 0.25 s on, 0.25 s off |
//! | call waiting | 440 Hz, 0.3 s on, 10 s off | 425 Hz, 0.2 s on, 0.6 s off, 0.2 s on, 9 s off |

use std::f32::consts::TAU;

use crate::audio::{FRAME, RATE_HZ};
use crate::proto::call::Tone;

/// Whose tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TonePlan {
    /// France's.
    #[default]
    France,
    /// What ITU-T E.180 recommends and most of Europe uses.
    International,
}

/// Plays one tone.
pub(super) struct TonePlayer {
    plan: TonePlan,
    playing: Option<Playing>,
}

struct Playing {
    tone: Tone,
    /// The current step of the cadence, and the samples played of it.
    step: usize,
    at: usize,
    phase: f32,
}

impl TonePlayer {
    pub(super) fn new(plan: TonePlan) -> Self {
        Self { plan, playing: None }
    }

    /// Plays this tone from its beginning, unless it is being played.
    pub(super) fn set(&mut self, tone: Option<Tone>) {
        if self.playing.as_ref().map(|p| p.tone) != tone {
            self.playing = tone.map(|tone| Playing { tone, step: 0, at: 0, phase: 0.0 });
        }
    }

    /// Adds the next 10 ms to `frame`.
    pub(super) fn mix(&mut self, frame: &mut [f32; FRAME]) {
        let Some(playing) = &mut self.playing else { return };
        let cadence = cadence(self.plan, playing.tone);
        let advance = frequency_hz(self.plan) / RATE_HZ as f32;
        for sample in frame {
            let length = cadence[playing.step] as usize * RATE_HZ as usize / 1000;
            // Even steps sound.
            if playing.step.is_multiple_of(2) {
                let edge = playing.at.min(length - 1 - playing.at).min(RAMP) as f32 / RAMP as f32;
                *sample += AMPLITUDE * edge * (playing.phase * TAU).sin();
                playing.phase = (playing.phase + advance).fract();
            }
            playing.at += 1;
            if playing.at == length {
                playing.at = 0;
                playing.step = (playing.step + 1) % cadence.len();
                playing.phase = 0.0;
            }
        }
    }
}

fn frequency_hz(plan: TonePlan) -> f32 {
    match plan {
        TonePlan::France => 440.0,
        TonePlan::International => 425.0,
    }
}

/// On and off by turns, in milliseconds.
fn cadence(plan: TonePlan, tone: Tone) -> &'static [u32] {
    match (plan, tone) {
        (TonePlan::France, Tone::Ringback) => &[1_500, 3_500],
        (TonePlan::International, Tone::Ringback) => &[1_000, 4_000],
        (TonePlan::France | TonePlan::International, Tone::Busy) => &[500, 500],
        (TonePlan::France | TonePlan::International, Tone::Congestion) => &[250, 250],
        (TonePlan::France, Tone::CallWaiting) => &[300, 10_000],
        (TonePlan::International, Tone::CallWaiting) => &[200, 600, 200, 9_000],
    }
}

/// A sine of this amplitude has -20 dBFS, where 0 dBFS is a full-scale sine.
const AMPLITUDE: f32 = 0.1;
/// 5 ms.
const RAMP: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn play(plan: TonePlan, tone: Tone, frames: usize) -> Vec<f32> {
        let mut player = TonePlayer::new(plan);
        player.set(Some(tone));
        let mut all = Vec::new();
        for _ in 0..frames {
            let mut frame = [0.0; FRAME];
            player.mix(&mut frame);
            all.extend_from_slice(&frame);
        }
        all
    }

    #[test]
    fn the_cadence_is_kept_and_starts_over() {
        let ringback = play(TonePlan::France, Tone::Ringback, 1000);
        let sounds = |second: f32| {
            let at = (second * 48_000.0) as usize;
            ringback[at..at + 480].iter().any(|s| s.abs() > 0.05)
        };
        assert!(sounds(0.1) && sounds(1.4) && !sounds(1.6) && !sounds(4.9) && sounds(5.1) && !sounds(6.6));
    }

    #[test]
    fn every_tone_is_at_minus_20_dbfs_and_never_jumps() {
        for plan in [TonePlan::France, TonePlan::International] {
            for tone in [Tone::Ringback, Tone::Busy, Tone::Congestion, Tone::CallWaiting] {
                let heard = play(plan, tone, 1100);
                let peak = heard.iter().fold(0f32, |m, s| m.max(s.abs()));
                assert!((peak - 0.1).abs() < 0.002, "{plan:?} {tone:?}: {peak}");
                let jump = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0f32, f32::max);
                assert!(jump < 0.1 * TAU * 450.0 / 48_000.0, "{plan:?} {tone:?}: {jump}");
            }
        }
    }
}

//! Short-time spectra for drawing: levels from 0 (60 dB below the loudest) to 1.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::Sound;

/// Spectra of one sound, computed where they are asked for.
pub(super) struct Spectra<'a> {
    sound: &'a Sound,
    transform: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// Power that is drawn brightest.
    loudest: f32,
}

impl<'a> Spectra<'a> {
    pub(super) fn new(sound: &'a Sound) -> Spectra<'a> {
        let window = (0..WINDOW)
            .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * (n as f32 + 0.5) / WINDOW as f32).cos())
            .collect();
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        let mut spectra = Spectra { sound, transform, window, loudest: 0.0 };
        let step = (WINDOW / 2) as f64 * 1000.0 / f64::from(sound.rate_hz);
        let mut at_ms = 0.0;
        while let Some(powers) = spectra.powers(at_ms) {
            spectra.loudest = powers.into_iter().fold(spectra.loudest, f32::max);
            at_ms += step;
        }
        // Near silence must look like silence.
        spectra.loudest = spectra.loudest.max(1.0);
        spectra
    }

    /// Levels of `rows` equal steps of frequency, low first; `None` outside the sound.
    pub(super) fn at(&mut self, at_ms: f64, rows: usize) -> Option<Vec<f32>> {
        let powers = self.powers(at_ms)?;
        let level = |row: usize| {
            let at = (row as f32 + 0.5) * (powers.len() - 2) as f32 / rows as f32;
            let (below, share) = (at as usize, at.fract());
            let power = powers[below] * (1.0 - share) + powers[below + 1] * share;
            1.0 + 10.0 * (power / self.loudest).max(1e-9).log10() / RANGE_DB
        };
        Some((0..rows).map(level).collect())
    }

    fn powers(&self, at_ms: f64) -> Option<Vec<f32>> {
        let length = self.sound.samples.len();
        let centre = at_ms * f64::from(self.sound.rate_hz) / 1000.0;
        if centre < 0.0 || centre as usize >= length {
            return None;
        }
        let first = centre as isize - (WINDOW / 2) as isize;
        let mut input: Vec<f32> = (0..WINDOW)
            .map(|n| {
                let index = usize::try_from(first + n as isize).unwrap_or(usize::MAX);
                self.sound.samples.get(index).map_or(0.0, |sample| sample * self.window[n])
            })
            .collect();
        let mut output = self.transform.make_output_vec();
        // It fails only for wrong lengths, and these come from the plan.
        let _ = self.transform.process(&mut input, &mut output);
        Some(output.iter().map(|value| value.norm_sqr()).collect())
    }
}

/// 32 ms at 16 kHz: harmonics and syllables both show.
const WINDOW: usize = 512;
const RANGE_DB: f32 = 60.0;

//! Tones: made, and measured after their way through a call.

use std::f64::consts::TAU;

use crate::Sound;

/// What a recording holds of a tone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Level of the tone itself in dBFS, where a full-scale sine reads -3.
    pub level_dbfs: f64,
    /// How far everything else lies below the tone, in dB: the median over blocks of 50 ms, at most 100.
    pub purity_db: f64,
}

/// A sine of `hz` with a peak of `peak_dbfs`.
#[must_use]
pub fn tone(rate_hz: u32, hz: f64, duration_ms: f64, peak_dbfs: f64) -> Sound {
    let peak = 10_f64.powf(peak_dbfs / 20.0);
    let count = (duration_ms * f64::from(rate_hz) / 1000.0) as usize;
    let samples =
        (0..count).map(|n| (peak * (TAU * hz * n as f64 / f64::from(rate_hz)).sin()) as f32).collect();
    Sound { rate_hz, samples }
}

/// Measures the tone of `hz` in `recording`. A shift of up to 0.6 %, the reach of a drift resampler, costs nothing.
#[must_use]
pub fn tone_in(recording: &Sound, hz: f64) -> Tone {
    let block = (recording.rate_hz / 20).max(1) as usize;
    let mut levels = Vec::new();
    let mut purities = Vec::new();
    for samples in recording.samples.chunks_exact(block) {
        let total: f64 = samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        let explained = (-6..=6)
            .map(|shift| {
                sine_energy(samples, hz * (1.0 + 0.001 * f64::from(shift)) / f64::from(recording.rate_hz))
            })
            .fold(0.0, f64::max)
            .min(total);
        levels.push(10.0 * (explained / block as f64).max(1e-12).log10());
        purities.push((10.0 * (explained.max(1e-12) / (total - explained).max(1e-12)).log10()).min(100.0));
    }
    Tone { level_dbfs: median(levels).unwrap_or(-120.0), purity_db: median(purities).unwrap_or(0.0) }
}

/// Energy of the best least-squares fit of a sine with `cycles` a sample.
fn sine_energy(samples: &[f32], cycles: f64) -> f64 {
    let (mut ss, mut cc, mut sc, mut xs, mut xc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sin, cos) = (TAU * cycles * n as f64).sin_cos();
        let x = f64::from(*sample);
        ss += sin * sin;
        cc += cos * cos;
        sc += sin * cos;
        xs += x * sin;
        xc += x * cos;
    }
    let determinant = ss * cc - sc * sc;
    if determinant <= f64::EPSILON {
        return 0.0;
    }
    let a = (xs * cc - xc * sc) / determinant;
    let b = (xc * ss - xs * sc) / determinant;
    a * xs + b * xc
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_tone_is_pure() {
        let found = tone_in(&tone(48_000, 440.0, 1000.0, -12.0), 440.0);
        assert!((found.level_dbfs + 15.0).abs() < 0.05, "{found:?}");
        assert!(found.purity_db > 60.0, "{found:?}");
    }

    #[test]
    fn noise_at_a_tenth_lowers_the_purity_to_20_db() {
        let mut sound = tone(48_000, 440.0, 1000.0, 0.0);
        for (n, sample) in sound.samples.iter_mut().enumerate() {
            *sample += (TAU * 3111.0 * n as f64 / 48_000.0).sin() as f32 * 0.1;
        }
        let found = tone_in(&sound, 440.0);
        assert!((found.purity_db - 20.0).abs() < 1.0, "{found:?}");
    }

    #[test]
    fn a_drift_of_half_a_percent_costs_nothing() {
        let found = tone_in(&tone(48_000, 442.2, 1000.0, 0.0), 440.0);
        assert!(found.purity_db > 35.0, "{found:?}");
    }

    #[test]
    fn another_tone_and_silence_are_not_pure() {
        assert!(tone_in(&tone(48_000, 600.0, 1000.0, 0.0), 440.0).purity_db < 0.0);
        assert!(tone_in(&Sound { rate_hz: 48_000, samples: vec![0.0; 48_000] }, 440.0).purity_db <= 0.0);
    }
}

//! A chirp, and when it arrived: mouth-to-ear delay to a fraction of a millisecond.

use std::f64::consts::{PI, TAU};

use realfft::RealFftPlanner;

use crate::Sound;

/// Where a known sound lies in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Located {
    /// Its start, in milliseconds from the start of the recording.
    pub at_ms: f64,
    /// How alike both are there, 0 to 1: their normalised cross-correlation.
    pub correlation: f64,
}

/// A sweep from 300 to 3,400 Hz (what every telephone band passes) with soft ends.
#[must_use]
pub fn chirp(rate_hz: u32, duration_ms: f64, peak_dbfs: f64) -> Sound {
    let rate = f64::from(rate_hz);
    let (low, high) = (300.0, 3400.0);
    let seconds = duration_ms / 1000.0;
    let peak = 10_f64.powf(peak_dbfs / 20.0);
    // 5 ms: long enough not to click, short enough to keep the energy.
    let ramp = 0.005;
    let samples = (0..(seconds * rate) as usize)
        .map(|n| {
            let t = n as f64 / rate;
            let edge = (t.min(seconds - t) / ramp).clamp(0.0, 1.0);
            let phase = TAU * (low * t + (high - low) * t * t / (2.0 * seconds));
            (peak * phase.sin() * (0.5 - 0.5 * (PI * edge).cos())) as f32
        })
        .collect();
    Sound { rate_hz, samples }
}

/// Finds `wanted` in `recording`; `None` when the recording is shorter or silent.
#[must_use]
pub fn locate(recording: &Sound, wanted: &Sound) -> Option<Located> {
    let wanted = wanted.resampled(recording.rate_hz);
    let length = wanted.samples.len();
    if length == 0 || recording.samples.len() < length {
        return None;
    }
    let products = correlate(&recording.samples, &wanted.samples);
    let own: f64 = wanted.samples.iter().map(square).sum();
    let mut under: f64 = recording.samples[..length].iter().map(square).sum();
    // A place with less than a thousandth of the chirp's amplitude holds no chirp, only rounding.
    let floor = own * 1e-6;
    let mut best: Option<(usize, f64)> = None;
    for (at, product) in products.iter().enumerate() {
        if at > 0 {
            under += recording.samples.get(at + length - 1).map_or(0.0, square);
            under -= square(&recording.samples[at - 1]);
        }
        let likeness = f64::from(*product).abs() / (own * under.max(floor)).sqrt();
        if best.is_none_or(|(_, most)| likeness > most) {
            best = Some((at, likeness));
        }
    }
    let (at, correlation) = best.filter(|(_, correlation)| *correlation > 0.0)?;
    let at_ms = at as f64 * 1000.0 / f64::from(recording.rate_hz);
    Some(Located { at_ms, correlation: correlation.min(1.0) })
}

/// `sum(long[at + n] * short[n])` for every place where `short` fits.
pub(crate) fn correlate(long: &[f32], short: &[f32]) -> Vec<f32> {
    let places = long.len() + 1 - short.len();
    let size = (long.len() + short.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let forward = planner.plan_fft_forward(size);
    let inverse = planner.plan_fft_inverse(size);
    let spectrum = |samples: &[f32]| {
        let mut input = samples.to_vec();
        input.resize(size, 0.0);
        let mut output = forward.make_output_vec();
        // It fails only for wrong lengths, and these come from the plan.
        let _ = forward.process(&mut input, &mut output);
        output
    };
    let (mut product, reference) = (spectrum(long), spectrum(short));
    for (a, b) in product.iter_mut().zip(&reference) {
        *a *= b.conj() / size as f32;
    }
    let mut output = inverse.make_output_vec();
    // The inverse reports imaginary rounding at both ends of the spectrum; the result is complete all the same.
    let _ = inverse.process(&mut product, &mut output);
    output.truncate(places);
    output
}

fn square(sample: &f32) -> f64 {
    f64::from(*sample) * f64::from(*sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delayed(sound: &Sound, by: usize, gain: f32) -> Sound {
        let mut samples = vec![0.0; by];
        samples.extend(sound.samples.iter().map(|s| s * gain));
        samples.extend(vec![0.0; 9600]);
        Sound { rate_hz: sound.rate_hz, samples }
    }

    #[test]
    fn a_quiet_chirp_is_found_to_the_sample() {
        let wanted = chirp(48_000, 200.0, -6.0);
        let found = locate(&delayed(&wanted, 4801, 0.05), &wanted).unwrap();
        assert!((found.at_ms - 4801.0 / 48.0).abs() < 0.02, "{found:?}");
        assert!(found.correlation > 0.999, "{found:?}");
    }

    #[test]
    fn a_chirp_made_at_another_rate_is_found() {
        let found =
            locate(&delayed(&chirp(48_000, 200.0, -6.0), 4800, 1.0), &chirp(16_000, 200.0, -6.0)).unwrap();
        assert!((found.at_ms - 100.0).abs() < 0.1, "{found:?}");
        assert!(found.correlation > 0.99, "{found:?}");
    }

    #[test]
    fn a_tone_is_no_chirp() {
        let other = crate::tone(48_000, 1000.0, 1000.0, -6.0);
        let found = locate(&other, &chirp(48_000, 200.0, -6.0)).unwrap();
        assert!(found.correlation < 0.3, "{found:?}");
    }

    #[test]
    fn silence_and_short_recordings_hold_none() {
        let wanted = chirp(48_000, 200.0, -6.0);
        assert_eq!(locate(&Sound { rate_hz: 48_000, samples: vec![0.0; 48_000] }, &wanted), None);
        assert_eq!(locate(&Sound { rate_hz: 48_000, samples: vec![0.5; 100] }, &wanted), None);
    }
}

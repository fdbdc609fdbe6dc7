//! A windowed-sinc resampler for whole recordings: exact timing, no state.

use std::f64::consts::PI;

/// `samples` at `to_hz`. Sample 0 stays at time 0.
pub(crate) fn resample(samples: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    if from_hz == to_hz || samples.is_empty() || from_hz == 0 || to_hz == 0 {
        return samples.to_vec();
    }
    let common = gcd(from_hz, to_hz);
    let (up, down) = ((to_hz / common) as usize, (from_hz / common) as usize);
    // Below the lower of the two limits, with room for the filter's slope.
    let cutoff = 0.95 * f64::from(to_hz.min(from_hz)) / f64::from(from_hz);
    let reach = (CROSSINGS / cutoff).ceil() as isize;
    let phases: Vec<Vec<f32>> =
        (0..up).map(|phase| kernel(phase as f64 / up as f64, cutoff, reach)).collect();

    let length = samples.len() * up / down;
    (0..length)
        .map(|n| {
            let position = n * down;
            let first = (position / up) as isize - reach;
            let taps = phases[position % up].iter().enumerate();
            taps.map(|(k, tap)| {
                let index = usize::try_from(first + k as isize).unwrap_or(usize::MAX);
                samples.get(index).map_or(0.0, |sample| sample * tap)
            })
            .sum()
        })
        .collect()
}

/// Taps for an output that lies `fraction` of an input sample behind the middle tap.
fn kernel(fraction: f64, cutoff: f64, reach: isize) -> Vec<f32> {
    (-reach..=reach)
        .map(|k| {
            let x = k as f64 - fraction;
            let window = (PI * x / (2.0 * (reach as f64 + 1.0))).cos();
            (cutoff * sinc(x * cutoff) * window * window) as f32
        })
        .collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Zero crossings on each side: about 60 dB of rejection a tenth above the limit, plenty for envelopes.
const CROSSINGS: f64 = 24.0;

#[cfg(test)]
mod tests {
    use crate::{Sound, tone, tone_in};

    #[test]
    fn a_tone_stays_pure_and_as_loud_in_both_directions() {
        for (from, to) in [(48_000, 16_000), (16_000, 48_000), (44_100, 16_000)] {
            let before = tone(from, 1000.0, 500.0, -20.0);
            let after = before.resampled(to);
            let inner =
                Sound { rate_hz: to, samples: after.samples[1000..after.samples.len() - 1000].to_vec() };
            let tone = tone_in(&inner, 1000.0);
            assert!((tone.level_dbfs + 23.0).abs() < 0.1, "{from} to {to}: {tone:?}");
            assert!(tone.purity_db > 50.0, "{from} to {to}: {tone:?}");
        }
    }

    #[test]
    fn what_lies_above_the_new_limit_is_gone() {
        let after = tone(48_000, 11_000.0, 500.0, 0.0).resampled(16_000);
        let inner = Sound { rate_hz: 16_000, samples: after.samples[1000..7000].to_vec() };
        assert!(inner.level_dbfs() < -50.0, "{}", inner.level_dbfs());
    }
}

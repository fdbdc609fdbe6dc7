//! Whether a recording holds the speech of a reference, and how much later.
//!
//! Both become log-mel envelopes: 20 bands from 100 to 3,800 Hz, every 10 ms. A codec keeps those although it changes
//! every sample. From the envelopes the mean of each band goes (so that level and colour do not matter) and the mean of
//! each moment (so that two speakers who happen to pause together are not alike). Their correlation is taken at every
//! lag, and the waveforms then settle the lag to a sample.

use realfft::RealFftPlanner;

use crate::Sound;

/// How a recording compares with a reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// Correlation of the envelopes at the best lag: above 0.9 for the same speech behind a codec, below 0.5 for other
    /// speech, 0 if either is silent or they hardly overlap.
    pub correlation: f64,
    /// How much later the recording is, in milliseconds; negative if earlier. Meaningless at a low correlation.
    pub lag_ms: f64,
}

/// Compares `recording` with the `reference` that should be heard in it.
#[must_use]
pub fn heard(reference: &Sound, recording: &Sound) -> Heard {
    let reference = reference.resampled(RATE_HZ);
    let recording = recording.resampled(RATE_HZ);
    let (Some(said), Some(got)) = (Envelope::of(&reference), Envelope::of(&recording)) else {
        return Heard { correlation: 0.0, lag_ms: 0.0 };
    };
    let shorter = said.frames.len().min(got.frames.len()) as isize;
    // Short overlaps are alike by chance.
    let least = (shorter * 6 / 10).max(MIN_OVERLAP);
    let first = least - said.frames.len() as isize;
    let last = got.frames.len() as isize - least;
    let mut best = (0.0, 0);
    for lag in first..=last {
        let correlation = said.correlation(&got, lag);
        if correlation > best.0 {
            best = (correlation, lag);
        }
    }
    let (correlation, frames) = best;
    let coarse = frames * HOP as isize;
    let lag = finer_lag(&reference.samples, &recording.samples, coarse);
    Heard { correlation, lag_ms: lag as f64 * 1000.0 / f64::from(RATE_HZ) }
}

/// Log-mel energies, a row each 10 ms.
struct Envelope {
    frames: Vec<[f32; BANDS]>,
}

impl Envelope {
    /// `None` for silence and for less than a frame.
    fn of(sound: &Sound) -> Option<Envelope> {
        let bands = mel_bands();
        let window: Vec<f32> = (0..WINDOW)
            .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * (n as f32 + 0.5) / WINDOW as f32).cos())
            .collect();
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
        let mut input = transform.make_input_vec();
        let mut output = transform.make_output_vec();
        let mut frames: Vec<[f32; BANDS]> = Vec::new();
        for samples in sound.samples.windows(WINDOW).step_by(HOP) {
            for ((slot, sample), weight) in input.iter_mut().zip(samples).zip(&window) {
                *slot = sample * weight;
            }
            // It fails only for wrong lengths, and these come from the plan.
            let _ = transform.process(&mut input, &mut output);
            frames.push(std::array::from_fn(|band| {
                bands[band].iter().map(|(bin, weight)| output[*bin].norm_sqr() * weight).sum()
            }));
        }
        let loudest = frames.iter().flatten().copied().fold(0.0, f32::max);
        if loudest < SILENCE {
            return None;
        }
        let floor = loudest * FLOOR;
        for frame in &mut frames {
            for energy in frame.iter_mut() {
                *energy = (*energy + floor).ln();
            }
            let mean = frame.iter().sum::<f32>() / BANDS as f32;
            frame.iter_mut().for_each(|value| *value -= mean);
        }
        Some(Envelope { frames })
    }

    /// Correlation with `other`, whose frame `n + lag` is held against frame `n` of this one.
    fn correlation(&self, other: &Envelope, lag: isize) -> f64 {
        let start = (-lag).max(0) as usize;
        let shift = lag.max(0) as usize;
        let count = (self.frames.len() - start).min(other.frames.len() - shift);
        let a = &self.frames[start..start + count];
        let b = &other.frames[shift..shift + count];
        let (mean_a, mean_b) = (mean(a), mean(b));
        let (mut ab, mut aa, mut bb) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (x, y) in a.iter().zip(b) {
            let (mut xy, mut xx, mut yy) = (0.0_f32, 0.0_f32, 0.0_f32);
            for band in 0..BANDS {
                let (x, y) = (x[band] - mean_a[band], y[band] - mean_b[band]);
                xy += x * y;
                xx += x * x;
                yy += y * y;
            }
            ab += f64::from(xy);
            aa += f64::from(xx);
            bb += f64::from(yy);
        }
        if aa <= 0.0 || bb <= 0.0 { 0.0 } else { ab / (aa * bb).sqrt() }
    }
}

fn mean(frames: &[[f32; BANDS]]) -> [f32; BANDS] {
    let mut sums = [0.0; BANDS];
    for frame in frames {
        for (sum, value) in sums.iter_mut().zip(frame) {
            *sum += value;
        }
    }
    sums.map(|sum| sum / frames.len().max(1) as f32)
}

/// Bins and weights of triangles that are equally wide on the mel scale.
fn mel_bands() -> Vec<Vec<(usize, f32)>> {
    let mel = |hz: f32| 2595.0 * (1.0 + hz / 700.0).log10();
    let hz = |mel: f32| 700.0 * (10_f32.powf(mel / 2595.0) - 1.0);
    let (low, high) = (mel(100.0), mel(3800.0));
    let edge = |n: usize| hz(low + (high - low) * n as f32 / (BANDS + 1) as f32);
    let bin_hz = RATE_HZ as f32 / WINDOW as f32;
    (0..BANDS)
        .map(|band| {
            let (left, middle, right) = (edge(band), edge(band + 1), edge(band + 2));
            (0..WINDOW / 2)
                .filter_map(|bin| {
                    let at = bin as f32 * bin_hz;
                    let weight = ((at - left) / (middle - left)).min((right - at) / (right - middle));
                    (weight > 0.0).then_some((bin, weight))
                })
                .collect()
        })
        .collect()
}

/// The lag within two frames of `coarse` at which the waveforms agree best. Opus keeps phases well enough for that.
fn finer_lag(reference: &[f32], recording: &[f32], coarse: isize) -> isize {
    let likeness = |lag: isize| {
        let start = (-lag).max(0) as usize;
        let shift = lag.max(0) as usize;
        let said = reference.get(start..).unwrap_or(&[]);
        let got = recording.get(shift..).unwrap_or(&[]);
        said.iter().zip(got).map(|(x, y)| x * y).sum::<f32>().abs()
    };
    let reach = 2 * HOP as isize;
    let lags = coarse - reach..=coarse + reach;
    lags.map(|lag| (lag, likeness(lag))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(coarse, |(lag, _)| lag)
}

const RATE_HZ: u32 = 16_000;
/// 32 ms: resolves the pitch of most voices no further, as wanted.
const WINDOW: usize = 512;
/// 10 ms.
const HOP: usize = 160;
const BANDS: usize = 20;
/// Two seconds; less speech than that is no proof.
const MIN_OVERLAP: isize = 200;
/// 45 dB below the loudest moment, above the noise that a codec leaves between words.
const FLOOR: f32 = 3e-5;
/// A mel band of a sine at -70 dBFS.
const SILENCE: f32 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(name: &str) -> Sound {
        Sound::read(format!("{}/../assets/speech/{name}.wav", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn the_same_speech_is_one_and_its_delay_is_exact() {
        let english = speech("english");
        let mut late = vec![0.0; 1234];
        late.extend(english.samples.iter().map(|s| s * 0.3));
        let found = heard(&english, &Sound { rate_hz: 16_000, samples: late });
        assert!(found.correlation > 0.98, "{found:?}");
        assert!((found.lag_ms - 1234.0 / 16.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn other_speech_scores_below_a_half() {
        let found = heard(&speech("english"), &speech("french"));
        assert!(found.correlation < 0.5, "{found:?}");
        let found = heard(&speech("french"), &speech("english"));
        assert!(found.correlation < 0.5, "{found:?}");
    }

    #[test]
    fn a_recording_at_48_khz_that_starts_late_and_ends_early_is_recognised() {
        let french = speech("french");
        let cut =
            Sound { rate_hz: 16_000, samples: french.samples[8000..150_000].to_vec() }.resampled(48_000);
        let found = heard(&french, &cut);
        assert!(found.correlation > 0.98, "{found:?}");
        assert!((found.lag_ms + 500.0).abs() < 0.2, "{found:?}");
    }

    #[test]
    fn silence_is_not_heard() {
        let silence = Sound { rate_hz: 48_000, samples: vec![0.0; 480_000] };
        assert_eq!(heard(&speech("english"), &silence).correlation, 0.0);
        assert_eq!(heard(&silence, &speech("english")).correlation, 0.0);
    }

    #[test]
    fn steady_noise_scores_low() {
        let mut state = 1_u32;
        let samples = (0..160_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as f32 / 65_536.0 - 0.5
            })
            .collect();
        let found = heard(&speech("english"), &Sound { rate_hz: 16_000, samples });
        assert!(found.correlation < 0.3, "{found:?}");
    }
}

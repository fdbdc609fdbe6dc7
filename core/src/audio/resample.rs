//! Sample rates: a resampler that follows a drifting clock, and a cheaper one between rates that stand still.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, Fft, FixedAsync, FixedSync, Resampler, SincInterpolationParameters,
    SincInterpolationType, Slip, WindowFunction,
};

use crate::audio::{FRAME, RATE_HZ};

/// Mono from one rate to another, with the fixed side at 10 ms of 48 kHz.
pub(super) struct Resampling {
    inner: Box<dyn Adjustable<f32>>,
    nominal: f64,
    relative: f64,
}

impl Resampling {
    /// From `from_hz` to `to_hz`; `fixed` is the side that has [`FRAME`] samples each time.
    pub(super) fn new(from_hz: u32, to_hz: u32, fixed: FixedAsync) -> Self {
        let nominal = f64::from(to_hz) / f64::from(from_hz);
        let inner: Box<dyn Adjustable<f32>> = if from_hz == to_hz {
            Box::new(Slip::new(FRAME, 1, fixed).expect("480 frames hold a crossfade"))
        } else {
            // 64 taps: 1.3 ms of delay; a transition band of 3 kHz at 48 kHz, above what a voice holds.
            let sinc = SincInterpolationParameters::new(64, WindowFunction::BlackmanHarris2)
                .oversampling_factor(128)
                .interpolation(SincInterpolationType::Linear);
            Box::new(
                Async::new_sinc(nominal, MAX_RELATIVE, &sinc, FRAME, 1, fixed)
                    .expect("the ratio of two device rates is finite and positive"),
            )
        };
        Self { inner, nominal, relative: 1.0 }
    }

    pub(super) fn largest_input(&self) -> usize {
        self.inner.input_frames_max()
    }

    pub(super) fn largest_output(&self) -> usize {
        self.inner.output_frames_max()
    }

    /// How many samples [`Resampling::process`] takes next.
    pub(super) fn next_input(&self) -> usize {
        self.inner.input_frames_next()
    }

    /// Makes `relative` times the nominal number of output samples from now on.
    pub(super) fn set_relative(&mut self, relative: f64) {
        // Steps of 2 ppm are 0.1 samples a second: below what the loop can see.
        if (relative - self.relative).abs() > 2e-6 {
            self.relative = relative;
            // Out of range is clamped by `Slip` and cannot happen with the sinc: the loop's limit is below the range.
            let _ = self.inner.set_resample_ratio(self.nominal * relative, true);
        }
    }

    /// Converts `input` (exactly [`Resampling::next_input`] samples) and returns how many samples were made.
    pub(super) fn process(&mut self, input: &[f32], output: &mut [f32]) -> usize {
        convert(self.inner.as_mut(), input, output)
    }
}

/// Mono from the rate of a file, which stands still, to 10 ms of 48 kHz at a time.
pub(super) enum FileResampling {
    /// In the frequency domain, for a third of the work: rates of which 10 ms are whole samples, or few of them are.
    Blocks(Box<Fft<f32>>),
    /// Any other rate: its blocks would be up to a second long.
    Sinc(Resampling),
}

impl FileResampling {
    pub(super) fn new(from_hz: u32) -> Self {
        let blocks = RATE_HZ / greatest_common_divisor(from_hz, RATE_HZ) <= FRAME as u32;
        let (from, to) = (from_hz as usize, RATE_HZ as usize);
        match Fft::new(from, to, FRAME, 1, FixedSync::Output) {
            Ok(fft) if blocks => Self::Blocks(Box::new(fft)),
            Ok(_) | Err(_) => Self::Sinc(Resampling::new(from_hz, RATE_HZ, FixedAsync::Output)),
        }
    }

    pub(super) fn largest_input(&self) -> usize {
        match self {
            Self::Blocks(fft) => fft.input_frames_max(),
            Self::Sinc(sinc) => sinc.largest_input(),
        }
    }

    /// How many samples [`FileResampling::process`] takes next.
    pub(super) fn next_input(&self) -> usize {
        match self {
            Self::Blocks(fft) => fft.input_frames_next(),
            Self::Sinc(sinc) => sinc.next_input(),
        }
    }

    /// Converts `input`, exactly [`FileResampling::next_input`] samples.
    pub(super) fn process(&mut self, input: &[f32], output: &mut [f32; FRAME]) {
        match self {
            Self::Blocks(fft) => convert(fft.as_mut(), input, output),
            Self::Sinc(sinc) => sinc.process(input, output),
        };
    }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Returns how many samples were made.
fn convert(inner: &mut (impl Resampler<f32> + ?Sized), input: &[f32], output: &mut [f32]) -> usize {
    let room = output.len();
    let (Ok(from), Ok(mut to)) =
        (InterleavedSlice::new(input, 1, input.len()), InterleavedSlice::new_mut(output, 1, room))
    else {
        return 0;
    };
    inner.process_into_buffer(&from, &mut to, None).map_or(0, |(_, made)| made)
}

/// The range of the drift loop, with room to spare.
const MAX_RELATIVE: f64 = 1.01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_rate_becomes_10_ms_at_a_time_and_keeps_its_loudness() {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_099, 44_100, 96_000, 192_000] {
            let mut resampling = FileResampling::new(rate);
            assert_eq!(
                matches!(resampling, FileResampling::Sinc(_)),
                matches!(rate, 11_025 | 44_099),
                "{rate} Hz"
            );
            let (mut phase, mut last, mut taken) = (0.0f32, [0.0; FRAME], 0);
            for _ in 0..100 {
                let count = resampling.next_input();
                assert!(count <= resampling.largest_input(), "{rate} Hz: {count}");
                taken += count;
                let tone: Vec<f32> = (0..count)
                    .map(|_| {
                        phase = (phase + 1000.0 / rate as f32) % 1.0;
                        (phase * std::f32::consts::TAU).sin()
                    })
                    .collect();
                resampling.process(&tone, &mut last);
            }
            let power = last.iter().map(|s| s * s).sum::<f32>() / FRAME as f32;
            assert!((power - 0.5).abs() < 0.01, "{rate} Hz: {power}");
            // A second, and at most the filter and a block ahead.
            let ahead = taken as i64 - i64::from(rate);
            assert!((0..=i64::from(rate) / 50).contains(&ahead), "{rate} Hz: {ahead} samples ahead");
        }
    }
}

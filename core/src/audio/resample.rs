//! Sample rates: one resampler that also follows a drifting clock.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, SincInterpolationParameters, SincInterpolationType, Slip, WindowFunction,
};

use crate::audio::FRAME;

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
        let room = output.len();
        let (Ok(from), Ok(mut to)) =
            (InterleavedSlice::new(input, 1, input.len()), InterleavedSlice::new_mut(output, 1, room))
        else {
            return 0;
        };
        self.inner.process_into_buffer(&from, &mut to, None).map_or(0, |(_, made)| made)
    }
}

/// The range of the drift loop, with room to spare.
const MAX_RELATIVE: f64 = 1.01;

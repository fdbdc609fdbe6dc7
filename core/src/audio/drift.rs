//! The loop that holds a ring at its fill, and the margin that the fill needs.

/// A PI loop from the error of a ring's fill to a correction of the resampler's ratio.
pub(super) struct Drift {
    /// The error, smoothed: single callbacks move the fill by their whole size.
    error: Option<f64>,
    integral: f64,
}

impl Drift {
    pub(super) fn new() -> Self {
        Self { error: None, integral: 0.0 }
    }

    /// Forgets the fill, not the drift: after a jump of the fill the clocks are the same as before.
    pub(super) fn reset(&mut self) {
        self.error = None;
    }

    /// The correction after another tick, positive if there is too much in the ring.
    pub(super) fn steer(&mut self, error_samples: f64, rate_hz: u32) -> f64 {
        let error_seconds = error_samples / f64::from(rate_hz);
        let error = match self.error {
            Some(before) => before + (error_seconds - before) * TICK / SMOOTHING,
            None => error_seconds,
        };
        self.error = Some(error);
        self.integral = (self.integral + error * TICK * INTEGRAL).clamp(-LIMIT, LIMIT);
        (error * PROPORTIONAL + self.integral).clamp(-LIMIT, LIMIT)
    }
}

/// Seconds between two calls.
const TICK: f64 = 0.01;
/// Seconds of smoothing, a fifth of the loop's time constant: a busy machine delays ticks and callbacks by many
/// milliseconds, which is no drift.
const SMOOTHING: f64 = 1.0;
/// An error of 1 ms is worked off at 0.02 %: a time constant of 5 s, a pitch change that nobody hears.
const PROPORTIONAL: f64 = 0.2;
/// Critically damped with the proportional part: a quarter of its square.
const INTEGRAL: f64 = PROPORTIONAL * PROPORTIONAL / 4.0;
/// Clocks of sound cards differ by 0.02 % at most; 0.5 % also works off what a rebuild left, and is 9 cents.
const LIMIT: f64 = 0.005;

/// How many samples a ring keeps beyond what is needed, because neither side is punctual.
pub(super) struct Margin {
    samples: usize,
    step: usize,
    calm_ticks: u32,
}

impl Margin {
    pub(super) fn new(rate_hz: u32) -> Self {
        let step = rate_hz as usize / 400;
        Self { samples: step, step, calm_ticks: 0 }
    }

    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Samples came too late: 5 ms more, up to 40 ms. Twice is enough when the callback drifts across our tick.
    pub(super) fn late(&mut self) {
        self.samples = (self.samples + 2 * self.step).min(16 * self.step);
        self.calm_ticks = 0;
    }

    /// A tick without trouble: after a minute of them 2.5 ms less, never below the first.
    pub(super) fn calm(&mut self) {
        self.calm_ticks += 1;
        if self.calm_ticks == 6_000 {
            self.calm_ticks = 0;
            self.samples = (self.samples - self.step).max(self.step);
        }
    }
}

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
///
/// | since the last time that samples came too late | then | margin |
/// |---|---|---|
/// | more than 10 s, or never | a standstill, which no margin covers | as it is |
/// | less | this device or machine is unpunctual | 5 ms more, up to 40 ms |
/// | a minute in calm | | 2.5 ms less, down to 2.5 ms |
pub(super) struct Margin {
    samples: usize,
    step: usize,
    /// Ticks since samples came too late; at the beginning, as many as are forgotten.
    calm_ticks: u32,
}

impl Margin {
    pub(super) fn new(rate_hz: u32) -> Self {
        let step = rate_hz as usize / 400;
        Self { samples: step, step, calm_ticks: LATENESS_TICKS }
    }

    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Samples came too late.
    pub(super) fn late(&mut self) {
        if self.calm_ticks < LATENESS_TICKS {
            self.samples = (self.samples + 2 * self.step).min(16 * self.step);
        }
        self.calm_ticks = 0;
    }

    /// A tick without trouble.
    pub(super) fn calm(&mut self) {
        self.calm_ticks = self.calm_ticks.saturating_add(1);
        if self.calm_ticks.is_multiple_of(CALM_TICKS) {
            self.samples = (self.samples - self.step).max(self.step);
        }
    }
}

/// 10 s: what came too late before that is forgotten.
const LATENESS_TICKS: u32 = 1_000;
/// A minute.
const CALM_TICKS: u32 = 6_000;

/// How much a device brings or asks for when it does so at all: its period, or several of them if they are short.
#[derive(Default)]
pub(super) struct Period {
    /// What the callbacks had counted at the last tick.
    seen: u64,
    average: f64,
    ticks: u32,
}

impl Period {
    /// Takes the callbacks' count; returns the average of what came in a tick in which something came, in samples.
    ///
    /// An average and not the largest: what a standstill held back comes in one piece and says nothing about the next.
    pub(super) fn with(&mut self, frames: u64) -> usize {
        let came = frames.saturating_sub(self.seen);
        self.seen = frames;
        if came > 0 {
            self.ticks = (self.ticks + 1).min(MEMORY_TICKS);
            self.average += (came as f64 - self.average) / f64::from(self.ticks);
        }
        self.average as usize
    }
}

/// Ticks that an average goes back: 2 s and more.
const MEMORY_TICKS: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_learnt_at_once_and_outlives_a_burst() {
        let (mut period, mut frames) = (Period::default(), 0);
        let mut with = |came| {
            frames += came;
            period.with(frames)
        };
        assert_eq!(with(0), 0);
        assert_eq!(with(960), 960);
        for _ in 0..500 {
            assert_eq!((with(0), with(960)), (960, 960));
        }
        // A tenth of a second in one piece.
        assert!(with(4_800) < 980);
    }

    #[test]
    fn the_margin_grows_to_40_ms_at_most_and_shrinks_again() {
        let mut margin = Margin::new(48_000);
        let mut seen = vec![margin.samples() * 10 / 480];
        for _ in 0..10 {
            margin.late();
            (0..900).for_each(|_| margin.calm());
            seen.push(margin.samples() * 10 / 480);
        }
        // In milliseconds.
        assert_eq!(seen, [2, 2, 7, 12, 17, 22, 27, 32, 37, 40, 40]);
        (0..6_000 * 30).for_each(|_| margin.calm());
        assert_eq!(margin.samples(), 120);
    }

    #[test]
    fn rare_standstills_leave_the_margin_alone() {
        let mut margin = Margin::new(48_000);
        for _ in 0..5 {
            margin.late();
            (0..1_100).for_each(|_| margin.calm());
        }
        assert_eq!(margin.samples(), 120);
    }
}

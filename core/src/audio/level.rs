//! Loudness: the level of a frame, and the limiter before the speaker.

use crate::audio::FRAME;

/// The level of a frame in dBov as RFC 6465 and RFC 6464 count it: 0 is overload, -127 is silence.
pub(super) fn level_dbov(frame: &[f32]) -> i8 {
    let power = frame.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / frame.len().max(1) as f64;
    (10.0 * power.max(1e-13).log10()).clamp(-127.0, 0.0).round() as i8
}

/// Keeps a sum of voices within -1 to 1: it lowers the gain at once and raises it slowly.
pub(super) struct Limiter {
    gain: f32,
}

impl Limiter {
    pub(super) fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// Applies `volume` and the limit.
    pub(super) fn apply(&mut self, frame: &mut [f32; FRAME], volume: f32) {
        for sample in frame {
            let wanted = *sample * volume;
            self.gain = (self.gain + (1.0 - self.gain) * RELEASE).min(CEILING / wanted.abs().max(CEILING));
            *sample = wanted * self.gain;
        }
    }
}

/// -0.2 dBFS: what follows (a resampler, a codec of a headset) may overshoot a little.
const CEILING: f32 = 0.977;
/// The gain comes back with a time constant of 50 ms: shorter pumps audibly, longer ducks the next word.
const RELEASE: f32 = 1.0 / 2_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_relative_to_overload() {
        assert_eq!(level_dbov(&[1.0; 480]), 0);
        assert_eq!(level_dbov(&[0.1; 480]), -20);
        assert_eq!(level_dbov(&[0.0; 480]), -127);
    }

    #[test]
    fn the_limiter_holds_the_ceiling_and_leaves_ordinary_speech_alone() {
        let mut limiter = Limiter::new();
        let mut frame = [0.5; FRAME];
        limiter.apply(&mut frame, 1.0);
        assert_eq!(frame, [0.5; FRAME]);
        let mut loud: [f32; FRAME] = std::array::from_fn(|n| 3.0 * (n as f32 * 0.1).sin());
        limiter.apply(&mut loud, 1.0);
        assert!(loud.iter().all(|s| s.abs() <= CEILING + 1e-6));
    }
}

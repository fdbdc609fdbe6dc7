//! Sources and sinks that need nothing: a tone, silence, nothing.

use std::f32::consts::TAU;

use crate::audio::device::{DeviceError, Sink, Source};
use crate::audio::{FRAME, RATE_HZ};

/// A steady sine.
pub struct ToneSource {
    amplitude: f32,
    advance: f32,
    phase: f32,
}

impl ToneSource {
    /// A sine of this frequency and level; 0 dBFS is a full-scale sine.
    pub fn new(frequency_hz: f32, level_dbfs: f32) -> Self {
        Self {
            amplitude: 10f32.powf(level_dbfs.min(0.0) / 20.0),
            advance: frequency_hz / RATE_HZ as f32,
            phase: 0.0,
        }
    }
}

impl Source for ToneSource {
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError> {
        for sample in frame {
            *sample = self.amplitude * (self.phase * TAU).sin();
            self.phase = (self.phase + self.advance).fract();
        }
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// A microphone that hears nothing.
pub struct SilenceSource;

impl Source for SilenceSource {
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError> {
        frame.fill(0.0);
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// A speaker that nobody hears.
pub struct NullSink;

impl Sink for NullSink {
    fn push(&mut self, _frame: &[f32; FRAME]) -> Result<(), DeviceError> {
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

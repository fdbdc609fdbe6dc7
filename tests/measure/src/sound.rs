//! A mono recording in memory, read from and written to WAV files.

use std::path::Path;

use crate::resample;

/// Mono samples at a fixed rate; full scale is -1.0 to 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples a second, never 0 for a sound that was read from a file.
    pub rate_hz: u32,
    /// The samples.
    pub samples: Vec<f32>,
}

/// Why a WAV file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The file is missing, cut off or no WAV file.
    #[error(transparent)]
    Wav(#[from] hound::Error),
    /// The header names no channel or a rate of 0.
    #[error("a WAV file needs at least one channel and a rate")]
    Empty,
}

impl Sound {
    /// Reads a WAV file of 8 to 32 bits or floats; channels are averaged.
    ///
    /// # Errors
    /// [`SoundError`] when the file is missing, cut off or no WAV file.
    pub fn read(path: impl AsRef<Path>) -> Result<Sound, SoundError> {
        let mut reader = hound::WavReader::open(path)?;
        let spec = reader.spec();
        if spec.channels == 0 || spec.sample_rate == 0 {
            return Err(SoundError::Empty);
        }
        let interleaved: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
            hound::SampleFormat::Int => {
                let full = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
                reader.samples::<i32>().map(|s| s.map(|s| s as f32 / full)).collect::<Result<_, _>>()?
            }
        };
        let channels = usize::from(spec.channels);
        let samples = interleaved
            .chunks_exact(channels)
            .map(|frame| frame.iter().sum::<f32>() / channels as f32)
            .collect();
        Ok(Sound { rate_hz: spec.sample_rate, samples })
    }

    /// Writes a 16-bit WAV file.
    ///
    /// # Errors
    /// [`SoundError`] when the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), SoundError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: self.rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in &self.samples {
            writer.write_sample((sample.clamp(-1.0, 1.0) * 32767.0).round() as i16)?;
        }
        Ok(writer.finalize()?)
    }

    /// Reads raw signed 16-bit little-endian mono samples; an odd last byte is left out.
    #[must_use]
    pub fn from_s16le(rate_hz: u32, bytes: &[u8]) -> Sound {
        let samples = bytes
            .chunks_exact(2)
            .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0)
            .collect();
        Sound { rate_hz, samples }
    }

    /// The samples as raw signed 16-bit little-endian.
    #[must_use]
    pub fn to_s16le(&self) -> Vec<u8> {
        let sample = |s: &f32| ((s.clamp(-1.0, 1.0) * 32767.0).round() as i16).to_le_bytes();
        self.samples.iter().flat_map(sample).collect()
    }

    /// Length in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> f64 {
        self.samples.len() as f64 * 1000.0 / f64::from(self.rate_hz)
    }

    /// The same sound at another rate, band-limited to the lower of both.
    #[must_use]
    pub fn resampled(&self, rate_hz: u32) -> Sound {
        Sound { rate_hz, samples: resample::resample(&self.samples, self.rate_hz, rate_hz) }
    }

    /// When the first sample louder than `threshold_dbfs` comes, in milliseconds from the start; -60 is a good threshold
    /// behind a codec, which fills digital silence with noise some 20 dB below that.
    #[must_use]
    pub fn first_sound_ms(&self, threshold_dbfs: f64) -> Option<f64> {
        let threshold = 10_f64.powf(threshold_dbfs / 20.0) as f32;
        let at = self.samples.iter().position(|sample| sample.abs() > threshold)?;
        Some(at as f64 * 1000.0 / f64::from(self.rate_hz))
    }

    /// Mean level in dBFS, where a sine at full scale reads -3; -120 for digital silence.
    #[must_use]
    pub fn level_dbfs(&self) -> f64 {
        let energy: f64 = self.samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        (10.0 * (energy / self.samples.len().max(1) as f64).log10()).max(-120.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_no_first_sound() {
        let silence = Sound { rate_hz: 48_000, samples: vec![0.0; 4800] };
        assert_eq!(silence.first_sound_ms(-60.0), None);
        assert_eq!(silence.level_dbfs(), -120.0);
    }

    #[test]
    fn the_first_sound_is_counted_in_milliseconds() {
        let mut samples = vec![0.0001; 480];
        samples.push(0.5);
        assert_eq!(Sound { rate_hz: 48_000, samples }.first_sound_ms(-60.0), Some(10.0));
    }

    #[test]
    fn raw_samples_survive_the_way_there_and_back() {
        let sound = Sound { rate_hz: 8000, samples: vec![0.0, 0.5, -0.25, 0.999] };
        let back = Sound::from_s16le(8000, &sound.to_s16le());
        for (a, b) in sound.samples.iter().zip(&back.samples) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}

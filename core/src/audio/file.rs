//! WAV files as a source and as a sink.
//!
//! A source may have any rate, any number of channels, and 8 to 32 bits or floats; it becomes 48 kHz mono. A sink is
//! 48 kHz mono 16 bit; its header is brought up to date every 200 ms, so that the file is whole even if the process
//! is killed. Both do their I/O on the thread of the tick.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::audio::device::{DeviceError, Sink, Source};
use crate::audio::resample::FileResampling;
use crate::audio::{FRAME, RATE_HZ};

/// A WAV file that is played into a call.
pub struct WavSource {
    reader: WavReader<BufReader<File>>,
    spec: WavSpec,
    resampling: Option<FileResampling>,
    input: Vec<f32>,
    repeat: bool,
    ended: bool,
}

impl WavSource {
    /// Opens a file; `repeat` starts it over at its end, else silence follows.
    ///
    /// # Errors
    /// [`DeviceError::File`] if it cannot be read, [`DeviceError::NotWav`] if it is something else.
    pub fn open(path: &Path, repeat: bool) -> Result<Self, DeviceError> {
        let reader = WavReader::open(path).map_err(as_device_error)?;
        let spec = reader.spec();
        if spec.channels == 0 || !(4_000..=384_000).contains(&spec.sample_rate) {
            return Err(DeviceError::NotWav);
        }
        let resampling = (spec.sample_rate != RATE_HZ).then(|| FileResampling::new(spec.sample_rate));
        let longest = resampling.as_ref().map_or(FRAME, FileResampling::largest_input);
        Ok(Self { reader, spec, resampling, input: vec![0.0; longest], repeat, ended: false })
    }

    /// Fills `input` with mono samples, with silence after the end.
    fn read(&mut self, count: usize) -> Result<(), DeviceError> {
        let mut restarted = false;
        let mut filled = 0;
        while filled < count {
            if self.ended {
                self.input[filled..count].fill(0.0);
                break;
            }
            match next_mono(&mut self.reader, self.spec)? {
                Some(sample) => {
                    self.input[filled] = sample;
                    filled += 1;
                    restarted = false;
                }
                // A file without a single sample would be started over for ever.
                None if self.repeat && !restarted => {
                    restarted = true;
                    self.reader.seek(0).map_err(|e| DeviceError::File(e.kind()))?;
                }
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

impl Source for WavSource {
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError> {
        let count = self.resampling.as_ref().map_or(FRAME, FileResampling::next_input);
        self.read(count)?;
        match &mut self.resampling {
            Some(resampling) => {
                resampling.process(&self.input[..count], frame);
            }
            None => frame.copy_from_slice(&self.input[..FRAME]),
        }
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// A WAV file that records what is heard.
pub struct WavSink {
    writer: WavWriter<BufWriter<File>>,
    unflushed: usize,
}

impl WavSink {
    /// Creates a file, or empties the one that exists.
    ///
    /// # Errors
    /// [`DeviceError::File`] if it cannot be written.
    pub fn create(path: &Path) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: RATE_HZ,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec).map_err(as_device_error)?;
        writer.flush().map_err(as_device_error)?;
        Ok(Self { writer, unflushed: 0 })
    }

    /// Goes on with a file that a sink has made.
    ///
    /// # Errors
    /// As [`WavSink::create`], and [`DeviceError::NotWav`] if it has another format.
    pub fn append(path: &Path) -> Result<Self, DeviceError> {
        let writer = WavWriter::append(path).map_err(as_device_error)?;
        let spec = writer.spec();
        if (spec.channels, spec.sample_rate, spec.bits_per_sample) != (1, RATE_HZ, 16) {
            return Err(DeviceError::NotWav);
        }
        Ok(Self { writer, unflushed: 0 })
    }
}

impl Sink for WavSink {
    fn push(&mut self, frame: &[f32; FRAME]) -> Result<(), DeviceError> {
        for sample in frame {
            let sample = (sample * 32_767.0).round() as i16;
            self.writer.write_sample(sample).map_err(as_device_error)?;
        }
        self.unflushed += 1;
        if self.unflushed == FLUSH_FRAMES {
            self.unflushed = 0;
            self.writer.flush().map_err(as_device_error)?;
        }
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

/// The mean of the channels of the next frame; `None` at the end, which may come early in a file that was cut short.
fn next_mono(reader: &mut WavReader<BufReader<File>>, spec: WavSpec) -> Result<Option<f32>, DeviceError> {
    let channels = usize::from(spec.channels);
    let mut sum = 0.0;
    for _ in 0..channels {
        let sample = match spec.sample_format {
            SampleFormat::Float => reader.samples::<f32>().next(),
            SampleFormat::Int => {
                let full_scale = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                reader.samples::<i32>().next().map(|sample| sample.map(|sample| sample as f32 / full_scale))
            }
        };
        match sample {
            Some(Ok(sample)) => sum += sample,
            Some(Err(hound::Error::IoError(error))) if ends_early(&error) => return Ok(None),
            Some(Err(error)) => return Err(as_device_error(error)),
            None => return Ok(None),
        }
    }
    Ok(Some(sum / channels as f32))
}

fn as_device_error(error: hound::Error) -> DeviceError {
    match error {
        // A file that ends within its header is something else, or nothing.
        hound::Error::IoError(e) if ends_early(&e) => DeviceError::NotWav,
        hound::Error::IoError(e) => DeviceError::File(e.kind()),
        hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat => DeviceError::NotWav,
    }
}

/// hound reports an early end as an error of the kind `Other`.
fn ends_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
}

/// 200 ms: a killed process loses no more.
const FLUSH_FRAMES: usize = 20;

//! Building a stream: the format, the ring, the callbacks.

use std::sync::Arc;

use ::cpal::traits::{DeviceTrait, StreamTrait};
use ::cpal::{
    BufferSize, Device, InputCallbackInfo, OutputCallbackInfo, SampleFormat, SizedSample, Stream,
    StreamConfig, SupportedStreamConfig, SupportedStreamConfigRange,
};

use super::host::{ANSWER_WITHIN, device_error};
use crate::audio::RATE_HZ;
use crate::audio::callback::{CallbackCounters, DeviceSample};
use crate::audio::device::{CaptureEnd, DeviceError, DeviceKind, PlaybackEnd};
use crate::audio::ring::{capture_ring, playback_ring};

/// A stream, and how it does.
pub(super) struct Running {
    stream: Stream,
    pub(super) counters: Arc<CallbackCounters>,
}

impl Running {
    /// Starts the callbacks. May wait for the first sound of the device.
    pub(super) fn play(&self) -> Result<(), DeviceError> {
        self.stream.play().map_err(|e| device_error(&e))
    }
}

/// Capture or playback.
pub(super) trait Direction: Send + 'static {
    /// The engine's end.
    type End: Send + 'static;
    /// Which kind of device.
    const KIND: DeviceKind;

    /// Builds a stream on `device`; it does not run yet.
    fn build(device: &Device) -> Result<(Running, Self::End), DeviceError>;
}

/// Microphones.
pub(super) struct Capture;

/// Speakers.
pub(super) struct Playback;

impl Direction for Capture {
    type End = CaptureEnd;
    const KIND: DeviceKind = DeviceKind::Capture;

    fn build(device: &Device) -> Result<(Running, CaptureEnd), DeviceError> {
        fn of<S: DeviceSample + SizedSample>(
            device: &Device,
            config: StreamConfig,
        ) -> Result<(Running, CaptureEnd), ::cpal::Error> {
            let (mut callback, ring) = capture_ring(config.sample_rate, config.channels);
            let counters = ring.counters().clone();
            let errors = counters.clone();
            let on_samples = move |samples: &[S], _: &InputCallbackInfo| callback.on_samples(samples);
            let stream = device.build_input_stream(
                config,
                on_samples,
                move |_| errors.on_error(),
                Some(ANSWER_WITHIN),
            )?;
            Ok((Running { stream, counters }, CaptureEnd::Ring(ring)))
        }
        let ranges = device.supported_input_configs().map_err(|e| device_error(&e))?;
        let (format, config) = choose_format(ranges, || device.default_input_config().ok())?;
        with_either_buffer(config, period_ms(device), |config| match format {
            Format::F32 => of::<f32>(device, config),
            Format::I16 => of::<i16>(device, config),
            Format::I32 => of::<i32>(device, config),
            Format::U8 => of::<u8>(device, config),
        })
    }
}

impl Direction for Playback {
    type End = PlaybackEnd;
    const KIND: DeviceKind = DeviceKind::Playback;

    fn build(device: &Device) -> Result<(Running, PlaybackEnd), DeviceError> {
        fn of<S: DeviceSample + SizedSample>(
            device: &Device,
            config: StreamConfig,
        ) -> Result<(Running, PlaybackEnd), ::cpal::Error> {
            let (mut callback, ring) = playback_ring(config.sample_rate, config.channels);
            let counters = ring.counters().clone();
            let errors = counters.clone();
            let on_samples = move |samples: &mut [S], _: &OutputCallbackInfo| callback.on_samples(samples);
            let stream = device.build_output_stream(
                config,
                on_samples,
                move |_| errors.on_error(),
                Some(ANSWER_WITHIN),
            )?;
            Ok((Running { stream, counters }, PlaybackEnd::Ring(ring)))
        }
        let ranges = device.supported_output_configs().map_err(|e| device_error(&e))?;
        let (format, config) = choose_format(ranges, || device.default_output_config().ok())?;
        with_either_buffer(config, period_ms(device), |config| match format {
            Format::F32 => of::<f32>(device, config),
            Format::I16 => of::<i16>(device, config),
            Format::I32 => of::<i32>(device, config),
            Format::U8 => of::<u8>(device, config),
        })
    }
}

/// The sample formats that we read and write, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    F32,
    I16,
    I32,
    U8,
}

impl Format {
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "cpal may add formats; what we do not know we do not use"
    )]
    fn of(format: SampleFormat) -> Option<Self> {
        match format {
            SampleFormat::F32 => Some(Self::F32),
            SampleFormat::I16 => Some(Self::I16),
            SampleFormat::I32 => Some(Self::I32),
            SampleFormat::U8 => Some(Self::U8),
            _ => None,
        }
    }
}

/// The format that costs least: 48 kHz before the device's own rate, mono before stereo, floats before integers.
fn choose_format(
    ranges: impl Iterator<Item = SupportedStreamConfigRange>,
    default: impl FnOnce() -> Option<SupportedStreamConfig>,
) -> Result<(Format, StreamConfig), DeviceError> {
    let (cost, best) = ranges
        .filter_map(|range| {
            let format = Format::of(range.sample_format())?;
            Some(((!range.contains_rate(RATE_HZ), range.channels(), format), range))
        })
        .min_by_key(|(cost, _)| *cost)
        .ok_or(DeviceError::Unsupported)?;
    let (other_rate, _, format) = cost;
    let rate = if other_rate {
        let own = default().map(|config| config.sample_rate()).filter(|rate| best.contains_rate(*rate));
        own.unwrap_or(best.max_sample_rate())
    } else {
        RATE_HZ
    };
    let config = best.try_with_sample_rate(rate).ok_or(DeviceError::Unsupported)?;
    Ok((format, config.config()))
}

/// How much a callback is to carry, in milliseconds.
///
/// A sound server is another process. cpal lets PulseAudio keep twice this for a speaker, and once this for a
/// microphone: what does not fit is thrown away. A busy machine makes server or client wait for 10 ms several times a
/// minute, which must not be heard; and cpal does not tell when it happened, so there is nothing to adapt by.
fn period_ms(device: &Device) -> u32 {
    #[cfg(target_os = "linux")]
    if device.id().is_ok_and(|id| id.host() == ::cpal::HostId::PulseAudio) {
        return 20;
    }
    let _ = device;
    10
}

/// Builds with callbacks of `period_ms`, or with the device's own if it refuses: by default PulseAudio buffers 2 s,
/// while the ALSA plugin to it and some cards know their own size only.
fn with_either_buffer<T>(
    config: StreamConfig,
    period_ms: u32,
    mut build: impl FnMut(StreamConfig) -> Result<T, ::cpal::Error>,
) -> Result<T, DeviceError> {
    let fixed = StreamConfig {
        buffer_size: BufferSize::Fixed((config.sample_rate * period_ms / 1000).max(1)),
        ..config
    };
    match build(fixed) {
        Ok(built) => Ok(built),
        Err(error) if device_error(&error) == DeviceError::Unsupported => {
            build(config).map_err(|e| device_error(&e))
        }
        Err(error) => Err(device_error(&error)),
    }
}

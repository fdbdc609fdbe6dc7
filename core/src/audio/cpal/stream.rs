//! Building a stream: the format, the ring, the callbacks.

use std::sync::Arc;

use ::cpal::traits::{DeviceTrait, StreamTrait};
use ::cpal::{
    BufferSize, Data, Device, SampleFormat, Stream, StreamConfig, SupportedStreamConfig,
    SupportedStreamConfigRange,
};

use super::host::{ANSWER_WITHIN, device_error};
use crate::audio::callback::{CallbackCounters, DeviceSample, OnCapture, OnPlayback};
use crate::audio::device::{CaptureEnd, DeviceError, DeviceKind, PlaybackEnd};
use crate::audio::ring::{capture_ring, playback_ring};
use crate::audio::{FRAME, RATE_HZ};

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
        let ranges = device.supported_input_configs().map_err(|e| device_error(&e))?;
        let format =
            choose_format(ranges, || device.default_input_config().ok()).ok_or(DeviceError::Unsupported)?;
        with_either_buffer(&format, |config| {
            let (mut callback, ring) = capture_ring(config.sample_rate, config.channels);
            let counters = ring.counters().clone();
            let errors = counters.clone();
            let stream = device.build_input_stream_raw(
                config,
                format.sample_format(),
                move |data, _| on_capture(&mut callback, data),
                move |_| errors.on_error(),
                Some(ANSWER_WITHIN),
            )?;
            Ok((Running { stream, counters }, CaptureEnd::Ring(ring)))
        })
    }
}

impl Direction for Playback {
    type End = PlaybackEnd;
    const KIND: DeviceKind = DeviceKind::Playback;

    fn build(device: &Device) -> Result<(Running, PlaybackEnd), DeviceError> {
        let ranges = device.supported_output_configs().map_err(|e| device_error(&e))?;
        let format =
            choose_format(ranges, || device.default_output_config().ok()).ok_or(DeviceError::Unsupported)?;
        with_either_buffer(&format, |config| {
            let (mut callback, ring) = playback_ring(config.sample_rate, config.channels);
            let counters = ring.counters().clone();
            let errors = counters.clone();
            let stream = device.build_output_stream_raw(
                config,
                format.sample_format(),
                move |data, _| on_playback(&mut callback, data),
                move |_| errors.on_error(),
                Some(ANSWER_WITHIN),
            )?;
            Ok((Running { stream, counters }, PlaybackEnd::Ring(ring)))
        })
    }
}

/// The format that costs least: floats before integers, mono before stereo, 48 kHz before the device's own rate.
fn choose_format(
    ranges: impl Iterator<Item = SupportedStreamConfigRange>,
    default: impl FnOnce() -> Option<SupportedStreamConfig>,
) -> Option<SupportedStreamConfig> {
    let cost = |range: &SupportedStreamConfigRange| {
        let format = match range.sample_format() {
            SampleFormat::F32 => 0,
            SampleFormat::I16 => 1,
            SampleFormat::I32 => 2,
            SampleFormat::U8 => 3,
            _ => return None,
        };
        Some((!range.contains_rate(RATE_HZ), range.channels(), format))
    };
    let (_, best) = ranges.filter_map(|range| Some((cost(&range)?, range))).min_by_key(|(cost, _)| *cost)?;
    if best.contains_rate(RATE_HZ) {
        return best.try_with_sample_rate(RATE_HZ);
    }
    let own_rate = default().map(|config| config.sample_rate()).filter(|rate| best.contains_rate(*rate));
    best.try_with_sample_rate(own_rate.unwrap_or(best.max_sample_rate()))
}

/// Builds with callbacks of 10 ms, or with the device's own if it refuses: by default PulseAudio buffers 2 s, while the
/// ALSA plugin to it and some cards know their own size only.
fn with_either_buffer<T>(
    format: &SupportedStreamConfig,
    mut build: impl FnMut(StreamConfig) -> Result<T, ::cpal::Error>,
) -> Result<T, DeviceError> {
    let frames = u32::try_from(FRAME).unwrap_or(RATE_HZ / 100) * format.sample_rate() / RATE_HZ;
    let config = StreamConfig { buffer_size: BufferSize::Fixed(frames), ..format.config() };
    match build(config) {
        Ok(built) => Ok(built),
        Err(error) if device_error(&error) == DeviceError::Unsupported => {
            build(format.config()).map_err(|e| device_error(&e))
        }
        Err(error) => Err(device_error(&error)),
    }
}

fn on_capture(callback: &mut OnCapture, data: &Data) {
    fn feed<S: DeviceSample + ::cpal::SizedSample>(callback: &mut OnCapture, data: &Data) {
        if let Some(samples) = data.as_slice::<S>() {
            callback.on_samples(samples);
        }
    }
    match data.sample_format() {
        SampleFormat::F32 => feed::<f32>(callback, data),
        SampleFormat::I16 => feed::<i16>(callback, data),
        SampleFormat::I32 => feed::<i32>(callback, data),
        SampleFormat::U8 => feed::<u8>(callback, data),
        // `choose_format` chooses no other.
        _ => {}
    }
}

fn on_playback(callback: &mut OnPlayback, data: &mut Data) {
    fn fill<S: DeviceSample + ::cpal::SizedSample>(callback: &mut OnPlayback, data: &mut Data) {
        if let Some(samples) = data.as_slice_mut::<S>() {
            callback.on_samples(samples);
        }
    }
    match data.sample_format() {
        SampleFormat::F32 => fill::<f32>(callback, data),
        SampleFormat::I16 => fill::<i16>(callback, data),
        SampleFormat::I32 => fill::<i32>(callback, data),
        SampleFormat::U8 => fill::<u8>(callback, data),
        // `choose_format` chooses no other.
        _ => {}
    }
}

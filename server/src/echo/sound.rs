//! The sound devices of an echo: what is played comes back from the microphone after a delay.
//!
//! ```text
//! speaker --> [ delay line ] --+--> microphone
//!                  greeting ---+
//! ```
//!
//! Both ends belong to the audio engine of one phone, which calls them on one thread; the lock between them is never
//! contended.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback::BoxFuture;
use ringback::audio::device::{CaptureEnd, DeviceReport, OpenDevice, PlaybackEnd, Reports, Sink, Source};
use ringback::audio::{
    AudioDevice, AudioDeviceId, AudioDevices, DeviceChoice, DeviceError, DeviceKind, FRAME, RATE_HZ,
};

/// A speaker that a microphone hears. Clones are the same devices.
#[derive(Debug, Clone)]
pub(super) struct EchoDevices(Arc<Mutex<Line>>);

#[derive(Debug)]
struct Line {
    waiting: VecDeque<f32>,
    delay_samples: usize,
    /// The next sample of the greeting; `None`: it is not being said.
    greeting: Option<usize>,
}

impl EchoDevices {
    pub(super) fn new(delay: Duration) -> Self {
        let delay_samples = (delay.as_secs_f64() * f64::from(RATE_HZ)) as usize;
        Self(Arc::new(Mutex::new(Line { waiting: VecDeque::new(), delay_samples, greeting: None })))
    }

    /// Says the greeting, from its beginning.
    pub(super) fn greet(&self) {
        self.line().greeting = Some(0);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AudioDevices for EchoDevices {
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let device = |kind| AudioDevice {
            id: AudioDeviceId(NAME.to_owned()),
            name: NAME.to_owned(),
            kind,
            is_default: true,
        };
        Ok(vec![device(DeviceKind::Capture), device(DeviceKind::Playback)])
    }

    fn open_capture(&self, _: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice {
        // Nobody hears the end of the call before.
        self.line().waiting.clear();
        let end = CaptureEnd::Clocked(Box::new(Microphone(self.clone())));
        // The queue is new and empty: there is room.
        reports.try_report(DeviceReport::Opened { end, name: NAME.to_owned() });
        OpenDevice::without_guard()
    }

    fn open_playback(&self, _: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice {
        let end = PlaybackEnd::Clocked(Box::new(Speaker(self.clone())));
        reports.try_report(DeviceReport::Opened { end, name: NAME.to_owned() });
        OpenDevice::without_guard()
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct Speaker(EchoDevices);

impl Sink for Speaker {
    fn push(&mut self, frame: &[f32; FRAME]) -> Result<(), DeviceError> {
        self.0.line().put(frame);
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

struct Microphone(EchoDevices);

impl Source for Microphone {
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError> {
        self.0.line().take(frame);
        Ok(())
    }

    fn is_live(&self) -> bool {
        false
    }
}

impl Line {
    fn put(&mut self, frame: &[f32; FRAME]) {
        self.waiting.extend(frame);
        // A microphone that is closed takes nothing: what is too old goes.
        let surplus = self.waiting.len().saturating_sub(self.delay_samples + SLACK);
        self.waiting.drain(..surplus);
    }

    fn take(&mut self, frame: &mut [f32; FRAME]) {
        let due = self.waiting.len() >= self.delay_samples + FRAME;
        for sample in frame.iter_mut() {
            let heard = if due { self.waiting.pop_front().unwrap_or_default() } else { 0.0 };
            *sample = heard * GAIN;
        }
        let Some(start) = self.greeting else { return };
        for (at, sample) in (start..).zip(frame.iter_mut()) {
            *sample += greeting(at);
        }
        self.greeting = (start + FRAME < GREETING).then_some(start + FRAME);
    }
}

/// A sample of two notes, a fifth apart, each with soft edges.
fn greeting(at: usize) -> f32 {
    let (note, within) = (at / NOTE, at % NOTE);
    let Some(&frequency_hz) = NOTES_HZ.get(note) else { return 0.0 };
    let edge = within.min(NOTE - within) as f32 / EDGE as f32;
    let phase = (within as f32 * frequency_hz / RATE_HZ as f32).fract();
    LOUDNESS * edge.min(1.0) * (phase * TAU).sin()
}

const NAME: &str = "echo";
/// 3 dB down: where the caller's microphone hears its own speaker, each round gets quieter.
const GAIN: f32 = 0.707;
/// The engine moves 20 ms at a time when nothing is live; the rest is for a late start of the microphone.
const SLACK: usize = RATE_HZ as usize / 10;
/// 660 Hz and a fifth above: no progress tone of any country.
const NOTES_HZ: [f32; 2] = [660.0, 990.0];
/// 250 ms a note: over before the first echo, and long enough to be told from the first loss of a call.
const NOTE: usize = RATE_HZ as usize / 4;
const GREETING: usize = NOTES_HZ.len() * NOTE;
/// 10 ms, so that a note does not click.
const EDGE: usize = RATE_HZ as usize / 100;
/// -17 dBFS.
const LOUDNESS: f32 = 0.14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_comes_back_once_after_the_delay_and_quieter() {
        let devices = EchoDevices::new(Duration::from_millis(100));
        let mut heard = Vec::new();
        for tick in 0..20 {
            devices.line().put(&[if tick == 0 { 0.5 } else { 0.0 }; FRAME]);
            let mut frame = [0.0; FRAME];
            devices.line().take(&mut frame);
            heard.extend(frame);
        }
        let first = heard.iter().position(|&sample| sample != 0.0).unwrap();
        assert_eq!(first, RATE_HZ as usize / 10);
        assert_eq!(heard.iter().filter(|&&sample| sample != 0.0).count(), FRAME);
        assert!((heard[first] - 0.5 * GAIN).abs() < 1e-6);
    }

    #[test]
    fn a_closed_microphone_does_not_make_the_delay_grow() {
        let devices = EchoDevices::new(Duration::from_millis(100));
        for _ in 0..1000 {
            devices.line().put(&[0.1; FRAME]);
        }
        assert!(devices.line().waiting.len() <= RATE_HZ as usize / 10 + SLACK);
    }

    #[test]
    fn the_greeting_is_heard_once_and_ends() {
        let devices = EchoDevices::new(Duration::from_millis(700));
        devices.greet();
        let mut loud_frames = 0;
        for _ in 0..100 {
            let mut frame = [0.0; FRAME];
            devices.line().take(&mut frame);
            assert!(frame.iter().all(|sample| sample.abs() <= LOUDNESS));
            loud_frames += usize::from(frame.iter().any(|sample| sample.abs() > LOUDNESS / 2.0));
        }
        assert_eq!(loud_frames, GREETING / FRAME);
    }
}

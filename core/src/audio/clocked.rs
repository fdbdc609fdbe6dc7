//! Devices without hardware: any source, any sink, and pairs of devices.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::BoxFuture;
use crate::audio::device::{
    AudioDevice, AudioDeviceId, AudioDevices, CaptureEnd, DeviceChoice, DeviceError, DeviceKind,
    DeviceReport, OpenDevice, PlaybackEnd, Reports, Sink, Source,
};
use crate::audio::file::{WavSink, WavSource};
use crate::audio::synthetic::{NullSink, SilenceSource, ToneSource};
use crate::audio::tap::{CaptureTapPort, PlaybackTapPort};

/// Where the sound of [`ClockedDevices`] comes from.
#[derive(Clone)]
pub enum CaptureFrom {
    /// A WAV file, from its beginning each time the microphone opens.
    Wav {
        /// The file.
        path: PathBuf,
        /// Starts it over at its end.
        repeat: bool,
    },
    /// A steady sine.
    Tone {
        /// Hertz.
        frequency_hz: f32,
        /// 0 is a full-scale sine.
        level_dbfs: f32,
    },
    /// Silence.
    Silence,
    /// The app.
    Tap(CaptureTapPort),
    /// No microphone: opening it fails with this error.
    Failing(DeviceError),
}

/// Where the sound of [`ClockedDevices`] goes.
#[derive(Clone)]
pub enum PlaybackTo {
    /// A WAV file; it is emptied at the first opening, later ones append.
    Wav(PathBuf),
    /// Nowhere.
    Null,
    /// The app.
    Tap(PlaybackTapPort),
    /// No speaker: opening it fails with this error.
    Failing(DeviceError),
}

/// One source and one sink, clocked by the engine's tick. There is nothing to choose from.
pub struct ClockedDevices {
    capture: CaptureFrom,
    playback: PlaybackTo,
    written: AtomicBool,
}

impl ClockedDevices {
    /// Devices of this source and this sink.
    pub fn new(capture: CaptureFrom, playback: PlaybackTo) -> Self {
        Self { capture, playback, written: AtomicBool::new(false) }
    }

    fn source(&self) -> Result<Box<dyn Source>, DeviceError> {
        Ok(match &self.capture {
            CaptureFrom::Wav { path, repeat } => Box::new(WavSource::open(path, *repeat)?),
            CaptureFrom::Tone { frequency_hz, level_dbfs } => {
                Box::new(ToneSource::new(*frequency_hz, *level_dbfs))
            }
            CaptureFrom::Silence => Box::new(SilenceSource),
            CaptureFrom::Tap(port) => Box::new(port.open()?),
            CaptureFrom::Failing(error) => return Err(error.clone()),
        })
    }

    fn sink(&self) -> Result<Box<dyn Sink>, DeviceError> {
        Ok(match &self.playback {
            PlaybackTo::Wav(path) if self.written.swap(true, Relaxed) => Box::new(WavSink::append(path)?),
            PlaybackTo::Wav(path) => Box::new(WavSink::create(path)?),
            PlaybackTo::Null => Box::new(NullSink),
            PlaybackTo::Tap(port) => Box::new(port.open()?),
            PlaybackTo::Failing(error) => return Err(error.clone()),
        })
    }

    fn capture_name(&self) -> &'static str {
        match self.capture {
            CaptureFrom::Wav { .. } => "file",
            CaptureFrom::Tone { .. } => "tone",
            CaptureFrom::Silence => "silence",
            CaptureFrom::Tap(_) => "tap",
            CaptureFrom::Failing(_) => "none",
        }
    }

    fn playback_name(&self) -> &'static str {
        match self.playback {
            PlaybackTo::Wav(_) => "file",
            PlaybackTo::Null => "null",
            PlaybackTo::Tap(_) => "tap",
            PlaybackTo::Failing(_) => "none",
        }
    }
}

impl AudioDevices for ClockedDevices {
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let device = |kind, name: &str| AudioDevice {
            id: AudioDeviceId(name.to_owned()),
            name: name.to_owned(),
            kind,
            is_default: true,
        };
        Ok(vec![
            device(DeviceKind::Capture, self.capture_name()),
            device(DeviceKind::Playback, self.playback_name()),
        ])
    }

    fn open_capture(&self, choice: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice {
        let name = self.capture_name();
        let opened = check_choice(choice, name).and_then(|()| self.source()).map(CaptureEnd::Clocked);
        report(opened, name, &reports)
    }

    fn open_playback(&self, choice: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice {
        let name = self.playback_name();
        let opened = check_choice(choice, name).and_then(|()| self.sink()).map(PlaybackEnd::Clocked);
        report(opened, name, &reports)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The microphone of some devices, the speaker of others.
pub struct SplitDevices {
    capture: Arc<dyn AudioDevices>,
    playback: Arc<dyn AudioDevices>,
}

impl SplitDevices {
    /// Captures from the first, plays on the second.
    pub fn new(capture: Arc<dyn AudioDevices>, playback: Arc<dyn AudioDevices>) -> Self {
        Self { capture, playback }
    }
}

impl AudioDevices for SplitDevices {
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let mut devices = self.capture.list()?;
        devices.retain(|d| d.kind == DeviceKind::Capture);
        devices.extend(self.playback.list()?.into_iter().filter(|d| d.kind == DeviceKind::Playback));
        Ok(devices)
    }

    fn open_capture(&self, choice: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice {
        self.capture.open_capture(choice, reports)
    }

    fn open_playback(&self, choice: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice {
        self.playback.open_playback(choice, reports)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.capture.closed().await;
            self.playback.closed().await;
        })
    }
}

fn check_choice(choice: &DeviceChoice, name: &str) -> Result<(), DeviceError> {
    match choice {
        DeviceChoice::Id(id) if id.0 != name => Err(DeviceError::UnknownDevice(id.clone())),
        DeviceChoice::Id(_) | DeviceChoice::Default => Ok(()),
    }
}

fn report<End>(opened: Result<End, DeviceError>, name: &str, reports: &Reports<End>) -> OpenDevice {
    // The queue is new and empty: there is room.
    reports.try_report(match opened {
        Ok(end) => DeviceReport::Opened { end, name: name.to_owned() },
        Err(error) => DeviceReport::Failed(error),
    });
    OpenDevice::without_guard()
}

//! The port `AudioDevices`: what records and what plays.
//!
//! Opening never waits: the outcome comes as a [`DeviceReport`], and a device that is lost and rebuilt reports a new
//! end. A real device hands over one end of a lock-free ring ([`super::ring`]) that its callback fills or empties; a
//! source or sink without a clock of its own (file, tone, tap) is asked once per tick of the engine instead.
//!
//! ```text
//! engine -- open_capture(choice, reports) --> devices        (returns at once, dropping the result closes)
//!        <-- Opened{end} .. Lost .. Opened{end} .. Failed -- (at most 8 reports wait; the engine reads every 10 ms)
//! ```

use std::fmt;
use std::io;
use std::sync::mpsc;

use crate::BoxFuture;
use crate::audio::FRAME;
use crate::audio::ring::{CaptureRing, PlaybackRing};
use crate::proto::MicrophoneFailure;

/// What records and what plays.
pub trait AudioDevices: Send + Sync + 'static {
    /// The devices of now. May block for a few round trips to a sound server: call it off the async threads.
    ///
    /// # Errors
    /// The list could not be had; trying again later may work.
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError>;

    /// Starts to open a microphone. Never waits.
    fn open_capture(&self, choice: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice;

    /// Starts to open a speaker. Never waits.
    fn open_playback(&self, choice: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice;

    /// Returns when nothing of a closed device is left, after one second at most.
    fn closed(&self) -> BoxFuture<'_, ()>;
}

/// A device, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioDevice {
    /// Names it to [`DeviceChoice::Id`]; the same across restarts where the platform can.
    pub id: AudioDeviceId,
    /// For people to read.
    pub name: String,
    /// Microphone or speaker.
    pub kind: DeviceKind,
    /// The system's default of its kind.
    pub is_default: bool,
}

/// The platform's name of a sound device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AudioDeviceId(pub String);

impl fmt::Display for AudioDeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way a device carries sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// A microphone.
    Capture,
    /// A speaker.
    Playback,
}

/// Which device to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The system's default, followed when it changes.
    #[default]
    Default,
    /// This one; the default while it is gone.
    Id(AudioDeviceId),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// There is no device of this kind.
    #[error("there is no sound device: connect one, or start the sound server")]
    NoDevice,
    /// The chosen device does not exist.
    #[error("there is no sound device {0}: list the devices and choose one of them")]
    UnknownDevice(AudioDeviceId),
    /// The system or the user refused access.
    #[error("access to the sound device was refused: allow it in the system's settings")]
    Denied,
    /// Another program holds it.
    #[error("another program holds the sound device: close it, or choose another device")]
    InUse,
    /// The sound server cannot be reached.
    #[error("the sound server cannot be reached: start it")]
    NoServer,
    /// The device offers no format that we can use.
    #[error("the sound device offers no format that can be used")]
    Unsupported,
    /// It worked and then stopped.
    #[error("the sound device stopped working")]
    Lost,
    /// A file cannot be read or written.
    #[error("the sound file cannot be used: {0}")]
    File(io::ErrorKind),
    /// A file is not a WAV file of 8 to 32 bits.
    #[error("the file is not a WAV file with integer or float samples")]
    NotWav,
}

impl DeviceError {
    /// What call control says of a microphone that failed like this.
    pub fn as_microphone_failure(&self) -> MicrophoneFailure {
        match self {
            DeviceError::Denied | DeviceError::File(io::ErrorKind::PermissionDenied) => {
                MicrophoneFailure::Denied
            }
            DeviceError::InUse => MicrophoneFailure::InUse,
            DeviceError::NoDevice
            | DeviceError::UnknownDevice(_)
            | DeviceError::NoServer
            | DeviceError::Unsupported
            | DeviceError::Lost
            | DeviceError::File(_)
            | DeviceError::NotWav => MicrophoneFailure::Missing,
        }
    }
}

/// Where captured sound comes from.
pub enum CaptureEnd {
    /// A device with its own clock.
    Ring(CaptureRing),
    /// A source that the engine's tick clocks.
    Clocked(Box<dyn Source>),
}

/// Where played sound goes.
pub enum PlaybackEnd {
    /// A device with its own clock.
    Ring(PlaybackRing),
    /// A sink that the engine's tick clocks.
    Clocked(Box<dyn Sink>),
}

/// Sound without a clock of its own.
pub trait Source: Send {
    /// Writes the next 10 ms, 48 kHz mono. A source that has ended writes silence.
    ///
    /// # Errors
    /// The source is broken; it is not asked again.
    fn pull(&mut self, frame: &mut [f32; FRAME]) -> Result<(), DeviceError>;

    /// Whether somebody is waited for or waits, so that every 10 ms count. Default true. If neither source nor sink is
    /// live, the engine wakes half as often and moves 20 ms at a time.
    fn is_live(&self) -> bool {
        true
    }
}

/// A taker of sound without a clock of its own.
pub trait Sink: Send {
    /// Takes the next 10 ms, 48 kHz mono.
    ///
    /// # Errors
    /// The sink is broken; it is not asked again.
    fn push(&mut self, frame: &[f32; FRAME]) -> Result<(), DeviceError>;

    /// As [`Source::is_live`].
    fn is_live(&self) -> bool {
        true
    }
}

/// What became of an opening.
pub enum DeviceReport<End> {
    /// It is open: here is our end, which replaces the one before.
    Opened {
        /// Our end.
        end: End,
        /// The device, for people to read.
        name: String,
    },
    /// It stopped; the devices are at work on a new end.
    Lost,
    /// It cannot be opened, or has been lost for too long. A later `Opened` is possible.
    Failed(DeviceError),
}

/// The way of an open device to report; bounded, the newest report is dropped when full.
pub struct Reports<End>(mpsc::SyncSender<DeviceReport<End>>);

impl<End> Clone for Reports<End> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<End> Reports<End> {
    /// A way to report, and where the reports come out.
    pub fn channel() -> (Self, mpsc::Receiver<DeviceReport<End>>) {
        // The engine reads every 10 ms; a rebuild makes two reports and never comes twice within 50 ms.
        let (tx, rx) = mpsc::sync_channel(8);
        (Self(tx), rx)
    }

    /// Reports. False if the engine has closed the device, or reads no reports.
    pub fn try_report(&self, report: DeviceReport<End>) -> bool {
        self.0.try_send(report).is_ok()
    }
}

/// A device that is open or being opened; dropping it closes the device and never waits.
pub struct OpenDevice {
    _close: Option<Box<dyn Send>>,
}

impl OpenDevice {
    /// A device whose `guard` closes it when dropped.
    pub fn new(guard: impl Send + 'static) -> Self {
        Self { _close: Some(Box::new(guard)) }
    }

    /// A device with nothing to close: its end is all there is.
    pub fn without_guard() -> Self {
        Self { _close: None }
    }
}

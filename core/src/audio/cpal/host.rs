//! The sound system that cpal talks to, and its devices.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use ::cpal::traits::{DeviceTrait, HostTrait};
use ::cpal::{Device, ErrorKind, Host};

use crate::audio::device::{AudioDevice, AudioDeviceId, DeviceChoice, DeviceError, DeviceKind};

/// Whether ALSA will do when there is no sound server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrCards {
    Yes,
    No,
}

/// A connection to the sound system.
pub(super) struct Backend {
    host: Host,
    is_server: bool,
}

impl Backend {
    /// Connects to the sound server if its socket is there, else to what the system has (`or_cards`).
    ///
    /// # Errors
    /// There is no sound system to talk to.
    pub(super) fn connect(or_cards: OrCards) -> Result<Self, DeviceError> {
        #[cfg(target_os = "linux")]
        {
            use ::cpal::HostId;
            if ::cpal::available_hosts().contains(&HostId::PulseAudio) {
                return match ::cpal::host_from_id(HostId::PulseAudio) {
                    Ok(host) => Ok(Self { host, is_server: true }),
                    // Its client calls a socket without a server behind it a failure of I/O.
                    Err(error) if device_error(&error) == DeviceError::Denied => Err(DeviceError::Denied),
                    Err(_) => Err(DeviceError::NoServer),
                };
            }
            if or_cards == OrCards::No {
                return Err(DeviceError::NoServer);
            }
            let host = ::cpal::host_from_id(HostId::Alsa).map_err(|e| device_error(&e))?;
            Ok(Self { host, is_server: false })
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = or_cards;
            Ok(Self { host: ::cpal::default_host(), is_server: false })
        }
    }

    /// Whether the cards will do, should this connection break: a sound server is back within seconds.
    pub(super) fn or_cards(&self) -> OrCards {
        if self.is_server { OrCards::No } else { OrCards::Yes }
    }

    /// Every device, with the defaults marked. Monitors (the record of a speaker) are left out; they can be chosen.
    pub(super) fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let mut devices = Vec::new();
        let defaults = [DeviceKind::Capture, DeviceKind::Playback].map(|kind| self.default_id(kind));
        for device in self.host.devices().map_err(|e| device_error(&e))? {
            let Ok(id) = device.id() else { continue };
            let id = AudioDeviceId(id.to_string());
            let name = device.description().map_or_else(|_| id.0.clone(), |d| d.name().to_owned());
            if device.supports_input() && !id.0.ends_with(".monitor") {
                let is_default = defaults[0].as_ref() == Some(&id);
                devices.push(AudioDevice {
                    id: id.clone(),
                    name: name.clone(),
                    kind: DeviceKind::Capture,
                    is_default,
                });
            }
            if device.supports_output() {
                let is_default = defaults[1].as_ref() == Some(&id);
                devices.push(AudioDevice { id, name, kind: DeviceKind::Playback, is_default });
            }
        }
        Ok(devices)
    }

    /// The chosen device. `or_default`: the default will do if the chosen one is gone.
    pub(super) fn find(
        &self,
        kind: DeviceKind,
        choice: &DeviceChoice,
        or_default: bool,
    ) -> Result<(Device, AudioDeviceId), DeviceError> {
        let DeviceChoice::Id(id) = choice else { return self.default_device(kind) };
        let chosen =
            self.host.devices().map_err(|e| device_error(&e))?.find(|device| {
                device.id().is_ok_and(|own| own.to_string() == id.0) && supports(device, kind)
            });
        match chosen {
            Some(device) => Ok((device, id.clone())),
            None if or_default => self.default_device(kind),
            None => Err(DeviceError::UnknownDevice(id.clone())),
        }
    }

    /// The id of the default device.
    pub(super) fn default_id(&self, kind: DeviceKind) -> Option<AudioDeviceId> {
        self.default_device(kind).ok().map(|(_, id)| id)
    }

    fn default_device(&self, kind: DeviceKind) -> Result<(Device, AudioDeviceId), DeviceError> {
        let device = match kind {
            DeviceKind::Capture => self.host.default_input_device(),
            DeviceKind::Playback => self.host.default_output_device(),
        };
        let device = device.ok_or(DeviceError::NoDevice)?;
        let id = device.id().map_err(|e| device_error(&e))?;
        Ok((device, AudioDeviceId(id.to_string())))
    }

    /// Ends a connection that no stream uses any more.
    ///
    /// The client of the sound server (crate pulseaudio 0.3.2) has a thread that notices the end of its last owner only
    /// after something else woke it. So the last owner is a stream that was made for this: the answer to its removal
    /// wakes the thread, which then throws the stream's callback away, and that waits until the owner is gone. A
    /// monitor is taken before a microphone, and the stream never runs. On a server without any of them the thread
    /// stays until the server goes.
    pub(super) fn retire(self) {
        if !self.is_server {
            return;
        }
        let Ok(devices) = self.host.devices() else { return };
        let is_monitor = |device: &Device| device.id().is_ok_and(|id| id.to_string().ends_with(".monitor"));
        let Some(device) = devices.filter(|device| device.supports_input()).max_by_key(is_monitor) else {
            return;
        };
        let (owner, last) = last_owner();
        let config = ::cpal::StreamConfig {
            channels: 1,
            sample_rate: crate::audio::RATE_HZ,
            buffer_size: ::cpal::BufferSize::Default,
        };
        let unheard = move |_: &[f32], _: &::cpal::InputCallbackInfo| last.stay();
        let stream = device.build_input_stream(config, unheard, |_| {}, Some(ANSWER_WITHIN));
        drop(device);
        drop(self);
        if stream.is_ok() {
            owner.arm();
        }
        drop(stream);
        drop(owner);
    }
}

/// Dropped when everything else is.
struct Owner {
    armed: Arc<AtomicBool>,
    _gone: mpsc::SyncSender<()>,
}

/// Waits for the owner's end when it is dropped, once it is armed.
struct AfterOwner {
    armed: Arc<AtomicBool>,
    gone: mpsc::Receiver<()>,
}

fn last_owner() -> (Owner, AfterOwner) {
    // Nothing is ever sent.
    let (tx, gone) = mpsc::sync_channel(0);
    let armed = Arc::new(AtomicBool::new(false));
    (Owner { armed: armed.clone(), _gone: tx }, AfterOwner { armed, gone })
}

impl Owner {
    fn arm(&self) {
        self.armed.store(true, Relaxed);
    }
}

impl AfterOwner {
    /// Keeps it in a callback.
    fn stay(&self) {}
}

impl Drop for AfterOwner {
    fn drop(&mut self) {
        if self.armed.load(Relaxed) {
            let _ = self.gone.recv_timeout(ANSWER_WITHIN);
        }
    }
}

/// What a device says of itself.
pub(super) fn name(device: &Device) -> String {
    device.description().map_or_else(|_| "unnamed".to_owned(), |d| d.name().to_owned())
}

/// What an error of cpal means to us.
#[allow(clippy::wildcard_enum_match_arm, reason = "cpal may add kinds; what we do not know is a loss")]
pub(super) fn device_error(error: &::cpal::Error) -> DeviceError {
    match error.kind() {
        ErrorKind::PermissionDenied => DeviceError::Denied,
        ErrorKind::DeviceBusy => DeviceError::InUse,
        ErrorKind::HostUnavailable => DeviceError::NoServer,
        ErrorKind::DeviceNotAvailable => DeviceError::NoDevice,
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation | ErrorKind::InvalidInput => {
            DeviceError::Unsupported
        }
        _ => DeviceError::Lost,
    }
}

fn supports(device: &Device, kind: DeviceKind) -> bool {
    match kind {
        DeviceKind::Capture => device.supports_input(),
        DeviceKind::Playback => device.supports_output(),
    }
}

/// A sound server answers within a millisecond; one that takes longer than this hangs.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

//! The devices of a desktop, through the crate cpal.
//!
//! On Linux the sound server (PulseAudio, or PipeWire in its place) is used if its socket is there, else ALSA.
//! An open direction has one thread of ours that owns the stream, watches it and rebuilds it; it lives until the
//! direction is closed.
//!
//! | what happens | how it is noticed | what follows |
//! |---|---|---|
//! | the stream fails | the error callback sets a flag, read every 100 ms | rebuilt, at once and then with back-off |
//! | callbacks stop without a word | their count stands still for 500 ms | rebuilt |
//! | the system's default changes | asked once a second | moved there, if the default was chosen |
//! | the chosen device vanishes | its stream fails | the default is used until it is back |
//! | the sound server restarts | the stream fails | rebuilt with a new connection to the server; cards are tried after 10 s |
//! | nothing works for 10 s | | reported as failed; attempts go on |

mod host;
mod stream;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::host::{Backend, OrCards};
use self::supervisor::{Supervisor, supervise};
use crate::BoxFuture;
use crate::audio::device::{
    AudioDevice, AudioDevices, CaptureEnd, DeviceChoice, DeviceError, OpenDevice, PlaybackEnd, Reports,
};

/// The devices of a desktop.
#[derive(Clone)]
pub struct CpalDevices {
    /// How many supervisors live.
    living: Arc<watch::Sender<usize>>,
}

impl CpalDevices {
    /// The devices of this machine. Nothing is opened yet.
    pub fn new() -> Self {
        Self { living: Arc::new(watch::channel(0).0) }
    }

    fn open<D: stream::Direction>(&self, choice: &DeviceChoice, reports: Reports<D::End>) -> OpenDevice {
        let living = Living::new(self.living.clone());
        let supervisor = Supervisor::<D>::new(choice.clone(), reports, living);
        supervise(supervisor).map_or_else(OpenDevice::without_guard, OpenDevice::new)
    }
}

impl Default for CpalDevices {
    fn default() -> Self {
        Self::new()
    }
}

impl AudioDevices for CpalDevices {
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let backend = Backend::connect(OrCards::Yes)?;
        let devices = backend.list();
        backend.retire();
        devices
    }

    fn open_capture(&self, choice: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice {
        self.open::<stream::Capture>(choice, reports)
    }

    fn open_playback(&self, choice: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice {
        self.open::<stream::Playback>(choice, reports)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let mut living = self.living.subscribe();
        Box::pin(async move {
            if tokio::time::timeout(CLOSE_WITHIN, living.wait_for(|living| *living == 0)).await.is_err() {
                tracing::warn!("a sound device does not close");
            }
        })
    }
}

/// Counts a supervisor while it lives.
struct Living(Arc<watch::Sender<usize>>);

impl Living {
    fn new(living: Arc<watch::Sender<usize>>) -> Self {
        living.send_modify(|n| *n += 1);
        Self(living)
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

/// A sound server that hangs must not hold up the end of a phone.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

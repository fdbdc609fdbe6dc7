//! The door to the audio engine: orders in, events out.
//!
//! Nothing here waits for sound or devices. Orders are kept by their latest value until the next tick; there is no queue that
//! could overflow. Events go through a queue of 256; when it is half full, levels are left out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::audio::codec::{CodecError, EncoderConfig};
use crate::audio::device::{AudioDevice, AudioDevices, DeviceChoice, DeviceError, DeviceKind};
use crate::audio::engine::Engine;
use crate::audio::leg::AudioStats;
use crate::audio::run::Runner;
use crate::audio::tones::TonePlan;
#[cfg(feature = "diagnose")]
use crate::audio::trial::try_open;
use crate::media::link::SoundLink;
use crate::proto::ConnId;
use crate::proto::call::{AudioInput, AudioPlan};

/// How the engine is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AudioConfig {
    /// Who calls the tick.
    pub clock: ClockMode,
    /// How we encode.
    pub encoder: EncoderConfig,
    /// Whose progress tones.
    pub tones: TonePlan,
    /// Level events from the start. Default off.
    pub levels: bool,
}

/// Who calls the tick every 10 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockMode {
    /// A thread of its own, by the system's clock. The default.
    #[default]
    Thread,
    /// A task on tokio's clock, exactly reproducible when that is paused. For devices without a clock of their own.
    Tokio,
}

/// What happens to sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudioEvent {
    /// For call control.
    Capture(AudioInput),
    /// Another device is in use, or none while a lost one is being rebuilt.
    DeviceInUse {
        /// Microphone or speaker.
        kind: DeviceKind,
        /// For people to read.
        name: Option<String>,
    },
    /// A device cannot be used. The devices go on trying: `DeviceInUse` tells if that succeeds.
    DeviceFailed {
        /// Microphone or speaker.
        kind: DeviceKind,
        /// Why.
        error: DeviceError,
    },
    /// The first sample above -60 dBFS that a connection brought is played; once per connection.
    FirstSound {
        /// The connection.
        conn: ConnId,
        /// When it leaves the ring to the device.
        at: Instant,
    },
    /// The loudest 10 ms that the microphone heard in the last 100 ms, muted or not.
    CaptureLevel {
        /// -127 (silence) to 0 (overload).
        level_dbov: i8,
    },
    /// The loudest 10 ms that a connection brought in the last 100 ms.
    PlaybackLevel {
        /// The connection.
        conn: ConnId,
        /// -127 (silence) to 0 (overload).
        level_dbov: i8,
    },
}

/// The audio engine of a phone.
pub struct AudioEngine;

impl AudioEngine {
    /// Starts an engine; call it inside a tokio runtime. Nothing is opened and no thread runs before a plan asks.
    ///
    /// # Errors
    /// libopus does not work.
    pub fn start(
        devices: Arc<dyn AudioDevices>,
        config: AudioConfig,
    ) -> Result<(AudioHandle, AudioEvents), CodecError> {
        let (events, rx) = mpsc::channel(EVENT_PLACES);
        let board = StatsBoard::default();
        let engine = Engine::new(devices.clone(), &config, EventSender(events), board.clone())?;
        let runner = Runner::new(engine, config.clock);
        let handle = AudioHandle { runner, devices, board, choices: Arc::default() };
        Ok((handle, AudioEvents(rx)))
    }
}

/// Gives orders to the audio engine. Clones are the same engine; dropping the last one closes it.
#[derive(Clone)]
pub struct AudioHandle {
    runner: Runner,
    devices: Arc<dyn AudioDevices>,
    board: StatsBoard,
    /// What was chosen last.
    choices: Arc<Mutex<BTreeMap<DeviceKind, DeviceChoice>>>,
}

impl AudioHandle {
    /// What should be open and played from now on. Never waits; the latest plan counts.
    pub fn apply(&self, plan: AudioPlan) {
        self.runner.order(|orders| orders.plan = Some(plan));
    }

    /// Gives a connection its queues. It has sound once a plan names it.
    pub fn attach(&self, conn: ConnId, link: SoundLink) {
        self.runner.order(|orders| {
            orders.links.insert(conn, Some(link));
        });
    }

    /// Forgets a connection.
    pub fn detach(&self, conn: ConnId) {
        self.runner.order(|orders| {
            orders.links.insert(conn, None);
        });
    }

    /// The devices of now.
    ///
    /// # Errors
    /// The list could not be had; trying again later may work.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind but a list that nobody reads.
    pub async fn devices(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        let devices = self.devices.clone();
        tokio::task::spawn_blocking(move || devices.list()).await.unwrap_or(Err(DeviceError::Lost))
    }

    /// Opens the device of a kind for a moment, beside whatever is open; its name. Takes as long as the device does.
    ///
    /// # Cancel safety
    /// Dropping the future closes the device.
    #[cfg(feature = "diagnose")]
    pub(crate) async fn try_open(&self, kind: DeviceKind) -> Result<String, DeviceError> {
        let choice = self.choices.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned();
        let choice = choice.unwrap_or_default();
        match kind {
            DeviceKind::Capture => try_open(|reports| self.devices.open_capture(&choice, reports)).await,
            DeviceKind::Playback => try_open(|reports| self.devices.open_playback(&choice, reports)).await,
        }
    }

    /// Uses another device from now on, in calls under way too.
    ///
    /// # Errors
    /// [`DeviceError::UnknownDevice`] if there is no such device; the one in use stays.
    ///
    /// # Cancel safety
    /// The choice is made at the end: a dropped future chose nothing.
    pub async fn choose(&self, kind: DeviceKind, choice: DeviceChoice) -> Result<(), DeviceError> {
        if let DeviceChoice::Id(id) = &choice
            && !self.devices().await?.iter().any(|device| device.kind == kind && device.id == *id)
        {
            return Err(DeviceError::UnknownDevice(id.clone()));
        }
        self.choices.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, choice.clone());
        self.runner.order(|orders| {
            orders.choices.insert(kind, choice);
        });
        Ok(())
    }

    /// The volume of what is played: 1 is as it came, 0 is silence, up to 4. Calls under way follow at once.
    pub fn set_volume(&self, volume: f32) {
        let volume = if volume.is_finite() { volume.clamp(0.0, 4.0) } else { 1.0 };
        self.runner.order(|orders| orders.volume = Some(volume));
    }

    /// Whether level events are made.
    pub fn set_levels(&self, on: bool) {
        self.runner.order(|orders| orders.levels = Some(on));
    }

    /// The loss that the worst peer reports, 0 to 1: the encoder prepares for it.
    pub fn set_loss(&self, loss: f32) {
        let percent = (loss.clamp(0.0, 1.0) * 100.0).ceil() as u8;
        self.runner.order(|orders| orders.loss_percent = Some(percent));
    }

    /// The counters of a connection, at most 100 ms old; `None` before its first 100 ms of sound.
    pub fn stats(&self, conn: ConnId) -> Option<AudioStats> {
        self.board.get(conn)
    }

    /// Closes devices, drops links and ends the thread; returns when nothing is left, after 1.5 s at most. Idempotent.
    ///
    /// # Cancel safety
    /// A dropped future does not stop the closing.
    pub async fn close(&self) {
        self.runner.close().await;
        self.devices.closed().await;
    }
}

/// The events of the audio engine.
#[derive(Debug)]
pub struct AudioEvents(mpsc::Receiver<AudioEvent>);

impl AudioEvents {
    /// The next event; `None` once the engine is closed and everything was read.
    ///
    /// # Cancel safety
    /// Safe: an event that was not returned comes next time.
    pub async fn next(&mut self) -> Option<AudioEvent> {
        self.0.recv().await
    }

    /// The next event, if there is one.
    pub fn try_next(&mut self) -> Option<AudioEvent> {
        self.0.try_recv().ok()
    }
}

/// The engine's end of the events.
pub(super) struct EventSender(mpsc::Sender<AudioEvent>);

impl EventSender {
    /// Sends, or drops the event when the 256 places are taken: whoever reads nothing for so long has no use for it.
    pub(super) fn send(&self, event: AudioEvent) {
        let _ = self.0.try_send(event);
    }

    /// Sends only while half of the places are free.
    pub(super) fn send_level(&self, event: AudioEvent) {
        if self.0.capacity() > EVENT_PLACES / 2 {
            self.send(event);
        }
    }
}

/// What was ordered since the engine last looked: the latest value of everything.
#[derive(Default)]
pub(super) struct Orders {
    pub(super) plan: Option<AudioPlan>,
    /// `None`: forget the connection.
    pub(super) links: BTreeMap<ConnId, Option<SoundLink>>,
    pub(super) choices: BTreeMap<DeviceKind, DeviceChoice>,
    pub(super) volume: Option<f32>,
    pub(super) levels: Option<bool>,
    pub(super) loss_percent: Option<u8>,
}

impl Orders {
    /// Whether somebody must look now. What only says how things are to be once they are open can wait.
    pub(super) fn cannot_wait(&self) -> bool {
        self.plan.is_some() || !self.links.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { plan, links, choices, volume, levels, loss_percent } = self;
        plan.is_none()
            && links.is_empty()
            && choices.is_empty()
            && volume.is_none()
            && levels.is_none()
            && loss_percent.is_none()
    }
}

/// The counters of every connection, for whoever asks. Locked for the time of a copy.
#[derive(Clone, Default)]
pub(super) struct StatsBoard(Arc<Mutex<BTreeMap<ConnId, AudioStats>>>);

impl StatsBoard {
    pub(super) fn put(&self, conn: ConnId, stats: AudioStats) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(conn, stats);
    }

    pub(super) fn remove(&self, conn: ConnId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&conn);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, conn: ConnId) -> Option<AudioStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&conn).copied()
    }
}

/// A second of every kind of event, with four connections and levels.
const EVENT_PLACES: usize = 256;

//! How a phone is put together, and adopted if it lives already.

use std::sync::Arc;
use std::time::Duration;

use super::live::{self, Entry, Found, Live, Place};
use super::{Phone, Shared};
use crate::audio::{AudioConfig, AudioDevices, AudioEngine};
use crate::clock::{BootClock, Clock};
use crate::driver::{Driver, Ports};
use crate::entropy::{self, CallIds};
use crate::error::StartError;
use crate::media::MediaEngine;
use crate::media::ice::IceServers;
use crate::net::NetworkWatch;
use crate::policy::{Everybody, MayRing};
use crate::proto::call::{BusyPolicy, Calls, CallsConfig, Privacy};
use crate::proto::{DeviceId, Instance, Timestamp, UserId};
use crate::signaling::Signaling;
use crate::store::{self, MemoryStore, Store};

/// How a phone is put together. Everything but the signaling and the user has a default that works.
pub struct PhoneBuilder {
    signaling: Arc<dyn Signaling>,
    user: Option<String>,
    device: Option<DeviceId>,
    store: Option<Arc<dyn Store>>,
    clock: Option<Arc<dyn Clock>>,
    engine: Option<Arc<dyn MediaEngine>>,
    audio: AudioConfig,
    devices: Option<Arc<dyn AudioDevices>>,
    may_ring: Arc<dyn MayRing>,
    ring_time: Duration,
    busy_policy: BusyPolicy,
    privacy: Privacy,
    keep_alive: bool,
    replace_live: bool,
    seed: Option<[u8; 32]>,
    local_demo: bool,
    ice_servers: Option<Arc<dyn IceServers>>,
    network: Option<Arc<dyn NetworkWatch>>,
}

impl PhoneBuilder {
    pub(super) fn new(signaling: Arc<dyn Signaling>) -> Self {
        Self {
            signaling,
            user: None,
            device: None,
            store: None,
            clock: None,
            engine: None,
            audio: AudioConfig::default(),
            devices: None,
            may_ring: Arc::new(Everybody),
            ring_time: DEFAULT_RING_TIME,
            busy_policy: BusyPolicy::default(),
            privacy: Privacy::default(),
            keep_alive: false,
            replace_live: false,
            seed: None,
            local_demo: false,
            ice_servers: None,
            network: None,
        }
    }

    /// The user of this phone: 1 to 128 bytes of `[A-Za-z0-9._:@-]`; on Supabase the token's `sub`. Required.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The device id. Default: a random one that the store keeps.
    pub fn device(mut self, device: DeviceId) -> Self {
        self.device = Some(device);
        self
    }

    /// Where small secrets outlive the process. Default: nowhere, so a restarted process is a new device.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The sound devices. Default: the machine's own.
    pub fn audio_devices(mut self, devices: Arc<dyn AudioDevices>) -> Self {
        self.devices = Some(devices);
        self
    }

    /// How sound is captured, coded and played.
    pub fn audio_config(mut self, audio: AudioConfig) -> Self {
        self.audio = audio;
        self
    }

    /// Where STUN and TURN servers come from. Default: none, which connects on one network only.
    pub fn ice_servers(mut self, servers: Arc<dyn IceServers>) -> Self {
        self.ice_servers = Some(servers);
        self
    }

    /// Tells when the network changes, as [`Phone::network_changed`] does. Default: nobody but that verb.
    pub fn network_watch(mut self, network: Arc<dyn NetworkWatch>) -> Self {
        self.network = Some(network);
        self
    }

    /// Lets media go over the loopback interface: for two phones on one machine, never in an app. Default: off.
    pub fn local_demo(mut self, on: bool) -> Self {
        self.local_demo = on;
        self
    }

    /// Another media engine; ICE servers are then its own affair. Default: WebRTC.
    pub fn media_engine(mut self, engine: Arc<dyn MediaEngine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Who may ring this phone. Default: everybody whom the transport lets through.
    pub fn may_ring(mut self, policy: Arc<dyn MayRing>) -> Self {
        self.may_ring = policy;
        self
    }

    /// How long an outgoing call rings. Default 45 s, range 15 s to 120 s.
    pub fn ring_time(mut self, ring_time: Duration) -> Self {
        self.ring_time = ring_time;
        self
    }

    /// What happens to a second incoming call. Default: its caller is told that we are busy.
    pub fn busy_policy(mut self, policy: BusyPolicy) -> Self {
        self.busy_policy = policy;
        self
    }

    /// Which of our addresses a peer may learn, and when. Default: the caller's travel with the invite.
    pub fn privacy(mut self, privacy: Privacy) -> Self {
        self.privacy = privacy;
        self
    }

    /// Keeps the phone alive without a handle: only [`Phone::close`] ends it. Default: dropping the last handle does.
    pub fn keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Closes a live phone of the same user and device first, instead of adopting it with its calls. Default: adopt. The
    /// new phone needs signaling of its own: the old one closes its.
    pub fn replace_live(mut self, replace: bool) -> Self {
        self.replace_live = replace;
        self
    }

    /// Another clock, for simulations. Default: the system's, which counts the time that the machine slept.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// A fixed seed for every id and nonce of the phone, for simulations only: with a known seed they can be guessed.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the phone, or adopts the live one of the same user and device with its calls.
    ///
    /// It needs no network: a phone that is offline says so in its health and recovers by itself. An adopted phone
    /// keeps its own signaling, devices and settings; those of this builder are dropped. If a phone of this user and
    /// device is closing, the start waits for the end of it, 3 s at most.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing is left behind.
    pub async fn start(mut self) -> Result<Phone, StartError> {
        let user = UserId::new(self.user.take().ok_or(StartError::NoUser)?)?;
        if !(MIN_RING_TIME..=MAX_RING_TIME).contains(&self.ring_time) {
            return Err(StartError::RingTime);
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let device = self.device_id()?;
        let key = (user, device);
        loop {
            let old = {
                let mut phones = live::phones();
                let found = phones.get(&key).map(Entry::found);
                match found {
                    Some(Found::Live(live)) if !self.replace_live => return Ok(Phone { live }),
                    Some(_) | None if phones.values().any(|entry| entry.uses(&self.signaling)) => {
                        return Err(StartError::SignalingUsed);
                    }
                    Some(Found::Live(live)) => {
                        live.shared.signals.close();
                        live.shared.clone()
                    }
                    Some(Found::Closing(shared)) => shared,
                    None => {
                        let (signaling, keep_alive) = (self.signaling.clone(), self.keep_alive);
                        let (live, driver) = self.build(&key)?;
                        phones.insert(key, Entry::new(&live, keep_alive, &signaling));
                        runtime.spawn(driver.run());
                        return Ok(Phone { live });
                    }
                }
            };
            if tokio::time::timeout(CLOSING_LIMIT, old.closed()).await.is_err() {
                tracing::warn!("the phone before this one does not end");
                live::forget(&key, &old);
            }
        }
    }

    fn device_id(&self) -> Result<DeviceId, StartError> {
        if let Some(device) = self.device {
            return Ok(device);
        }
        store::device_id(match &self.store {
            Some(store) => store.as_ref(),
            None => &PROCESS_STORE,
        })
    }

    fn build(self, key: &(UserId, DeviceId)) -> Result<(Arc<Live>, Driver), StartError> {
        let (user, device) = key.clone();
        if self.signaling.is_closed() {
            return Err(StartError::SignalingUsed);
        }
        let seed = match self.seed {
            Some(seed) => seed,
            None => entropy::random().map_err(|_| StartError::NoEntropy)?,
        };
        let number = match self.seed {
            Some(seed) => {
                u64::from_le_bytes([seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[6], seed[7]])
            }
            None => u64::from_le_bytes(entropy::random().map_err(|_| StartError::NoEntropy)?),
        };
        let ids = self.seed.as_ref().map_or(CallIds::System, CallIds::seeded);
        let clock = self.clock.unwrap_or_else(|| Arc::new(BootClock::new()));
        let engine = match self.engine {
            Some(engine) => engine,
            None => default_engine(self.ice_servers.clone(), self.local_demo)?,
        };
        let devices = self.devices.unwrap_or_else(crate::audio::default_devices);
        let (audio, sounds) = AudioEngine::start(devices, self.audio).map_err(|_| StartError::Codec)?;
        let now: Timestamp = clock.now();
        let config = CallsConfig {
            user: user.clone(),
            device,
            instance: Instance::from_random(number),
            seed,
            ring_time: self.ring_time,
            busy_policy: self.busy_policy,
            privacy: self.privacy,
            durable: false,
            local_demo: self.local_demo,
        };
        let (shared, commands) =
            Shared::new(engine.clone(), audio, ids, Arc::downgrade(&self.signaling), self.ice_servers);
        let shared = Arc::new(shared);
        let ports = Ports {
            clock,
            signaling: self.signaling,
            engine,
            sounds,
            may_ring: self.may_ring,
            network: self.network,
        };
        let place = Place::new(key.clone(), shared.clone());
        let driver = Driver::new(Calls::new(config, now), shared.clone(), commands, ports, place);
        Ok((Arc::new(Live { user, device, shared }), driver))
    }
}

impl std::fmt::Debug for PhoneBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneBuilder")
            .field("ring_time", &self.ring_time)
            .field("busy_policy", &self.busy_policy)
            .field("privacy", &self.privacy)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "webrtc")]
fn default_engine(
    ice_servers: Option<Arc<dyn IceServers>>,
    local_demo: bool,
) -> Result<Arc<dyn MediaEngine>, StartError> {
    let mut engine = crate::media::webrtc::WebRtcEngine::builder().local_demo(local_demo);
    if let Some(ice_servers) = ice_servers {
        engine = engine.ice_servers(ice_servers);
    }
    Ok(Arc::new(engine.build()))
}

#[cfg(not(feature = "webrtc"))]
fn default_engine(_: Option<Arc<dyn IceServers>>, _: bool) -> Result<Arc<dyn MediaEngine>, StartError> {
    Err(StartError::NoEngine)
}

/// Without a store, one device id serves the whole process, so that building a phone again still adopts the live one.
static PROCESS_STORE: MemoryStore = MemoryStore::new();
/// A phone closes within 2 s; the rest is for a machine that is busy.
const CLOSING_LIMIT: Duration = Duration::from_secs(3);
/// Long enough to find a phone in a bag, shorter than most voice mails wait.
const DEFAULT_RING_TIME: Duration = Duration::from_secs(45);
const MIN_RING_TIME: Duration = Duration::from_secs(15);
const MAX_RING_TIME: Duration = Duration::from_secs(120);

//! The stage of a scenario: a hub, phones on hosts of their own, and one log of everything.
//!
//! Every user says a tone of its own and hears through a tap. The log has every message on the hub, every event of
//! every phone and every event of every media engine, without anything that an engine made up.
//!
//! Phones are known to their process by user and device, so users carry the name of the play: tests that run side by
//! side never meet.

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::tap::{PlaybackTap, playback_tap};
use ringback::audio::{AudioConfig, CaptureFrom, ClockMode, ClockedDevices, PlaybackTo};
use ringback::clock::TokioClock;
use ringback::media::webrtc::WebRtcEngine;
use ringback::media::{ConnId, ConnStats, EngineEvent, MediaCommand, MediaEngine, QueueFull};
use ringback::proto::call::CallState;
use ringback::proto::{By, DeviceId, EndReason, UserId};
use ringback::signaling::memory::{Faults, MemoryHub, Passed};
use ringback::{BoxFuture, Call, Event, Events, IncomingCalls, Phone, PhoneBuilder};
use ringback_measure::{Sound, tone_in};
use ringback_tests::sim::{World, describe};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Where a scenario plays.
pub(crate) struct Stage {
    world: World,
    play: &'static str,
    hub: MemoryHub,
}

/// A phone of the play, with what its user hears and who rings.
pub(crate) struct Actor {
    pub(crate) phone: Phone,
    host: String,
    incoming: IncomingCalls,
    ear: PlaybackTap,
}

impl Stage {
    /// A stage whose hub takes 20 ms for a message. The name of the play is that of no other.
    pub(crate) fn new(world: &World, play: &'static str) -> Self {
        let hub = MemoryHub::new(world.seed());
        hub.set_faults(Faults::delay(Duration::from_millis(20)));
        let (tap, passed) = mpsc::channel(TAP_PLACES);
        hub.tap(tap);
        tokio::spawn(log_messages(world.clone(), passed));
        Self { world: world.clone(), play, hub }
    }

    pub(crate) fn hub(&self) -> &MemoryHub {
        &self.hub
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn user(&self, name: &str) -> UserId {
        UserId::new(format!("{name}.{}", self.play)).unwrap()
    }

    /// The only phone of a user.
    pub(crate) async fn phone(&self, name: &str) -> Actor {
        self.device(name, 1).await
    }

    /// One of several phones of a user.
    pub(crate) async fn device(&self, name: &str, number: u8) -> Actor {
        self.device_with(name, number, |builder| builder).await
    }

    /// The same, set up further.
    pub(crate) async fn device_with(
        &self,
        name: &str,
        number: u8,
        set_up: impl FnOnce(PhoneBuilder) -> PhoneBuilder,
    ) -> Actor {
        let (ear, port) = playback_tap();
        let host = format!("{name}{number}");
        let device = self.device_id(&host);
        let user = self.user(name);
        let said = CaptureFrom::Tone { frequency_hz: voice_hz(name) as f32, level_dbfs: -12.0 };
        let engine =
            LoggedEngine { engine: self.world.engine(&host), host: host.clone(), world: self.world.clone() };
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(device.as_bytes());
        let builder = Phone::builder(Arc::new(self.hub.join(user.clone(), device)))
            .user(user.as_str())
            .device(device)
            .seed(seed)
            .clock(Arc::new(TokioClock::new()))
            .local_demo(true)
            .media_engine(Arc::new(engine))
            .audio_devices(Arc::new(ClockedDevices::new(said, PlaybackTo::Tap(port))))
            .audio_config(AudioConfig { clock: ClockMode::Tokio, ..AudioConfig::default() });
        let phone = set_up(builder).start().await.unwrap();
        let incoming = phone.incoming();
        tokio::spawn(log_events(self.world.clone(), host.clone(), phone.events()));
        Actor { phone, host, incoming, ear }
    }

    fn device_id(&self, host: &str) -> DeviceId {
        let (low, high) =
            (self.world.random(&format!("{host} low")), self.world.random(&format!("{host} high")));
        DeviceId::from_random((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }

    /// `caller` calls the user of `callee`, who accepts; both hear each other when this returns.
    pub(crate) async fn talk(&self, caller: &Actor, callee: &mut Actor) -> (Call, Call) {
        let call = caller.phone.call(callee.phone.user().as_str()).await.unwrap();
        let ringing = callee.rings().await;
        ringing.accept().await.unwrap();
        active(&call).await;
        active(&ringing).await;
        (call, ringing)
    }

    /// Everything of a phone goes dark at once, without a farewell: the battery falls out.
    pub(crate) async fn kill(&self, victim: Actor, others: &[&Actor]) {
        self.hub.cut(victim.phone.user(), victim.phone.device());
        for other in others {
            self.world.net().cut(&victim.host, &other.host);
        }
        victim.close().await;
    }

    /// Nobody has a call any more; closes every phone.
    pub(crate) async fn end(&self, actors: impl IntoIterator<Item = Actor>) {
        for actor in actors {
            assert!(
                actor.phone.calls().is_empty(),
                "{} has calls left: {:?}",
                actor.host,
                actor.phone.calls()
            );
            actor.close().await;
        }
        assert_eq!(self.world.net().sockets(), 0);
    }
}

impl Actor {
    /// The next call that rings.
    pub(crate) async fn rings(&mut self) -> Call {
        let next = timeout(LIMIT, self.incoming.next()).await;
        next.unwrap_or_else(|_| panic!("{} does not ring", self.host)).unwrap()
    }

    /// Whether a call rang that nobody looked at; it is forgotten.
    pub(crate) async fn rang_before(&mut self) -> bool {
        timeout(Duration::ZERO, self.incoming.next()).await.is_ok()
    }

    /// What the user hears from now on, for so long.
    pub(crate) async fn hears(&mut self, time: Duration) -> Sound {
        let mut block = vec![0.0; RATE_HZ as usize];
        while self.ear.try_read(&mut block) > 0 {}
        let mut samples = Vec::new();
        for _ in 0..time.as_millis() / STEP.as_millis() {
            sleep(STEP).await;
            let read = self.ear.try_read(&mut block);
            samples.extend_from_slice(&block[..read]);
        }
        Sound { rate_hz: RATE_HZ, samples }
    }

    /// Hears the user of that name clearly, for a second. `purity_db` is how far all else must lie below the tone.
    pub(crate) async fn hears_clearly(&mut self, name: &str, purity_db: f64) {
        let sound = self.hears(SECOND).await;
        let tone = tone_in(&sound, voice_hz(name));
        self.check_length(&sound);
        assert!(tone.level_dbfs > -20.0 && tone.purity_db > purity_db, "{} hears {tone:?}", self.host);
    }

    /// Hears nothing for a second.
    pub(crate) async fn hears_silence(&mut self) {
        let sound = self.hears(SECOND).await;
        assert!(sound.level_dbfs() < -70.0, "{} hears {} dBFS", self.host, sound.level_dbfs());
    }

    fn check_length(&self, sound: &Sound) {
        let missing = RATE_HZ as usize - sound.samples.len().min(RATE_HZ as usize);
        assert!(missing <= RATE_HZ as usize / 50, "{}: {missing} samples were not played", self.host);
    }

    pub(crate) async fn close(self) {
        self.phone.close();
        timeout(LIMIT, self.phone.closed()).await.unwrap();
    }
}

/// Waits until there is sound both ways.
pub(crate) async fn active(call: &Call) {
    let state = timeout(LIMIT, call.wait_for(|state| *state == CallState::Active)).await;
    assert_eq!(state.unwrap_or_else(|_| call.state()), CallState::Active);
}

/// Waits for the end of a call, two minutes at most.
pub(crate) async fn ended(call: &Call) -> (EndReason, By) {
    let end = timeout(Duration::from_secs(120), call.ended()).await;
    let end = end.unwrap_or_else(|_| panic!("still {:?}", call.state()));
    (end.reason, end.by)
}

/// The kinds of the messages in a log, in the order in which they were sent.
pub(crate) fn messages(log: &str) -> Vec<&str> {
    let words = log.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| words.get(1) == Some(&"hub")).filter_map(|words| words.get(2).copied()).collect()
}

/// The lines of a log without the datagrams.
pub(crate) fn told(log: &str) -> Vec<&str> {
    let by_people = |line: &&str| line.split_whitespace().nth(1).is_some_and(|who| !who.contains('>'));
    log.lines().filter(by_people).collect()
}

/// Tones far enough apart to be told from each other after Opus, and no harmonic of another.
fn voice_hz(name: &str) -> f64 {
    match name {
        "rider" => 440.0,
        "driver" => 1_000.0,
        _ => 700.0,
    }
}

async fn log_messages(world: World, mut passed: mpsc::Receiver<Passed>) {
    while let Some(Passed { from, to, kind, copies, .. }) = passed.recv().await {
        world.log(format_args!("hub {kind} {from} {to} {copies}"));
    }
}

async fn log_events(world: World, host: String, mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::Call(event) => world.log(format_args!("{host} {} {:?}", event.call, event.kind)),
            Event::Signaling(_)
            | Event::DeviceInUse { .. }
            | Event::DeviceFailed { .. }
            | Event::MicrophoneLevel { .. }
            | Event::Lagged(_) => world.log(format_args!("{host} {event:?}")),
        }
    }
}

/// An engine that writes its events into the log.
struct LoggedEngine {
    engine: WebRtcEngine,
    host: String,
    world: World,
}

impl MediaEngine for LoggedEngine {
    fn command(&self, conn: ConnId, command: MediaCommand) -> Result<(), QueueFull> {
        self.engine.command(conn, command)
    }

    fn next(&self) -> BoxFuture<'_, (ConnId, EngineEvent)> {
        Box::pin(async {
            let (conn, event) = self.engine.next().await;
            self.world.log(format_args!("{} engine {}", self.host, describe(&event)));
            (conn, event)
        })
    }

    fn stats(&self, conn: ConnId) -> BoxFuture<'_, Option<ConnStats>> {
        self.engine.stats(conn)
    }

    fn network_changed(&self) {
        self.engine.network_changed();
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.engine.close()
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
const RATE_HZ: u32 = 48_000;
const STEP: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(60);
/// More than a scenario sends between two turns of the logging task.
const TAP_PLACES: usize = 4096;

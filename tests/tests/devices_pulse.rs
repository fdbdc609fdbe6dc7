//! The desktop's devices, over a sound server with null sinks: two engines, linked in memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::cpal::CpalDevices;
use ringback::audio::{
    AudioConfig, AudioDeviceId, AudioDevices, AudioEngine, AudioEvent, AudioEvents, AudioHandle, CaptureFrom,
    ClockedDevices, DeviceChoice, DeviceError, DeviceKind, PlaybackTo, SplitDevices,
};
use ringback::media::link::{EncodedFrame, EngineLink, ReceivedFrame, sound_link};
use ringback::proto::call::{AudioInput, AudioLeg, AudioPlan, LegSend};
use ringback::proto::{CallId, ConnId, MicrophoneFailure};
use ringback_tests::pulse::{PulseServer, Recording, inside, wait_until};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const CONN: ConnId = ConnId(1);

#[test]
fn devices_are_listed_with_their_defaults() {
    run("devices_are_listed_with_their_defaults", async {
        let _server = PulseServer::start();
        let devices = CpalDevices::new().list().unwrap();
        let ids = |kind| {
            let own = devices.iter().filter(move |d| d.kind == kind);
            own.map(|d| (d.id.0.as_str(), d.is_default)).collect::<Vec<_>>()
        };
        assert_eq!(ids(DeviceKind::Capture), [("pulseaudio:mic", true)]);
        assert_eq!(
            ids(DeviceKind::Playback),
            [("pulseaudio:spk", true), ("pulseaudio:other", false), ("pulseaudio:micfeed", false)]
        );
    });
}

#[test]
fn a_list_leaves_no_thread_behind() {
    run("a_list_leaves_no_thread_behind", async {
        let _server = PulseServer::start();
        CpalDevices::new().list().unwrap();
        let before = threads();
        for _ in 0..5 {
            CpalDevices::new().list().unwrap();
        }
        wait_until(Duration::from_secs(5), || (threads() <= before).then_some(())).expect("threads are left");
    });
}

#[test]
fn a_chirp_goes_from_microphone_to_speaker() {
    run("a_chirp_goes_from_microphone_to_speaker", async {
        let server = PulseServer::start();
        let pair = Pair::start(Arc::new(CpalDevices::new())).await;
        let chirp = chirp(48_000 * 30);
        let _mouth = server.play("micfeed", &chirp);
        let ear = server.record("spk.monitor");
        wait_for_sound(&ear, 0);
        let from = ear.so_far().len();
        wait_until(Duration::from_secs(10), || (ear.so_far().len() > from + 48_000 * 3).then_some(()))
            .unwrap();
        let heard = ear.stop();
        let heard = &heard[from + 48_000..];
        let likeness = best_match(&chirp[..48_000], heard);
        assert!(likeness > 0.85, "{likeness} {:?}", (pair.a.stats(CONN), pair.b.stats(CONN)));
        pair.close().await;
    });
}

#[test]
fn closing_leaves_no_thread() {
    run("closing_leaves_no_thread", async {
        let _server = PulseServer::start();
        let before = threads();
        let pair = Pair::start(Arc::new(CpalDevices::new())).await;
        assert!(threads() > before);
        let started = Instant::now();
        pair.close().await;
        assert!(started.elapsed() < Duration::from_secs(2));
        wait_until(Duration::from_secs(5), || (threads() <= before).then_some(())).expect("threads are left");
    });
}

#[test]
fn a_removed_sink_is_replaced_by_the_new_default() {
    run("a_removed_sink_is_replaced_by_the_new_default", async {
        let server = PulseServer::start();
        let mut pair = Pair::start(Arc::new(tone_to_speaker())).await;
        let other = server.record("other.monitor");
        server.remove_sink("spk");
        let removed = Instant::now();
        pair.expect_device(DeviceKind::Playback).await;
        println!("rebuilt after {:?}", removed.elapsed());
        wait_for_sound(&other, 0);
        pair.close().await;
    });
}

#[test]
fn a_sound_server_that_restarts_is_used_again() {
    run("a_sound_server_that_restarts_is_used_again", async {
        let server = PulseServer::start();
        let mut pair = Pair::start(Arc::new(tone_to_speaker())).await;
        server.kill();
        pair.expect_loss(DeviceKind::Playback).await;
        let server = PulseServer::start();
        let back = Instant::now();
        pair.expect_device(DeviceKind::Playback).await;
        println!("rebuilt after {:?}", back.elapsed());
        let ear = server.record("spk.monitor");
        wait_for_sound(&ear, 0);
        pair.close().await;
    });
}

#[test]
fn another_device_is_used_when_chosen() {
    run("another_device_is_used_when_chosen", async {
        let server = PulseServer::start();
        let mut pair = Pair::start(Arc::new(tone_to_speaker())).await;
        let other = server.record("other.monitor");
        let choice = DeviceChoice::Id(AudioDeviceId("pulseaudio:other".to_owned()));
        pair.b.choose(DeviceKind::Playback, choice).await.unwrap();
        pair.expect_device(DeviceKind::Playback).await;
        wait_for_sound(&other, 0);
        pair.close().await;
    });
}

#[test]
fn an_unknown_device_is_refused() {
    run("an_unknown_device_is_refused", async {
        let _server = PulseServer::start();
        let pair = Pair::start(Arc::new(tone_to_speaker())).await;
        let id = AudioDeviceId("pulseaudio:nowhere".to_owned());
        let refused = pair.b.choose(DeviceKind::Playback, DeviceChoice::Id(id.clone())).await;
        assert_eq!(refused, Err(DeviceError::UnknownDevice(id)));
        pair.close().await;
    });
}

#[test]
fn without_a_sound_server_the_microphone_is_missing() {
    run("without_a_sound_server_the_microphone_is_missing", async {
        let (engine, mut events) =
            AudioEngine::start(Arc::new(CpalDevices::new()), AudioConfig::default()).unwrap();
        engine.apply(plan());
        let told = next(&mut events, |event| matches!(event, AudioEvent::Capture(_))).await;
        assert_eq!(told, AudioEvent::Capture(AudioInput::CaptureFailed(MicrophoneFailure::Missing)));
        engine.close().await;
    });
}

/// Two engines linked in memory: A speaks what its microphone hears, B plays it.
struct Pair {
    a: AudioHandle,
    b: AudioHandle,
    events: AudioEvents,
    roads: [tokio::task::JoinHandle<()>; 2],
}

impl Pair {
    async fn start(devices: Arc<dyn AudioDevices>) -> Self {
        let (a, mut a_events) = AudioEngine::start(devices.clone(), AudioConfig::default()).unwrap();
        let (b, events) = AudioEngine::start(devices, AudioConfig::default()).unwrap();
        let (a_sound, EngineLink { outgoing: from_a, incoming: to_a }) = sound_link();
        let (b_sound, EngineLink { outgoing: from_b, incoming: to_b }) = sound_link();
        let roads = [tokio::spawn(road(from_a, to_b)), tokio::spawn(road(from_b, to_a))];
        a.attach(CONN, a_sound);
        b.attach(CONN, b_sound);
        a.apply(plan());
        b.apply(AudioPlan { capture: false, ..plan() });
        let told = next(&mut a_events, |event| matches!(event, AudioEvent::Capture(_))).await;
        assert_eq!(told, AudioEvent::Capture(AudioInput::CaptureOpened));
        let mut pair = Self { a, b, events, roads };
        pair.expect_device(DeviceKind::Playback).await;
        pair
    }

    async fn expect_device(&mut self, wanted: DeviceKind) {
        next(
            &mut self.events,
            |event| matches!(event, AudioEvent::DeviceInUse { kind, name: Some(_) } if *kind == wanted),
        )
        .await;
    }

    async fn expect_loss(&mut self, wanted: DeviceKind) {
        next(
            &mut self.events,
            |event| matches!(event, AudioEvent::DeviceInUse { kind, name: None } if *kind == wanted),
        )
        .await;
    }

    async fn close(self) {
        self.a.close().await;
        self.b.close().await;
        for road in self.roads {
            road.await.unwrap();
        }
    }
}

fn run(name: &str, test: impl Future<Output = ()>) {
    // The test waits for other programs on its own thread; the links run on another.
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    inside(name, || runtime().unwrap().block_on(test));
}

async fn next(events: &mut AudioEvents, wanted: impl Fn(&AudioEvent) -> bool) -> AudioEvent {
    timeout(Duration::from_secs(15), async {
        loop {
            let event = events.next().await.expect("the engine is open");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
    .expect("the event comes within 15 s")
}

async fn road(mut from: mpsc::Receiver<EncodedFrame>, mut to: rtrb::Producer<ReceivedFrame>) {
    let (mut sequence, mut timestamp) = (0u16, 0u32);
    while let Some(EncodedFrame { payload, advance, .. }) = from.recv().await {
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(advance);
        let _ = to.push(ReceivedFrame { sequence, timestamp, at: Instant::now(), payload });
    }
}

/// A tone instead of a microphone, and the real speakers.
fn tone_to_speaker() -> SplitDevices {
    let tone =
        ClockedDevices::new(CaptureFrom::Tone { frequency_hz: 500.0, level_dbfs: -6.0 }, PlaybackTo::Null);
    SplitDevices::new(Arc::new(tone), Arc::new(CpalDevices::new()))
}

fn plan() -> AudioPlan {
    let call: CallId = "3f0c1f0e-7a52-4f0e-9f7e-0d8d3a6b1c11".parse().unwrap();
    let leg = AudioLeg { call, conn: CONN, send: LegSend::Microphone, play: true };
    AudioPlan { capture: true, playback: true, tone: None, legs: vec![leg] }
}

fn wait_for_sound(ear: &Recording, from: usize) {
    wait_until(Duration::from_secs(15), || ear.so_far()[from..].iter().any(|s| s.abs() > 0.05).then_some(()))
        .expect("there is sound within 15 s");
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// 300 to 3,400 Hz, over and over, a second each.
fn chirp(samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|n| {
            let t = (n % 48_000) as f32 / 48_000.0;
            0.4 * (std::f32::consts::TAU * (300.0 * t + 1_550.0 * t * t)).sin()
        })
        .collect()
}

/// How alike `heard` is to `said` at the best lag, over 100 ms: on a busy machine the drift loops and the jitter buffer
/// change the pace by some tenths of a percent, which a longer comparison would take for another sound.
fn best_match(said: &[f32], heard: &[f32]) -> f32 {
    let said = &said[9_600..14_400];
    (0..heard.len().saturating_sub(said.len()))
        .map(|lag| {
            let (mut dot, mut a, mut b) = (0.0f32, 1e-9f32, 1e-9f32);
            for (s, h) in said.iter().zip(&heard[lag..]).step_by(3) {
                dot += s * h;
                a += s * s;
                b += h * h;
            }
            dot / (a * b).sqrt()
        })
        .fold(0.0, f32::max)
}

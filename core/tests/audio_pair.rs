//! Two audio engines in virtual time, linked by a path that delays and loses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::tap::{CaptureTap, PlaybackTap, capture_tap, playback_tap};
use ringback::audio::{
    AudioConfig, AudioEngine, AudioEvent, AudioEvents, AudioHandle, CaptureFrom, ClockMode, ClockedDevices,
    DeviceError, PlaybackTo,
};
use ringback::media::link::{EncodedFrame, EngineLink, ReceivedFrame, sound_link};
use ringback::proto::call::{AudioInput, AudioLeg, AudioPlan, LegSend, Tone};
use ringback::proto::{CallId, ConnId, MicrophoneFailure};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const CONN: ConnId = ConnId(1);

#[tokio::test(start_paused = true)]
async fn a_chirp_arrives_whole_and_soon() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(20), loss_percent: 0 });
    pair.talk();
    let chirp = chirp(48_000);
    let heard = pair.say(&chirp, Duration::from_secs(2)).await;
    let (lag, likeness) = best_match(&chirp, &heard, 9_600);
    assert!(likeness > 0.9, "{likeness}");
    // 20 ms of path, 20 ms of packet, 6.5 ms of codec, 20 ms of jitter buffer, and ticks.
    assert!(lag < 48 * 85, "{} ms", lag / 48);
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn sound_survives_ten_percent_of_loss() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(20), loss_percent: 10 });
    pair.talk();
    pair.a.set_loss(0.1);
    pair.say(&buzz(48_000 * 4), Duration::from_secs(4)).await;
    let heard = pair.b.stats(CONN).unwrap().playout;
    // Of two losses in a row only one is repeated, and pauses are not repeated at all.
    assert!(heard.recovered > 10 && heard.recovered > heard.lost, "{heard:?}");
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_muted_leg_sends_something_every_200_ms() {
    let (devices, _tap) = devices(CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -10.0 });
    let (engine, _events) = AudioEngine::start(devices, virtual_config()).unwrap();
    let (sound, mut wire) = sound_link();
    engine.attach(CONN, sound);
    engine.apply(plan(LegSend::Microphone, true));
    let mut speaking = Vec::new();
    for _ in 0..20 {
        speaking.push(wire.outgoing.recv().await.unwrap());
    }
    assert!(speaking.iter().all(|frame| frame.payload.len() > 20 && frame.advance == 960));
    assert!(speaking[0].marker && !speaking[1].marker);

    engine.apply(plan(LegSend::Silence, true));
    let mut sent = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        let frame = wire.outgoing.recv().await.unwrap();
        sent.push((Instant::now(), frame));
    }
    let widest = sent.windows(2).map(|w| w[1].0 - w[0].0).max().unwrap();
    assert!(widest <= Duration::from_millis(200), "{widest:?}");
    assert!(sent.len() < 25, "{}", sent.len());
    let advanced: u32 = sent[1..].iter().map(|(_, frame)| frame.advance).sum();
    let elapsed = sent[sent.len() - 1].0 - sent[0].0;
    assert_eq!(u128::from(advanced), elapsed.as_millis() * 48);
    assert!(sent[5..].iter().all(|(_, frame)| frame.payload.len() == 1));

    engine.apply(plan(LegSend::Microphone, true));
    let back = loop {
        let frame = wire.outgoing.recv().await.unwrap();
        if frame.payload.len() > 20 {
            break frame;
        }
    };
    assert!(back.marker);
    engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_packet_leaves_with_the_next_tick() {
    for ticks in 3..=4 {
        let (devices, _tap) = devices(CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -10.0 });
        let (engine, _events) = AudioEngine::start(devices, virtual_config()).unwrap();
        let (sound, mut wire) = sound_link();
        engine.attach(CONN, sound);
        engine.apply(plan(LegSend::Nothing, true));
        sleep(Duration::from_millis(10 * ticks + 5)).await;
        let secured = Instant::now();
        engine.apply(plan(LegSend::Microphone, true));
        wire.outgoing.recv().await.unwrap();
        assert!(secured.elapsed() <= Duration::from_millis(10), "{:?}", secured.elapsed());
        engine.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_muted_side_is_silent_on_purpose_and_not_concealed() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(20), loss_percent: 0 });
    pair.talk();
    pair.say(&chirp(24_000), Duration::from_secs(1)).await;
    pair.a.apply(plan(LegSend::Silence, true));
    sleep(Duration::from_millis(300)).await;
    let before = pair.b.stats(CONN).unwrap().playout;
    let heard = pair.say(&chirp(48_000), Duration::from_secs(3)).await;
    assert!(heard[14_400..].iter().all(|s| s.abs() < 0.003));
    let after = pair.b.stats(CONN).unwrap().playout;
    assert_eq!((after.lost, after.concealed), (before.lost, before.concealed));
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn muting_and_unmuting_never_howls() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(20), loss_percent: 0 });
    pair.talk();
    let mut loudest = 0f32;
    for round in 0..20u64 {
        pair.a.apply(plan(LegSend::Silence, true));
        sleep(Duration::from_millis(20 * (round % 7))).await;
        pair.a.apply(plan(LegSend::Microphone, true));
        let heard = pair.say(&buzz(24_000), Duration::from_millis(500)).await;
        loudest = heard.chunks(480).map(rms).fold(loudest, f32::max);
    }
    let said = buzz(48_000).chunks(480).map(rms).fold(0f32, f32::max);
    assert!(loudest < said * 1.4, "{loudest} of {said}");
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_or_played_without_a_plan() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(5), loss_percent: 0 });
    pair.a.apply(plan(LegSend::Microphone, true));
    pair.b.apply(AudioPlan { capture: false, ..plan(LegSend::Nothing, false) });
    let heard = pair.say(&chirp(48_000), Duration::from_secs(2)).await;
    assert!(!heard.is_empty() && heard.iter().all(|s| *s == 0.0));
    assert_eq!(pair.b.stats(CONN).map(|s| s.frames_sent), Some(0));
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_sound_is_told_once_with_its_time() {
    let mut pair = Pair::new(Path { delay: Duration::from_millis(30), loss_percent: 0 });
    pair.talk();
    let start = Instant::now();
    pair.say(&chirp(48_000), Duration::from_secs(2)).await;
    let mut firsts = Vec::new();
    while let Some(event) = pair.b_events.try_next() {
        if let AudioEvent::FirstSound { conn, at } = event {
            firsts.push((conn, at - start));
        }
    }
    assert_eq!(firsts.len(), 1);
    assert_eq!(firsts[0].0, CONN);
    assert!(firsts[0].1 < Duration::from_millis(120), "{:?}", firsts[0].1);
    pair.close().await;
}

#[tokio::test(start_paused = true)]
async fn levels_come_only_when_asked_and_ten_times_a_second() {
    let (devices, _tap) = devices(CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -20.0 });
    let (engine, mut events) = AudioEngine::start(devices, virtual_config()).unwrap();
    engine.apply(plan(LegSend::Nothing, false));
    sleep(Duration::from_secs(1)).await;
    engine.set_levels(true);
    sleep(Duration::from_secs(1)).await;
    let mut levels = Vec::new();
    while let Some(event) = events.try_next() {
        if let AudioEvent::CaptureLevel { level_dbov } = event {
            levels.push(level_dbov);
        }
    }
    assert!((9..=11).contains(&levels.len()), "{}", levels.len());
    assert!(levels[1..].iter().all(|level| (-24..=-22).contains(level)), "{levels:?}");
    engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_microphone_that_fails_is_told_to_call_control() {
    for (error, failure) in [
        (DeviceError::Denied, MicrophoneFailure::Denied),
        (DeviceError::InUse, MicrophoneFailure::InUse),
        (DeviceError::NoDevice, MicrophoneFailure::Missing),
    ] {
        let (devices, _tap) = devices(CaptureFrom::Failing(error));
        let (engine, mut events) = AudioEngine::start(devices, virtual_config()).unwrap();
        engine.apply(plan(LegSend::Microphone, true));
        let told = AudioEvent::Capture(AudioInput::CaptureFailed(failure));
        assert_eq!(events.next().await, Some(told));
        engine.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tone_is_played_without_any_connection() {
    let (devices, mut tap) = devices(CaptureFrom::Silence);
    let (engine, _events) = AudioEngine::start(devices, virtual_config()).unwrap();
    engine.apply(AudioPlan { playback: true, tone: Some(Tone::Ringback), ..AudioPlan::default() });
    sleep(Duration::from_millis(500)).await;
    let mut heard = vec![0.0; 24_000];
    let read = tap.try_read(&mut heard);
    let peak = heard[..read].iter().fold(0f32, |m, s| m.max(s.abs()));
    assert!((0.09..0.11).contains(&peak), "{peak}");
    engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn no_task_runs_while_nothing_is_open() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (devices, _tap) = devices(CaptureFrom::Silence);
    let (engine, _events) = AudioEngine::start(devices, virtual_config()).unwrap();
    let before = tasks();
    engine.apply(AudioPlan { playback: true, ..AudioPlan::default() });
    sleep(Duration::from_millis(100)).await;
    assert_eq!(tasks(), before + 1);
    engine.apply(AudioPlan::default());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(tasks(), before);
    engine.close().await;
}

#[tokio::test(start_paused = true)]
async fn two_runs_are_the_same_to_the_last_sample() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut pair = Pair::new(Path { delay: Duration::from_millis(40), loss_percent: 20 });
        pair.talk();
        let heard = pair.say(&chirp(48_000), Duration::from_secs(2)).await;
        runs.push((heard, pair.b.stats(CONN)));
        pair.close().await;
    }
    assert!(runs[0] == runs[1]);
}

/// What lies between two engines.
#[derive(Clone, Copy)]
struct Path {
    delay: Duration,
    loss_percent: u64,
}

/// Two engines that speak through taps.
struct Pair {
    a: AudioHandle,
    b: AudioHandle,
    b_events: AudioEvents,
    mouth: CaptureTap,
    ear: PlaybackTap,
    roads: [tokio::task::JoinHandle<()>; 2],
}

impl Pair {
    fn new(path: Path) -> Self {
        let (mouth, port) = capture_tap();
        let a_devices = ClockedDevices::new(CaptureFrom::Tap(port), PlaybackTo::Null);
        let (b_devices, ear) = devices(CaptureFrom::Silence);
        let (a, _) = AudioEngine::start(Arc::new(a_devices), virtual_config()).unwrap();
        let (b, b_events) = AudioEngine::start(b_devices, virtual_config()).unwrap();
        let (a_sound, a_wire) = sound_link();
        let (b_sound, b_wire) = sound_link();
        a.attach(CONN, a_sound);
        b.attach(CONN, b_sound);
        let EngineLink { outgoing: from_a, incoming: to_a } = a_wire;
        let EngineLink { outgoing: from_b, incoming: to_b } = b_wire;
        let roads = [tokio::spawn(road(path, from_a, to_b, 1)), tokio::spawn(road(path, from_b, to_a, 2))];
        Self { a, b, b_events, mouth, ear, roads }
    }

    fn talk(&self) {
        self.a.apply(plan(LegSend::Microphone, true));
        self.b.apply(plan(LegSend::Microphone, true));
    }

    /// Says `sound` at A, and returns what B hears from the beginning on.
    async fn say(&mut self, sound: &[f32], how_long: Duration) -> Vec<f32> {
        self.ear.try_read(&mut vec![0.0; 48_000]);
        let mut heard = Vec::new();
        let mut said = 0;
        let start = Instant::now();
        while start.elapsed() < how_long {
            said += self.mouth.try_write(&sound[said..sound.len().min(said + 480 * 5)]);
            sleep(Duration::from_millis(50)).await;
            let mut piece = vec![0.0; self.ear.waiting()];
            self.ear.try_read(&mut piece);
            heard.extend(piece);
        }
        heard
    }

    async fn close(self) {
        self.a.close().await;
        self.b.close().await;
        for road in self.roads {
            road.await.unwrap();
        }
    }
}

/// Carries frames as RTP would, until the sender is gone.
async fn road(
    path: Path,
    mut from: mpsc::Receiver<EncodedFrame>,
    mut to: rtrb::Producer<ReceivedFrame>,
    seed: u64,
) {
    let (mut sequence, mut timestamp, mut random) = (65_530u16, u32::MAX - 10_000, seed);
    let (line, mut arriving) = mpsc::channel::<ReceivedFrame>(1_000);
    let far_end = tokio::spawn(async move {
        while let Some(frame) = arriving.recv().await {
            tokio::time::sleep_until(frame.at).await;
            let _ = to.push(frame);
        }
    });
    while let Some(frame) = from.recv().await {
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(frame.advance);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (random >> 33) % 100 >= path.loss_percent {
            let at = Instant::now() + path.delay;
            line.try_send(ReceivedFrame { sequence, timestamp, at, payload: frame.payload }).unwrap();
        }
    }
    drop(line);
    far_end.await.unwrap();
}

fn devices(capture: CaptureFrom) -> (Arc<ClockedDevices>, PlaybackTap) {
    let (ear, port) = playback_tap();
    (Arc::new(ClockedDevices::new(capture, PlaybackTo::Tap(port))), ear)
}

fn virtual_config() -> AudioConfig {
    AudioConfig { clock: ClockMode::Tokio, ..AudioConfig::default() }
}

fn plan(send: LegSend, play: bool) -> AudioPlan {
    let call: CallId = "3f0c1f0e-7a52-4f0e-9f7e-0d8d3a6b1c11".parse().unwrap();
    AudioPlan {
        capture: true,
        playback: true,
        tone: None,
        legs: vec![AudioLeg { call, conn: CONN, send, play }],
    }
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

/// A voice without words: harmonics that fall by 6 dB an octave, a pitch that wanders, four syllables a second.
fn buzz(samples: usize) -> Vec<f32> {
    use std::f32::consts::TAU;
    let mut phase = 0.0f32;
    (0..samples)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            phase = (phase + (130.0 + 30.0 * (TAU * 1.3 * t).sin()) / 48_000.0).fract();
            let loudness = 0.15 * (0.6 - 0.4 * (TAU * 4.0 * t).cos());
            (1..24).map(|k| (TAU * phase * k as f32).sin() / k as f32).sum::<f32>() * loudness
        })
        .collect()
}

fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

/// The lag, in samples, at which `heard` is most like `said`, and how alike they are then.
fn best_match(said: &[f32], heard: &[f32], longest: usize) -> (usize, f32) {
    let mut best = (0, 0.0f32);
    for lag in 0..longest {
        let (mut dot, mut a, mut b) = (0.0f32, 1e-9f32, 1e-9f32);
        for (s, h) in said.iter().zip(&heard[lag.min(heard.len())..]).step_by(7) {
            dot += s * h;
            a += s * s;
            b += h * h;
        }
        let likeness = dot / (a * b).sqrt();
        if likeness > best.1 {
            best = (lag, likeness);
        }
    }
    best
}

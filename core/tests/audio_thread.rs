//! The engine on its own thread, by the system's clock.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ringback::BoxFuture;
use ringback::audio::device::{CaptureEnd, OpenDevice, PlaybackEnd, Reports};
use ringback::audio::tap::playback_tap;
use ringback::audio::{
    AudioConfig, AudioDevice, AudioDevices, AudioEngine, CaptureFrom, ClockedDevices, DeviceChoice,
    DeviceError, PlaybackTo,
};
use ringback::proto::call::{AudioPlan, Tone};

#[tokio::test]
async fn a_thread_runs_only_while_something_is_open() {
    let (mut ear, port) = playback_tap();
    let devices = Arc::new(ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Tap(port)));
    let (engine, mut events) = AudioEngine::start(devices, AudioConfig::default()).unwrap();
    assert_eq!(audio_threads(), 0);
    for _ in 0..2 {
        engine.apply(AudioPlan { playback: true, tone: Some(Tone::Busy), ..AudioPlan::default() });
        until(|| audio_threads() == 1);
        until(|| ear.waiting() >= 4_800);
        let mut heard = vec![0.0; 4_800];
        ear.try_read(&mut heard);
        assert!(heard.iter().any(|s| s.abs() > 0.05));
        engine.apply(AudioPlan::default());
        until(|| audio_threads() == 0);
    }
    engine.apply(AudioPlan { playback: true, ..AudioPlan::default() });
    engine.close().await;
    assert_eq!(audio_threads(), 0);
    // A closed engine takes orders and does nothing.
    engine.apply(AudioPlan { playback: true, ..AudioPlan::default() });
    engine.close().await;
    assert_eq!(audio_threads(), 0);
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn devices_are_opened_on_the_audio_thread_only() {
    let (opened, openers) = mpsc::sync_channel(2);
    let inner = ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Null);
    let (engine, _events) =
        AudioEngine::start(Arc::new(Watched { inner, opened }), AudioConfig::default()).unwrap();
    engine.apply(AudioPlan { capture: true, playback: true, ..AudioPlan::default() });
    let names: Vec<Option<String>> = openers.iter().take(2).collect();
    assert_eq!(names, vec![Some("ringback-audio".to_owned()); 2]);
    engine.close().await;
}

/// Devices that tell which thread opens them.
struct Watched {
    inner: ClockedDevices,
    opened: mpsc::SyncSender<Option<String>>,
}

impl Watched {
    fn tell(&self) {
        self.opened.send(std::thread::current().name().map(str::to_owned)).unwrap();
    }
}

impl AudioDevices for Watched {
    fn list(&self) -> Result<Vec<AudioDevice>, DeviceError> {
        self.inner.list()
    }

    fn open_capture(&self, choice: &DeviceChoice, reports: Reports<CaptureEnd>) -> OpenDevice {
        self.tell();
        self.inner.open_capture(choice, reports)
    }

    fn open_playback(&self, choice: &DeviceChoice, reports: Reports<PlaybackEnd>) -> OpenDevice {
        self.tell();
        self.inner.open_playback(choice, reports)
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        self.inner.closed()
    }
}

/// Threads of this process that are the engine's.
fn audio_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter(|task| {
            let name = task.as_ref().map(|task| std::fs::read_to_string(task.path().join("comm")));
            name.is_ok_and(|name| name.is_ok_and(|name| name.trim() == "ringback-audio"))
        })
        .count()
}

fn until(done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < limit, "it takes too long");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

//! The rider, the driver and their devices.

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::cpal::CpalDevices;
use ringback::audio::{AudioDeviceId, DeviceChoice, DeviceKind};
use ringback::proto::DeviceId;
use ringback::proto::call::CallState;
use ringback::signaling::memory::MemoryHub;
use ringback::{Call, Event, EventKind, Events, Phone};
use ringback_measure::{Sound, chirp, locate, tone, tone_in};
use ringback_tests::pulse::{Program, PulseServer, Recording, inside, wait_until};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

/// Runs a test in a process with a sound environment of its own; skipped by name where PulseAudio is missing.
pub(crate) fn run(name: &str, test: impl Future<Output = ()>) {
    inside(name, || {
        // The test looks at recordings on its own thread, the phones live on the other. A thread of the blocking pool
        // that has nothing to do goes at once, so that threads can be counted.
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(1).thread_keep_alive(Duration::from_millis(10)).enable_all();
        runtime.build().unwrap().block_on(test);
    });
}

/// The sound server of these tests.
pub(crate) fn sound_server() -> PulseServer {
    PulseServer::start_with(DEVICES)
}

/// Two phones in a call.
pub(crate) struct Stage {
    pub(crate) rider: Side,
    pub(crate) driver: Side,
    before_phones: Held,
    before_call: Held,
}

/// One of the two.
pub(crate) struct Side {
    phone: Phone,
    pub(crate) call: Call,
    pub(crate) events: Events,
}

impl Stage {
    /// The rider calls and the driver accepts; returns when both have the other's connection and their devices.
    pub(crate) async fn in_call() -> Self {
        let before_phones = Held::now();
        let hub = MemoryHub::new(1);
        let rider = phone(&hub, "rider", 1).await;
        let driver = phone(&hub, "driver", 2).await;
        choose(&rider, DeviceKind::Capture, "rider_mic").await;
        choose(&rider, DeviceKind::Playback, "rider_ear").await;
        let [mut rider_events, mut driver_events] = [rider.events(), driver.events()];
        settled(LIMIT, || Held::now().threads <= before_phones.threads);
        let before_call = Held::now();

        let outgoing = rider.call("driver").await.unwrap();
        let answered = timeout(LIMIT, driver.incoming().next()).await.unwrap().unwrap();
        answered.accept().await.unwrap();
        for call in [&outgoing, &answered] {
            let state = timeout(LIMIT, call.wait_for(|state| *state == CallState::Active)).await.unwrap();
            assert_eq!(state, CallState::Active);
        }
        for events in [&mut rider_events, &mut driver_events] {
            in_use(events, [DeviceKind::Capture, DeviceKind::Playback]).await;
        }
        Self {
            rider: Side { phone: rider, call: outgoing, events: rider_events },
            driver: Side { phone: driver, call: answered, events: driver_events },
            before_phones,
            before_call,
        }
    }

    /// Whether the call goes on, on both sides.
    pub(crate) fn assert_active(&self) {
        for side in [&self.rider, &self.driver] {
            assert_eq!(side.call.state(), CallState::Active);
        }
    }

    /// Hangs up: what the call held goes with it, and what the phones held when they are closed.
    pub(crate) async fn hang_up(self) {
        let Self { rider, driver, before_phones, before_call } = self;
        rider.call.hang_up();
        for side in [&rider, &driver] {
            timeout(LIMIT, side.call.ended()).await.unwrap();
        }
        expect_no_more_than(&before_call);
        for side in [&rider, &driver] {
            side.phone.close();
            timeout(LIMIT, side.phone.closed()).await.unwrap();
        }
        drop((rider, driver));
        expect_no_more_than(&before_phones);
    }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    threads: usize,
    tasks: usize,
}

impl Held {
    fn now() -> Self {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
        Self { threads, tasks: Handle::current().metrics().num_alive_tasks() }
    }
}

fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}

/// Waits until both directions of a phone use a device.
pub(crate) async fn in_use(events: &mut Events, kinds: impl IntoIterator<Item = DeviceKind>) {
    let mut missing: Vec<DeviceKind> = kinds.into_iter().collect();
    while !missing.is_empty() {
        let event = next(events, |event| matches!(event, Event::DeviceInUse { name: Some(_), .. })).await;
        if let Event::DeviceInUse { kind, .. } = event {
            missing.retain(|wanted| *wanted != kind);
        }
    }
}

/// The next event of this kind. No call may end meanwhile.
pub(crate) async fn next(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    let search = async {
        loop {
            let event = events.next().await.expect("the phone is open");
            if let Event::Call(call) = &event
                && let EventKind::State(CallState::Ended(end)) = &call.kind
            {
                panic!("the call ended: {end:?}");
            }
            if wanted(&event) {
                return event;
            }
        }
    };
    timeout(LIMIT, search).await.expect("the event comes in time")
}

/// Says a tone of 440 Hz into a microphone, for a minute.
pub(crate) fn say_tone(server: &PulseServer, mouth: &str) -> Program {
    server.play(mouth, &tone(RATE_HZ, TONE_HZ, 60_000.0, -12.0).samples)
}

/// Says a chirp every second into a microphone, for a minute.
pub(crate) fn say_chirps(server: &PulseServer, mouth: &str) -> Program {
    let mut second = chirp(RATE_HZ, CHIRP_MS, -6.0).samples;
    second.resize(RATE_HZ as usize, 0.0);
    server.play(mouth, &second.repeat(60))
}

/// Waits until the tone is heard for a second: as loud as a tone that was said, and purer than a chopped one.
pub(crate) fn expect_tone(ear: &Recording) {
    let mut last = None;
    let heard = wait_until(LIMIT, || {
        let found = tone_in(&newest(ear, 1_000)?, TONE_HZ);
        last = Some(found);
        (found.level_dbfs > -25.0 && found.purity_db > 15.0).then_some(())
    });
    assert!(heard.is_some(), "no tone: {last:?}");
}

/// Waits until a chirp is heard.
pub(crate) fn expect_chirp(ear: &Recording) {
    let wanted = chirp(RATE_HZ, CHIRP_MS, -6.0);
    let mut best = 0.0;
    let heard = wait_until(LIMIT, || {
        let found = locate(&newest(ear, 1_500)?, &wanted).map_or(0.0, |found| found.correlation);
        best = f64::max(best, found);
        (found > 0.7).then_some(())
    });
    assert!(heard.is_some(), "no chirp: {best}");
}

/// The newest part of a recording, once it is so long.
fn newest(ear: &Recording, ms: usize) -> Option<Sound> {
    let samples = ear.so_far();
    let from = samples.len().checked_sub(ms * RATE_HZ as usize / 1_000)?;
    Some(Sound { rate_hz: RATE_HZ, samples: samples[from..].to_vec() })
}

async fn phone(hub: &MemoryHub, user: &str, number: u8) -> Phone {
    let device = DeviceId::from_random([number; 16]);
    Phone::builder(Arc::new(hub.join(user.parse().unwrap(), device)))
        .user(user)
        .device(device)
        .audio_devices(Arc::new(CpalDevices::new()))
        .local_demo(true)
        .start()
        .await
        .unwrap()
}

async fn choose(phone: &Phone, kind: DeviceKind, device: &str) {
    let id = AudioDeviceId(format!("pulseaudio:{device}"));
    phone.audio().choose(kind, DeviceChoice::Id(id)).await.unwrap();
}

fn expect_no_more_than(before: &Held) {
    let gone = settled(LIMIT, || {
        let now = Held::now();
        now.threads <= before.threads && now.tasks <= before.tasks
    });
    assert!(gone, "before {before:?}, now {:?}: {:?}", Held::now(), thread_names());
}

fn settled(at_most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    wait_until(at_most, || holds().then_some(())).is_some()
}

/// For everything that takes milliseconds on a machine with time.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
const RATE_HZ: u32 = 48_000;
const TONE_HZ: f64 = 440.0;
/// Long enough to stand out, short enough for the drift loops not to bend it.
const CHIRP_MS: f64 = 200.0;

const DEVICES: &str = "\
load-module module-null-sink sink_name=ear rate=48000 channels=1
load-module module-null-sink sink_name=spare rate=44100 channels=2
load-module module-null-sink sink_name=rider_ear rate=48000 channels=1
load-module module-null-sink sink_name=rider_mouth rate=48000 channels=1
load-module module-null-sink sink_name=driver_mouth rate=48000 channels=1
load-module module-remap-source source_name=rider_mic master=rider_mouth.monitor
load-module module-remap-source source_name=driver_mic master=driver_mouth.monitor
load-module module-rescue-streams
set-default-sink ear
set-default-source driver_mic
";

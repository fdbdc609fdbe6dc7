//! Devices, signaling, clock, and the limits of the whole.

use std::time::Duration;

use super::*;
use crate::audio::DeviceError;
use crate::media::ice::{IceServerList, IceServersError};
use crate::proto::DeviceId;
use crate::signaling::OfflineWhy;
use crate::signaling::memory::{Faults, HubClock, MemoryHub};

const ONLINE: SignalingHealth = SignalingHealth::Online;

async fn code(patient: Patient, subject: &str) -> (&'static str, Verdict) {
    let diagnosis = diagnose(patient, DiagnoseOptions::default()).await;
    let check = diagnosis.checks.iter().find(|check| check.subject() == subject).unwrap();
    (check.code(), check.verdict())
}

/// A patient on a hub, with this health; the hub lives as long as its port.
fn on(hub: &MemoryHub, health: SignalingHealth) -> Patient {
    let port = hub.join("rider".parse().unwrap(), DeviceId::from_random([1; 16]));
    Patient {
        signaling: Some(Arc::new(port)),
        health: watch::Sender::new(health).subscribe(),
        ..patient(None)
    }
}

#[tokio::test(start_paused = true)]
async fn devices_that_work_are_opened() {
    assert_eq!(code(patient(None), "microphone").await, ("opens", Verdict::Ok));
    assert_eq!(code(patient(None), "speaker").await, ("opens", Verdict::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_microphone_that_is_denied_missing_or_in_use_is_told_apart() {
    let cases = [
        (DeviceError::Denied, "denied"),
        (DeviceError::NoDevice, "missing"),
        (DeviceError::InUse, "in_use"),
        (DeviceError::NoServer, "no_sound_server"),
    ];
    for (error, expected) in cases {
        let patient = patient_with(CaptureFrom::Failing(error), PlaybackTo::Null, None);
        assert_eq!(code(patient, "microphone").await, (expected, Verdict::Problem));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_devices_to_itself() {
    let failing = CaptureFrom::Failing(DeviceError::InUse);
    let patient = Patient {
        call_is_up: call_from(std::future::ready(())),
        ..patient_with(failing, PlaybackTo::Null, None)
    };
    assert_eq!(code(patient, "microphone").await, ("in_call", Verdict::Skipped));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_begins_meanwhile_gets_its_devices() {
    let begins = Duration::from_millis(50);
    let patient = Patient { call_is_up: call_from(tokio::time::sleep(begins)), ..patient(None) };
    let audio = patient.audio.clone();
    let start = Instant::now();
    let checked = device(&audio, DeviceKind::Capture, patient.call_is_up.clone()).await;
    assert_eq!(checked, Check::Device { kind: DeviceKind::Capture, finding: DeviceFinding::InCall });
    // It would be open for 200 ms.
    assert_eq!(start.elapsed(), begins);
    assert_eq!(code(patient, "speaker").await, ("in_call", Verdict::Skipped));
}

#[tokio::test]
async fn devices_can_be_left_closed() {
    let failing = CaptureFrom::Failing(DeviceError::Denied);
    let options = DiagnoseOptions { open_devices: false, ..DiagnoseOptions::default() };
    let diagnosis = diagnose(patient_with(failing, PlaybackTo::Null, None), options).await;
    assert_eq!(diagnosis.checks[0].code(), "listed");
}

#[tokio::test(start_paused = true)]
async fn signaling_tells_its_round_trip() {
    let hub = MemoryHub::new(1);
    hub.set_faults(Faults::delay(Duration::from_millis(40)));
    let diagnosis = diagnose(on(&hub, ONLINE), DiagnoseOptions::default()).await;
    let round_trip = Duration::from_millis(80);
    assert_eq!(diagnosis.checks[2], Check::Signaling(SignalingFinding::Answers { round_trip }));
}

#[tokio::test(start_paused = true)]
async fn slow_signaling_is_a_warning() {
    let hub = MemoryHub::new(1);
    hub.set_faults(Faults::delay(Duration::from_millis(700)));
    assert_eq!(code(on(&hub, ONLINE), "signaling").await, ("answers", Verdict::Warning));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_no_longer_answers_is_silent() {
    let hub = MemoryHub::new(1);
    hub.set_faults(Faults::loss(1.0));
    assert_eq!(code(on(&hub, ONLINE), "signaling").await, ("silent", Verdict::Problem));
}

#[tokio::test(start_paused = true)]
async fn signaling_that_is_offline_says_why() {
    let hub = MemoryHub::new(1);
    let refused = SignalingHealth::Offline { why: OfflineWhy::KeyRefused, retry_in: Duration::ZERO };
    assert_eq!(code(on(&hub, refused), "signaling").await, ("key_refused", Verdict::Problem));
    hub.set_gone(true);
    assert_eq!(code(on(&hub, ONLINE), "signaling").await, ("connection_lost", Verdict::Problem));
    assert_eq!(code(patient(None), "signaling").await, ("closed", Verdict::Problem));
}

#[tokio::test(start_paused = true)]
async fn signaling_that_never_connects_is_not_waited_for_longer_than_a_check() {
    let hub = MemoryHub::new(1);
    let (health, receiver) = watch::channel(SignalingHealth::Connecting);
    let patient = Patient { health: receiver, ..on(&hub, ONLINE) };
    let start = Instant::now();
    assert_eq!(code(patient, "signaling").await, ("connecting", Verdict::Problem));
    assert_eq!(start.elapsed(), CHECK_LIMIT);
    drop(health);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_by_half_a_minute_is_a_warning() {
    let hub = MemoryHub::new(1);
    let seconds = Duration::from_secs;
    let cases = [
        (HubClock::Right, "in_step", Verdict::Ok),
        (HubClock::Behind(seconds(29)), "in_step", Verdict::Ok),
        (HubClock::Behind(seconds(31)), "ahead", Verdict::Warning),
        (HubClock::Ahead(seconds(3600)), "behind", Verdict::Warning),
        (HubClock::Missing, "unknown", Verdict::Skipped),
    ];
    for (clock, expected, verdict) in cases {
        hub.set_clock(clock);
        assert_eq!(code(on(&hub, ONLINE), "clock").await, (expected, verdict), "{clock:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_phone_without_servers_is_a_warning() {
    assert_eq!(code(patient(None), "ice_servers").await, ("not_set", Verdict::Warning));
}

/// A source that fails, or never answers.
struct Source(Option<IceServersError>);

impl IceServers for Source {
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
        match &self.0 {
            Some(error) => Box::pin(std::future::ready(Err(error.clone()))),
            None => Box::pin(std::future::pending()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_servers_that_fails_says_how() {
    let cases = [
        (Some(IceServersError::Unreachable), "unreachable"),
        (Some(IceServersError::Refused), "refused"),
        (Some(IceServersError::SignedOut), "signed_out"),
        (Some(IceServersError::Malformed), "malformed"),
        (None, "silent"),
    ];
    for (failure, expected) in cases {
        let source: Arc<dyn IceServers> = Arc::new(Source(failure));
        assert_eq!(code(patient(Some(source)), "ice_servers").await, (expected, Verdict::Problem));
    }
}

/// A source that takes its time.
struct Slow {
    after: Duration,
    servers: Arc<dyn IceServers>,
}

impl IceServers for Slow {
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
        Box::pin(async {
            tokio::time::sleep(self.after).await;
            self.servers.fetch().await
        })
    }
}

/// The checks of a list that takes its time and its server, which says nothing; and how long the whole took.
async fn with_a_list_after(after: Duration) -> (Vec<Check>, Duration) {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let servers = ice(&[format!("turn:{}", silent.local_addr().unwrap())], "rider").unwrap();
    let start = Instant::now();
    let slow: Arc<dyn IceServers> = Arc::new(Slow { after, servers });
    let mut diagnosis = diagnose(patient(Some(slow)), DiagnoseOptions::default()).await;
    (diagnosis.checks.split_off(4), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_list_that_comes_late_is_a_warning_and_its_servers_are_asked() {
    for (after_ms, code, verdict) in [(0, "listed", Verdict::Ok), (2_600, "slow", Verdict::Warning)] {
        let (checks, _) = with_a_list_after(Duration::from_millis(after_ms)).await;
        assert_eq!((checks[0].code(), checks[0].verdict()), (code, verdict));
        assert_eq!((checks[1].subject(), checks[1].code()), ("turn.udp", "silent"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_takes_less_than_eight_seconds_whatever_hangs() {
    for list_ms in [0, 4_900, 5_100] {
        let (checks, whole) = with_a_list_after(Duration::from_millis(list_ms)).await;
        assert!(whole < Duration::from_secs(8), "{whole:?} for {checks:?}");
    }
}

#[tokio::test]
async fn a_dropped_diagnosis_leaves_no_task() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let urls = [format!("turn:{}", silent.local_addr().unwrap())];
    let options = DiagnoseOptions { open_devices: false, ..DiagnoseOptions::default() };
    let running = diagnose(patient(ice(&urls, "rider")), options);
    assert!(tokio::time::timeout(Duration::from_millis(50), running).await.is_err());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

//! What the tests of whole phones share: an engine without media, and phones on a hub in memory.
#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod fake_engine;

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::{AudioConfig, CaptureFrom, ClockMode, ClockedDevices, PlaybackTo};
use ringback::clock::TokioClock;
use ringback::proto::DeviceId;
use ringback::proto::call::CallState;
use ringback::signaling::Signaling;
use ringback::signaling::memory::MemoryHub;
use ringback::{Call, Phone, PhoneBuilder};

use self::fake_engine::FakeEngine;

/// A phone with no media and no sound card, in the test's own time.
pub(crate) fn builder(hub: &MemoryHub, user: &str, number: u8) -> PhoneBuilder {
    let device = DeviceId::from_random([number; 16]);
    let name = user.parse().expect("a user id");
    builder_over(Arc::new(hub.join(name, device)), user, number)
}

pub(crate) fn builder_over(signaling: Arc<dyn Signaling>, user: &str, number: u8) -> PhoneBuilder {
    let device = DeviceId::from_random([number; 16]);
    Phone::builder(signaling)
        .user(user)
        .device(device)
        .seed([number; 32])
        .clock(Arc::new(TokioClock::new()))
        .media_engine(Arc::new(FakeEngine::default()))
        .audio_devices(Arc::new(ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Null)))
        .audio_config(AudioConfig { clock: ClockMode::Tokio, ..AudioConfig::default() })
}

pub(crate) async fn phone(hub: &MemoryHub, user: &str, number: u8) -> Phone {
    builder(hub, user, number).start().await.expect("the phone starts")
}

/// Waits until a call is active, in virtual time.
pub(crate) async fn active(call: &Call) {
    let state = tokio::time::timeout(LIMIT, call.wait_for(|state| *state == CallState::Active)).await;
    assert_eq!(state.expect("the call becomes active in time"), CallState::Active);
}

pub(crate) async fn close(phones: impl IntoIterator<Item = Phone>) {
    for phone in phones {
        phone.close();
        tokio::time::timeout(LIMIT, phone.closed()).await.expect("the phone closes in time");
    }
}

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

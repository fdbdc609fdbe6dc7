//! What a phone tells its ports and learns from them: a changed network, closed signaling, the order of calls.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringback::net::PushedWatch;
use ringback::proto::call::{Admission, CallState, Incoming};
use ringback::signaling::memory::{MemoryHub, MemorySignaling};
use ringback::signaling::{OfflineWhy, Outgoing, RefusedWhy, Signaling, SignalingEvent, SignalingHealth};
use ringback::{BoxFuture, Event, EventKind, MayRing, StartError};

use self::common::fake_engine::FakeEngine;
use self::common::{LIMIT, builder, builder_over, close, phone};

#[tokio::test(start_paused = true)]
async fn a_changed_network_is_told_to_engine_and_signaling() {
    let (engine, signaling) = (Arc::new(FakeEngine::default()), Arc::new(Told::new("rider1")));
    let rider =
        builder_over(signaling.clone(), "rider1", 1).media_engine(engine.clone()).start().await.unwrap();
    rider.network_changed();
    until(|| engine.network_changes() == 1 && signaling.changes.load(Ordering::SeqCst) == 1).await;
    close([rider]).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_watch_tells_the_phone() {
    let (engine, signaling) = (Arc::new(FakeEngine::default()), Arc::new(Told::new("rider2")));
    let watch = PushedWatch::default();
    let builder = builder_over(signaling.clone(), "rider2", 1).media_engine(engine.clone());
    let rider = builder.network_watch(Arc::new(watch.clone())).start().await.unwrap();
    for changes in 1..=2 {
        watch.network_changed();
        until(|| engine.network_changes() == changes).await;
        assert_eq!(signaling.changes.load(Ordering::SeqCst), changes);
    }
    close([rider]).await;
}

#[tokio::test(start_paused = true)]
async fn signaling_that_is_closed_under_a_phone_shows_in_its_health() {
    let hub = MemoryHub::new(3);
    let signaling = Arc::new(Told::on(&hub, "rider3"));
    let rider = builder_over(signaling.clone(), "rider3", 1).start().await.unwrap();
    let mut health = rider.signaling_health();
    tokio::time::timeout(LIMIT, health.wait_for(|health| *health == SignalingHealth::Online))
        .await
        .unwrap()
        .unwrap();
    signaling.close().await;
    let closed = SignalingHealth::Offline { why: OfflineWhy::Closed, retry_in: Duration::MAX };
    tokio::time::timeout(LIMIT, health.wait_for(|health| *health == closed)).await.unwrap().unwrap();
    close([rider]).await;
}

#[tokio::test(start_paused = true)]
async fn signaling_serves_one_phone() {
    let signaling: Arc<dyn Signaling> = Arc::new(Told::new("rider4"));
    let rider = builder_over(signaling.clone(), "rider4", 1).start().await.unwrap();
    let other = builder_over(signaling.clone(), "rider4", 2).start().await;
    assert_eq!(other.unwrap_err(), StartError::SignalingUsed);
    let replaced = builder_over(signaling.clone(), "rider4", 1).replace_live(true).start().await;
    assert_eq!(replaced.unwrap_err(), StartError::SignalingUsed);
    // Adopting needs no signaling, so it does not matter which was given.
    let adopted = builder_over(signaling.clone(), "rider4", 1).start().await.unwrap();
    adopted.call("nobody").await.expect("the phone lives as before").hang_up();
    close([rider, adopted]).await;
    let again = builder_over(signaling, "rider4", 1).start().await;
    assert_eq!(again.unwrap_err(), StartError::SignalingUsed, "the phone closed it");
}

#[tokio::test(start_paused = true)]
async fn calls_that_ring_already_come_oldest_first() {
    let hub = MemoryHub::new(5);
    let driver = phone(&hub, "driver5", 9).await;
    let mut events = driver.events();
    let mut callers = Vec::new();
    let mut rang = Vec::new();
    for number in [4, 1, 3, 2] {
        let caller = phone(&hub, &format!("caller5{number}"), number).await;
        rang.push(caller.call("driver5").await.unwrap().id());
        callers.push(caller);
        rings(&mut events).await;
    }
    let mut incoming = driver.incoming();
    for call in rang {
        assert_eq!(incoming.next().await.unwrap().id(), call);
    }
    drop(incoming);
    callers.push(driver);
    close(callers).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panics_refuses_and_is_asked_again() {
    struct Panics(AtomicUsize);
    impl MayRing for Panics {
        fn may_ring(&self, _: Incoming) -> BoxFuture<'_, Admission> {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) >= 5, "the policy has a bug");
            Box::pin(std::future::ready(Admission::Unverified))
        }
    }
    let hub = MemoryHub::new(6);
    let policy = Arc::new(Panics(AtomicUsize::new(0)));
    let driver = builder(&hub, "driver6", 9).may_ring(policy.clone()).start().await.unwrap();
    let mut incoming = driver.incoming();
    let mut phones = Vec::new();
    for number in 1..=6 {
        let caller = phone(&hub, &format!("caller6{number}"), number).await;
        caller.call("driver6").await.unwrap();
        phones.push(caller);
        until(|| policy.0.load(Ordering::SeqCst) >= usize::from(number)).await;
    }
    assert_eq!(incoming.next().await.unwrap().peer().as_str(), "caller66");
    drop(incoming);
    phones.push(driver);
    close(phones).await;
}

async fn rings(events: &mut ringback::Events) {
    let ringing = |event: &Event| matches!(event, Event::Call(event) if event.kind == EventKind::State(CallState::Ringing));
    while !ringing(&events.next().await.expect("the phone lives")) {}
}

async fn until(done: impl Fn() -> bool) {
    let waited = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waited).await.expect("it happens in time");
}

/// A transport that counts what it is told.
struct Told {
    inner: MemorySignaling,
    changes: AtomicUsize,
}

impl Told {
    fn new(user: &str) -> Self {
        Self::on(&MemoryHub::new(1), user)
    }

    fn on(hub: &MemoryHub, user: &str) -> Self {
        let device = ringback::proto::DeviceId::from_random([1; 16]);
        Self { inner: hub.join(user.parse().unwrap(), device), changes: AtomicUsize::new(0) }
    }
}

impl Signaling for Told {
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        self.inner.send(message)
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        self.inner.next()
    }

    fn network_changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

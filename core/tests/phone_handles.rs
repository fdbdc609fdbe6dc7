//! The handles of a phone: what verbs promise, how a phone is adopted, how it closes.

mod common;

use std::sync::Arc;
use std::time::Duration;

use ringback::proto::call::{CallState, VerbError};
use ringback::proto::session::MediaFailure;
use ringback::proto::{By, EndReason};
use ringback::signaling::memory::{Faults, MemoryHub};
use ringback::signaling::{Outgoing, RefusedWhy, Signaling, SignalingEvent};
use ringback::{BoxFuture, CallError, CallOptions, Event, EventKind, StartError};

use self::common::fake_engine::FakeEngine;
use self::common::{LIMIT, active, builder, close, phone};

#[tokio::test(start_paused = true)]
async fn a_call_goes_from_initiated_to_ended_in_order() {
    let hub = MemoryHub::new(1);
    let (rider, driver) = (phone(&hub, "rider1", 1).await, phone(&hub, "driver1", 2).await);
    let mut incoming = driver.incoming();
    let mut events = rider.events();
    let call = rider.call("driver1").await.unwrap();
    let ringing = incoming.next().await.unwrap();
    assert_eq!(ringing.id(), call.id());
    ringing.accept().await.unwrap();
    active(&call).await;
    active(&ringing).await;
    call.hang_up();
    assert_eq!(call.ended().await.reason, EndReason::HungUp);
    let end = ringing.ended().await;
    assert_eq!((end.reason, end.by), (EndReason::HungUp, By::Remote));
    let mut states = Vec::new();
    let mut numbers = Vec::new();
    while let Some(event) = events.try_next() {
        let Event::Call(event) = event else { continue };
        numbers.push(event.number);
        if let EventKind::State(state) = event.kind {
            states.push(state);
        }
    }
    let expected = [CallState::Initiated, CallState::Ringing, CallState::Connecting, CallState::Active];
    assert_eq!(states[..4], expected);
    assert!(matches!(states[4..], [CallState::Ended(_)]), "{states:?}");
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    close([rider, driver]).await;
}

#[tokio::test(start_paused = true)]
async fn the_loop_of_the_readme_ends_with_the_call() {
    let hub = MemoryHub::new(14);
    let (rider, driver) = (phone(&hub, "rider14", 1).await, phone(&hub, "driver14", 2).await);
    let mut incoming = driver.incoming();
    let callee = tokio::spawn(async move {
        let call = incoming.next().await.unwrap();
        call.accept().await.unwrap();
        active(&call).await;
        call.hang_up();
    });
    let mut events = rider.events();
    let call = rider.call("driver14").await.unwrap();
    let walk = async {
        while let Some(event) = events.next().await {
            let Event::Call(event) = event else { continue };
            if let EventKind::State(CallState::Ended(_)) = event.kind {
                break;
            }
        }
        call.ended().await
    };
    let end = tokio::time::timeout(LIMIT, walk).await.expect("the loop ends");
    assert_eq!((end.reason, end.by), (EndReason::HungUp, By::Remote));
    callee.await.unwrap();
    close([rider, driver]).await;
}

#[tokio::test(start_paused = true)]
async fn r13_hang_up_and_close_do_not_wait_for_signaling() {
    let hub = MemoryHub::new(2);
    let rider = phone(&hub, "rider2", 1).await;
    let call = rider.call("driver2").await.unwrap();
    hub.set_faults(Faults { refuse: Some(RefusedWhy::Unavailable), ..Faults::default() });
    let before = tokio::time::Instant::now();
    call.hang_up();
    assert_eq!(call.ended().await.reason, EndReason::Cancelled);
    assert_eq!(before.elapsed(), Duration::ZERO, "no virtual time passes");
    rider.close();
    tokio::time::timeout(Duration::from_secs(2), rider.closed()).await.expect("closed within 2 s");
}

#[tokio::test(start_paused = true)]
async fn building_a_live_phone_again_adopts_it_with_its_calls() {
    let hub = MemoryHub::new(3);
    let (rider, driver) = (phone(&hub, "rider3", 1).await, phone(&hub, "driver3", 2).await);
    let call = rider.call("driver3").await.unwrap();
    let again = phone(&hub, "rider3", 1).await;
    assert_eq!(again.calls().len(), 1);
    assert_eq!(again.calls()[0].id(), call.id());
    again.calls()[0].hang_up();
    assert_eq!(call.ended().await.reason, EndReason::Cancelled);
    close([rider, again, driver]).await;
}

#[tokio::test(start_paused = true)]
async fn a_phone_built_to_replace_the_live_one_ends_its_calls() {
    let hub = MemoryHub::new(4);
    let rider = phone(&hub, "rider4", 1).await;
    let call = rider.call("driver4").await.unwrap();
    let fresh = builder(&hub, "rider4", 1).replace_live(true).start().await.unwrap();
    assert!(matches!(call.state(), CallState::Ended(_)));
    assert!(fresh.calls().is_empty());
    close([fresh]).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_closes_the_phone() {
    let hub = MemoryHub::new(5);
    let rider = phone(&hub, "rider5", 1).await;
    let mut events = rider.events();
    drop(rider);
    let over = tokio::time::timeout(LIMIT, async { while events.next().await.is_some() {} }).await;
    assert!(over.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_phone_kept_alive_outlives_its_handles() {
    let hub = MemoryHub::new(6);
    let rider = builder(&hub, "rider6", 1).keep_alive(true).start().await.unwrap();
    let call = rider.call("driver6").await.unwrap();
    let id = call.id();
    drop((rider, call));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = builder(&hub, "rider6", 1).start().await.unwrap();
    assert_eq!(again.calls()[0].id(), id);
    close([again]).await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_phone_leaves_no_task() {
    let hub = MemoryHub::new(7);
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (rider, driver) = (phone(&hub, "rider7", 1).await, phone(&hub, "driver7", 2).await);
    let mut incoming = driver.incoming();
    let call = rider.call("driver7").await.unwrap();
    incoming.next().await.unwrap().accept().await.unwrap();
    active(&call).await;
    close([rider, driver]).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test(start_paused = true)]
async fn verbs_in_the_wrong_state_are_typed_errors() {
    let hub = MemoryHub::new(8);
    let rider = phone(&hub, "rider8", 1).await;
    assert_eq!(rider.call("rider8").await.unwrap_err(), CallError::Verb(VerbError::OwnUser));
    assert!(matches!(rider.call("not a user").await, Err(CallError::User(_))));
    let long = CallOptions { display: Some("x".repeat(200)), ..CallOptions::default() };
    assert_eq!(rider.call_with("driver8", long).await.unwrap_err(), CallError::Verb(VerbError::TooLong));
    let call = rider.call("driver8").await.unwrap();
    assert_eq!(call.accept().await, Err(CallError::Verb(VerbError::NotRinging)));
    assert_eq!(call.send(vec![0]).await, Err(CallError::Verb(VerbError::NotAnswered)));
    call.hang_up();
    call.ended().await;
    call.hang_up();
    assert!(call.set_muted(true).await.is_err());
    rider.close();
    rider.closed().await;
    assert_eq!(rider.call("driver8").await.unwrap_err(), CallError::Verb(VerbError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_handle_shows_mute_and_hold_when_the_verb_returns() {
    let hub = MemoryHub::new(10);
    let (rider, driver) = (phone(&hub, "rider10", 1).await, phone(&hub, "driver10", 2).await);
    let call = rider.call("driver10").await.unwrap();
    call.set_muted(true).await.unwrap();
    call.set_held(true).await.unwrap();
    assert_eq!((call.snapshot().muted, call.snapshot().held), (true, true));
    call.set_muted(false).await.unwrap();
    assert!(!call.snapshot().muted);
    close([rider, driver]).await;
}

#[tokio::test(start_paused = true)]
async fn a_phone_without_a_user_or_with_a_wild_ring_time_does_not_start() {
    let hub = MemoryHub::new(9);
    let wild = builder(&hub, "rider9", 1).ring_time(Duration::from_secs(5)).start().await;
    assert_eq!(wild.unwrap_err(), StartError::RingTime);
    let unnamed = builder(&hub, "rider9", 1).user("").start().await;
    assert!(matches!(unnamed.unwrap_err(), StartError::User(_)));
}

/// A transport that hangs in every call.
struct Stuck;

impl Signaling for Stuck {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        Box::pin(std::future::pending())
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        Box::pin(std::future::pending())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn r13_a_transport_that_hangs_delays_neither_hang_up_nor_close() {
    let rider = common::builder_over(Arc::new(Stuck), "rider10", 1).start().await.unwrap();
    let call = rider.call("driver10").await.unwrap();
    let before = tokio::time::Instant::now();
    call.hang_up();
    assert_eq!(call.ended().await.reason, EndReason::Cancelled);
    assert_eq!(before.elapsed(), Duration::ZERO, "no virtual time passes");
    rider.close();
    tokio::time::timeout(Duration::from_secs(3), rider.closed()).await.expect("closed in time");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_takes_no_command_ends_the_call_as_internal() {
    let hub = MemoryHub::new(11);
    let engine = Arc::new(FakeEngine::default());
    engine.refuse();
    let rider = builder(&hub, "rider11", 1).media_engine(engine).start().await.unwrap();
    let call = rider.call("driver11").await.unwrap();
    assert_eq!(call.ended().await.reason, EndReason::Internal);
    close([rider]).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_built_ends_the_call_and_leaves_none() {
    let hub = MemoryHub::new(12);
    let engine = Arc::new(FakeEngine::default());
    engine.fail(MediaFailure::Engine);
    let rider = builder(&hub, "rider12", 1).media_engine(engine.clone()).start().await.unwrap();
    let call = rider.call("driver12").await.unwrap();
    assert_eq!(call.ended().await.reason, EndReason::Internal);
    assert_eq!(engine.open(), 0);
    close([rider]).await;
}

#[tokio::test(start_paused = true)]
async fn an_answered_call_without_a_path_fails_on_both_sides() {
    let hub = MemoryHub::new(13);
    let engines = [Arc::new(FakeEngine::default()), Arc::new(FakeEngine::default())];
    engines.iter().for_each(|engine| engine.no_path());
    let rider = builder(&hub, "rider13", 1).media_engine(engines[0].clone()).start().await.unwrap();
    let driver = builder(&hub, "driver13", 2).media_engine(engines[1].clone()).start().await.unwrap();
    let mut incoming = driver.incoming();
    let call = rider.call("driver13").await.unwrap();
    let answered = incoming.next().await.unwrap();
    answered.accept().await.unwrap();
    for call in [&call, &answered] {
        let end = tokio::time::timeout(LIMIT, call.ended()).await.expect("it ends in time");
        assert!(matches!(end.reason, EndReason::ConnectFailed(_)), "{end:?}");
    }
    assert_eq!(engines.map(|engine| engine.open()), [0, 0]);
    close([rider, driver]).await;
}

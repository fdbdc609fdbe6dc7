//! One live phone per user and device: starts that meet each other, and starts beside a phone that closes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use ringback::proto::call::VerbError;
use ringback::signaling::memory::MemoryHub;
use ringback::signaling::{Outgoing, RefusedWhy, Signaling, SignalingEvent};
use ringback::{BoxFuture, CallError};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use self::common::{builder, builder_over, close};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn phones_started_at_once_are_one() {
    for round in 0..20 {
        let hub = MemoryHub::new(round);
        let (user, gate) = (format!("together{round}"), Arc::new(Barrier::new(4)));
        let mut starts = JoinSet::new();
        for _ in 0..4 {
            let (builder, gate) = (builder(&hub, &user, 1), gate.clone());
            starts.spawn(async move {
                gate.wait().await;
                builder.start().await.unwrap()
            });
        }
        let phones = starts.join_all().await;
        let call = phones[0].call("nobody").await.unwrap();
        for phone in &phones {
            assert_eq!(phone.calls().first().map(ringback::Call::id), Some(call.id()));
        }
        drop(call);
        close(phones).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_starts_that_replace_a_phone_leave_one() {
    let hub = MemoryHub::new(1);
    let old = builder(&hub, "replaced", 1).start().await.unwrap();
    let starts = [0, 1].map(|_| builder(&hub, "replaced", 1).replace_live(true).start());
    let [first, second] = starts;
    let (first, second) = tokio::join!(first, second);
    let fresh = [first.unwrap(), second.unwrap()];
    let mut open = Vec::new();
    for phone in fresh {
        match phone.call("nobody").await {
            Ok(_) => open.push(phone),
            Err(error) => assert_eq!(error, CallError::Verb(VerbError::Closed)),
        }
    }
    assert_eq!(open.len(), 1);
    drop(old);
    close(open).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_until_the_phone_before_it_is_gone() {
    let old = builder_over(Arc::new(SlowToClose), "waits", 1).start().await.unwrap();
    let mut events = old.events();
    drop(old);
    let fresh = builder(&MemoryHub::new(2), "waits", 1).start().await.unwrap();
    let over = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::ZERO, over).await.expect("the old phone is closed already");
    close([fresh]).await;
}

/// A transport that takes a second to say goodbye.
struct SlowToClose;

impl Signaling for SlowToClose {
    fn send(&self, _: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        Box::pin(std::future::ready(Err(RefusedWhy::Unavailable)))
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        Box::pin(std::future::pending())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_secs(1)))
    }
}

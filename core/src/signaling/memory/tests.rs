//! The hub in memory, in virtual time.

use super::*;
use crate::proto::MessageId;
use crate::signaling::{OfflineWhy, SignalingHealth, To};

#[tokio::test(start_paused = true)]
async fn a_message_reaches_every_phone_of_the_user_and_nobody_else() {
    let hub = MemoryHub::new(1);
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    let tablet = joined(&hub, "driver", 3).await;
    rider.send(message("driver", "hello")).await.unwrap();
    assert_eq!(driver.next().await, live("hello"));
    assert_eq!(tablet.next().await, live("hello"));
    assert!(idle(&rider).await);
}

#[tokio::test(start_paused = true)]
async fn messages_of_one_millisecond_keep_their_order() {
    let hub = MemoryHub::new(1);
    hub.set_faults(Faults::delay(Duration::from_millis(30)));
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    let start = Instant::now();
    for n in 0..20 {
        rider.send(message("driver", &n.to_string())).await.unwrap();
    }
    for n in 0..20 {
        assert_eq!(driver.next().await, live(&n.to_string()));
    }
    assert_eq!(start.elapsed(), Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_loses_copies_and_delays_the_same_messages() {
    let (first, second, other) = (storm(7).await, storm(7).await, storm(8).await);
    assert_eq!(first, second);
    assert_ne!(first, other);
    assert!(first.len() > 100 && first.len() < 200, "{}", first.len());
}

#[tokio::test(start_paused = true)]
async fn talk_of_one_pair_does_not_change_the_fate_of_another() {
    let quiet = fates_of_driver(false).await;
    let busy = fates_of_driver(true).await;
    assert_eq!(quiet, busy);
}

#[tokio::test(start_paused = true)]
async fn a_cut_phone_is_told_and_loses_what_was_under_way() {
    let hub = MemoryHub::new(1);
    hub.set_faults(Faults::delay(Duration::from_millis(100)));
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    rider.send(message("driver", "lost")).await.unwrap();
    hub.cut(&user("driver"), device(2));
    assert_eq!(driver.next().await, SignalingEvent::Down);
    assert_eq!(driver.send(message("rider", "no")).await, Err(RefusedWhy::Unavailable));
    rider.send(message("driver", "lost too")).await.unwrap();
    hub.restore(&user("driver"), device(2));
    let offline = SignalingHealth::Offline { why: OfflineWhy::Unreachable, retry_in: Duration::ZERO };
    assert_eq!(driver.next().await, SignalingEvent::Health(offline));
    assert_eq!(driver.next().await, SignalingEvent::Up { caught_up: true });
    assert_eq!(driver.next().await, SignalingEvent::Health(SignalingHealth::Online));
    assert!(idle(&driver).await);
    assert_eq!(hub.counts().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_flaps_unread_leaves_a_bounded_story() {
    let hub = MemoryHub::new(1);
    let driver = joined(&hub, "driver", 2).await;
    for _ in 0..100 {
        hub.set_gone(true);
        hub.set_gone(false);
    }
    let mut story = Vec::new();
    while let Ok(event) = tokio::time::timeout(Duration::from_millis(1), driver.next()).await {
        story.push(event);
    }
    assert_eq!(story.first(), Some(&SignalingEvent::Down));
    assert_eq!(story.last(), Some(&SignalingEvent::Health(SignalingHealth::Online)));
    assert!(story.len() <= 4, "{story:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_come_at_once_or_later_as_asked() {
    let hub = MemoryHub::new(1);
    let rider = joined(&hub, "rider", 1).await;
    let (from, to) = (user("rider"), user("driver"));
    let at_once = Faults { refuse: Some(RefusedWhy::NotAllowed), ..Faults::default() };
    hub.set_pair_faults(&from, &to, Some(at_once));
    assert_eq!(rider.send(message("driver", "x")).await, Err(RefusedWhy::NotAllowed));
    let later = Faults { refuse_later: Some(RefusedWhy::RateLimited), ..Faults::default() };
    hub.set_pair_faults(&from, &to, Some(later));
    let late = message("driver", "x");
    rider.send(late.clone()).await.unwrap();
    assert_eq!(rider.next().await, SignalingEvent::Refused(late.id, RefusedWhy::RateLimited));
    hub.set_pair_faults(&from, &to, None);
    rider.send(message("driver", "x")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_loses_the_newest() {
    let hub = MemoryHub::new(1);
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    for n in 0..1100 {
        rider.send(message("driver", &n.to_string())).await.unwrap();
    }
    assert_eq!(hub.counts().overflowed, 76);
    assert_eq!(driver.next().await, live("0"));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_refused() {
    let hub = MemoryHub::new(1);
    let rider = joined(&hub, "rider", 1).await;
    let large = message("driver", &"x".repeat(MAX_BYTES + 1));
    assert_eq!(rider.send(large).await, Err(RefusedWhy::TooLarge));
}

#[tokio::test(start_paused = true)]
async fn after_close_the_last_event_is_closed() {
    let hub = MemoryHub::new(1);
    let rider = joined(&hub, "rider", 1).await;
    rider.close().await;
    assert_eq!(rider.next().await, SignalingEvent::Closed);
    assert_eq!(rider.send(message("driver", "x")).await, Err(RefusedWhy::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_tap_sees_what_passed_and_a_stranger_can_speak() {
    let hub = MemoryHub::new(1);
    let (tap, mut seen) = mpsc::channel(4);
    hub.tap(tap);
    let rider = joined(&hub, "rider", 1).await;
    rider.send(message("driver", "to nobody")).await.unwrap();
    assert_eq!(seen.recv().await.map(|passed| (passed.kind, passed.copies)), Some(("invite", 0)));
    hub.inject(&user("rider"), None, "{");
    assert_eq!(rider.next().await, SignalingEvent::Message { age: None, text: "{".into() });
}

async fn joined(hub: &MemoryHub, name: &str, number: u8) -> MemorySignaling {
    let phone = hub.join(user(name), device(number));
    assert_eq!(phone.next().await, SignalingEvent::Up { caught_up: true });
    assert_eq!(phone.next().await, SignalingEvent::Health(SignalingHealth::Online));
    phone
}

async fn storm(seed: u64) -> Vec<(Duration, SignalingEvent)> {
    let hub = MemoryHub::new(seed);
    let jitter = Duration::from_millis(80);
    hub.set_faults(Faults {
        loss: 0.3,
        duplicate: 0.2,
        reorder: 0.2,
        ageless: 0.1,
        jitter,
        ..Faults::default()
    });
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    let start = Instant::now();
    for n in 0..200 {
        rider.send(message("driver", &n.to_string())).await.unwrap();
    }
    drain(&driver, start).await
}

async fn fates_of_driver(other_pair_talks: bool) -> Vec<(Duration, SignalingEvent)> {
    let hub = MemoryHub::new(3);
    hub.set_faults(Faults::loss(0.5));
    let rider = joined(&hub, "rider", 1).await;
    let driver = joined(&hub, "driver", 2).await;
    let start = Instant::now();
    for n in 0..50 {
        rider.send(message("driver", &n.to_string())).await.unwrap();
        if other_pair_talks {
            driver.send(message("rider", "noise")).await.unwrap();
        }
    }
    drain(&driver, start).await
}

async fn drain(phone: &MemorySignaling, start: Instant) -> Vec<(Duration, SignalingEvent)> {
    let mut events = Vec::new();
    while let Ok(event) = tokio::time::timeout(Duration::from_secs(1), phone.next()).await {
        events.push((start.elapsed(), event));
    }
    events
}

async fn idle(phone: &MemorySignaling) -> bool {
    tokio::time::timeout(Duration::from_secs(1), phone.next()).await.is_err()
}

fn live(text: &str) -> SignalingEvent {
    SignalingEvent::Message { age: Some(Duration::ZERO), text: text.into() }
}

fn message(to: &str, text: &str) -> Outgoing {
    Outgoing {
        id: MessageId::from_random([1; 16]),
        call: CallId::from_random([2; 16]),
        kind: "invite",
        to: To { user: user(to), device: None, instance: None },
        ttl: Duration::from_secs(30),
        text: text.into(),
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn device(number: u8) -> DeviceId {
    DeviceId::from_random([number; 16])
}

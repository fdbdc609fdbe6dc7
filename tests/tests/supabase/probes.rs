//! The adapter is asked for a sign of life, and for the server's time.

use std::time::Duration;

use ringback::signaling::{ProbeError, Signaling};

use crate::phone::{Phone, quick_hub};
use crate::road::Road;

#[tokio::test]
async fn a_server_that_is_there_gives_a_sign_of_life() {
    let hub = quick_hub().await;
    let mut rider = Phone::public(&hub.url(), "rider");
    rider.until_up().await;
    let probes = async { tokio::join!(rider.signaling.probe(), rider.signaling.probe()) };
    let (first, second) = tokio::time::timeout(ANSWERED, probes).await.unwrap();
    assert!(first.is_ok());
    assert_eq!(first, second);
    assert!(rider.signaling.probe().await.is_ok());
    hub.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_dead_gives_none() {
    let hub = quick_hub().await;
    let road = Road::to(hub.addr()).await;
    let mut rider = Phone::public(&road.url(), "rider");
    rider.until_up().await;
    road.block_what_is_open();
    let probe = tokio::time::timeout(Duration::from_millis(300), rider.signaling.probe());
    assert!(probe.await.is_err());
    hub.stop().await;
}

#[tokio::test]
async fn signaling_that_is_closed_or_alone_says_that_it_is_offline() {
    let hub = quick_hub().await;
    let mut rider = Phone::public(&hub.url(), "rider");
    rider.until_up().await;
    hub.stop().await;
    rider.until_down().await;
    assert_eq!(rider.signaling.probe().await, Err(ProbeError::Offline));
    assert_eq!(rider.signaling.server_time().await, Err(ProbeError::Offline));
    rider.signaling.close().await;
    assert_eq!(rider.signaling.probe().await, Err(ProbeError::Offline));
}

#[tokio::test]
async fn the_servers_time_is_ours_on_one_machine() {
    let hub = quick_hub().await;
    let rider = Phone::public(&hub.url(), "rider");
    let time = rider.signaling.server_time().await.unwrap();
    assert!(time.ahead_ms().abs() < 10_000, "{time:?}");
    hub.stop().await;
}

/// A probe takes a millisecond here; a busy machine may take seconds.
const ANSWERED: Duration = Duration::from_secs(20);

//! ICE restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ringback::BoxFuture;
use ringback::media::MediaEngine;
use ringback::media::ice::{IceServerList, IceServers, IceServersError};
use ringback::media::webrtc::WebRtcEngineBuilder;
use ringback::proto::session::{MediaCommand, MediaEvent, PathState};
use ringback_tests::exchange::{CONN, Seen};
use ringback_tests::sim::{self, Path};

use super::common::Pair;

fn connected(count: usize) -> impl Fn(&Seen) -> bool {
    move |seen| {
        let connected = |event: &MediaEvent| *event == MediaEvent::Path(PathState::Connected);
        seen.events.iter().filter(|(_, event)| connected(event)).count() >= count
    }
}

fn restart(pair: &Pair, round: u32) {
    pair.a.command(CONN, MediaCommand::CreateOffer { round, ice_restart: true }).expect("room");
}

async fn both_hear(pair: &Pair) {
    let before = [pair.at_a.seen().received.len(), pair.at_b.seen().received.len()];
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = [pair.at_a.seen().received.len(), pair.at_b.seen().received.len()];
    for (before, after) in before.into_iter().zip(after) {
        assert!(after >= before + 25, "{before} {after}");
    }
}

#[test]
fn a_restart_goes_on_over_new_sockets() {
    sim::run(1, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        restart(&pair, 2);
        pair.at_a.wait(connected(2)).await;
        pair.at_b.wait(connected(2)).await;
        assert_eq!(world.net().sockets(), 2);
        both_hear(&pair).await;
        pair.close().await;
    });
}

/// A list that holds for ten seconds. The first is there at once, the next after a minute.
#[derive(Default)]
struct Stalling(AtomicU32);

impl IceServers for Stalling {
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
        let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move {
            if !first {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Ok(IceServerList { servers: Vec::new(), expires_in: Some(Duration::from_secs(10)) })
        })
    }
}

#[test]
fn sound_goes_on_while_a_restart_waits_for_servers() {
    sim::run(5, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let stalling = |builder: WebRtcEngineBuilder| builder.ice_servers(Arc::new(Stalling::default()));
        let pair = Pair::dial_with(&world, stalling, false);
        pair.up().await.unwrap();
        tokio::time::sleep(Duration::from_secs(15)).await;
        restart(&pair, 2);
        let before = [pair.at_a.seen().received.len(), pair.at_b.seen().received.len()];
        tokio::time::sleep(Duration::from_millis(900)).await;
        for (watcher, before) in [&pair.at_a, &pair.at_b].into_iter().zip(before) {
            let heard = watcher.seen().received.len() - before;
            assert!((44..=46).contains(&heard), "{heard} frames of 45");
        }
        pair.at_a.wait(connected(2)).await;
        pair.at_b.wait(connected(2)).await;
        both_hear(&pair).await;
        pair.close().await;
    });
}

#[test]
fn a_restart_survives_loss() {
    for seed in 0..10 {
        sim::run(seed, |world| async move {
            world.net().set_all(Path::delay_ms(50).loss_percent(20.0));
            let pair = Pair::dial(&world);
            pair.up().await.unwrap();
            restart(&pair, 2);
            pair.at_a.wait(connected(2)).await;
            pair.at_b.wait(connected(2)).await;
            both_hear(&pair).await;
            pair.close().await;
        });
    }
}

#[test]
fn the_newest_of_several_restarts_counts() {
    sim::run(2, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        for round in 2..5 {
            restart(&pair, round);
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        both_hear(&pair).await;
        assert!(!pair.at_a.seen().events.iter().any(|(_, event)| matches!(event, MediaEvent::Failed(_))));
        pair.close().await;
    });
}

#[test]
fn a_restart_brings_a_dead_path_back() {
    sim::run(3, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        for engine in [&pair.a, &pair.b] {
            engine.command(CONN, MediaCommand::ExpectMedia { within: Duration::from_millis(400) }).unwrap();
        }
        world.net().cut("a", "b");
        pair.at_a.wait(|seen| seen.path_was(PathState::Disconnected)).await;
        world.net().mend("a", "b");
        restart(&pair, 2);
        pair.at_a.wait(|seen| seen.has(&MediaEvent::Back)).await;
        pair.at_b.wait(|seen| seen.has(&MediaEvent::Back)).await;
        pair.close().await;
    });
}

#[test]
fn a_failed_path_can_be_restarted() {
    sim::run(4, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        world.net().cut("a", "b");
        let failed = |seen: &Seen| {
            seen.events.iter().any(|(_, event)| matches!(event, MediaEvent::Path(PathState::Failed(_))))
        };
        pair.at_a.wait(failed).await;
        pair.at_b.wait(failed).await;
        world.net().mend("a", "b");
        restart(&pair, 2);
        pair.at_a.wait(connected(2)).await;
        pair.at_b.wait(connected(2)).await;
        both_hear(&pair).await;
        pair.close().await;
    });
}

//! How connections end.

use std::sync::Arc;
use std::time::Duration;

use ringback::media::MediaEngine;
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::proto::ConnectFailure;
use ringback::proto::session::{MediaCommand, MediaEvent, PathState};
use ringback_tests::exchange::CONN;
use ringback_tests::sim::{self, Path};
use tokio::time::Instant;

use super::common::Pair;

const WITHIN: Duration = Duration::from_millis(400);

#[test]
fn a_cut_path_is_missing_media_and_a_mended_one_is_back() {
    sim::run(1, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        pair.a.command(CONN, MediaCommand::ExpectMedia { within: WITHIN }).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!pair.at_a.seen().has(&MediaEvent::Missing));
        world.net().cut("a", "b");
        let cut = Instant::now();
        let seen = pair.at_a.wait(|seen| seen.has(&MediaEvent::Missing)).await;
        let after = seen.when(&MediaEvent::Missing).unwrap() - cut;
        assert!(after >= Duration::from_millis(380) && after <= Duration::from_millis(860), "{after:?}");
        world.net().mend("a", "b");
        pair.at_a.wait(|seen| seen.has(&MediaEvent::Back)).await;
        pair.close().await;
    });
}

#[test]
fn a_killed_peer_is_missing_and_not_closed() {
    sim::run(2, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        pair.a.command(CONN, MediaCommand::ExpectMedia { within: WITHIN }).unwrap();
        // Nothing that a killed process would say gets through.
        world.net().cut("a", "b");
        pair.b.command(CONN, MediaCommand::Close).unwrap();
        let seen = pair.at_a.wait(|seen| seen.has(&MediaEvent::Missing)).await;
        assert!(!seen.has(&MediaEvent::PeerClosed));
        pair.close().await;
    });
}

#[test]
fn a_close_reaches_the_peer() {
    sim::run(3, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        pair.b.command(CONN, MediaCommand::Close).unwrap();
        let closed = Instant::now();
        let seen = pair.at_a.wait(|seen| seen.has(&MediaEvent::PeerClosed)).await;
        assert_eq!(seen.when(&MediaEvent::PeerClosed).unwrap() - closed, Duration::from_millis(50));
        pair.close().await;
    });
}

#[test]
fn a_close_gets_through_loss() {
    let mut told = 0;
    for seed in 0..20 {
        told += sim::run(seed, |world| async move {
            world.net().set_all(Path::delay_ms(50).loss_percent(20.0));
            let pair = Pair::dial(&world);
            pair.up().await.unwrap();
            pair.b.command(CONN, MediaCommand::Close).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let told = pair.at_a.seen().has(&MediaEvent::PeerClosed);
            pair.close().await;
            u32::from(told)
        })
        .output;
    }
    assert!(told >= 19, "{told} of 20");
}

#[test]
fn nothing_is_reported_after_a_close() {
    sim::run(4, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        pair.a.command(CONN, MediaCommand::Close).unwrap();
        let events = pair.at_a.seen().events.len();
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(pair.at_a.seen().events.len(), events);
        assert_eq!(pair.a.stats(CONN).await, None);
        pair.a.command(CONN, MediaCommand::Close).unwrap();
        pair.close().await;
    });
}

#[test]
fn a_close_in_the_middle_of_the_handshake_leaves_nothing() {
    for delay in [0, 1, 60, 120, 160, 220, 300, 400] {
        sim::run(5, |world| async move {
            world.net().set_all(Path::delay_ms(50).loss_percent(20.0));
            let pair = Pair::dial(&world);
            tokio::time::sleep(Duration::from_millis(delay)).await;
            pair.close().await;
            assert_eq!(world.net().sockets(), 0, "closed after {delay} ms");
        });
    }
}

#[test]
fn a_dropped_engine_leaves_nothing() {
    sim::run(6, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        pair.drop_engines().await;
    });
}

#[test]
fn a_close_that_is_given_up_half_way_leaves_nothing() {
    sim::run(8, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        for engine in [&pair.a, &pair.b] {
            // It looks once, and goes.
            let closed = tokio::time::timeout(Duration::ZERO, engine.close()).await;
            assert!(closed.is_err(), "closing takes a moment");
        }
        pair.drop_engines().await;
    });
}

#[test]
fn whoever_closes_twice_waits_twice() {
    sim::run(9, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        let (first, second) = (pair.a.clone(), pair.a.clone());
        let first = tokio::spawn(async move { first.close().await });
        let second = tokio::spawn(async move { second.close().await });
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(world.net().sockets(), 1, "only b has one");
        pair.close().await;
    });
}

#[test]
fn relay_only_without_a_turn_server_says_so_at_once() {
    sim::run(7, |world| async move {
        let pair = Pair::dial_with(&world, |builder| builder, true);
        let failed = PathState::Failed(ConnectFailure::TurnMissing);
        let seen = pair.at_a.wait(|seen| seen.path_was(failed)).await;
        assert!(seen.when(&MediaEvent::Path(failed)).unwrap() - pair.dialed < Duration::from_millis(100));
        assert!(seen.candidates.is_empty());
        pair.close().await;
    });
}

#[test]
fn no_path_is_explained_before_call_control_gives_up() {
    sim::run(8, |world| async move {
        world.net().cut("a", "b");
        let turn = IceServer {
            urls: vec!["turn:192.0.2.1".to_owned()],
            username: "u".to_owned(),
            credential: "p".to_owned(),
        };
        let servers = Arc::new(StaticIceServers::new(vec![turn]).unwrap());
        let pair = Pair::dial_with(&world, |builder| builder.ice_servers(servers.clone()), false);
        let at_a = PathState::Failed(ConnectFailure::NoPath);
        let at_b = PathState::Failed(ConnectFailure::TurnMissing);
        let seen = pair.at_a.wait(|seen| seen.path_was(at_a)).await;
        let after = seen.when(&MediaEvent::Path(at_a)).unwrap() - pair.dialed;
        assert!(after > Duration::from_secs(11) && after < Duration::from_secs(14), "{after:?}");
        pair.at_b.wait(|seen| seen.path_was(at_b)).await;
        pair.close().await;
    });
}

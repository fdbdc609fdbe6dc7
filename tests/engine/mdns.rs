//! Names ending in `.local`, which browsers send instead of their addresses, and networks without mDNS.

use std::net::Ipv4Addr;
use std::time::Duration;

use ringback::media::webrtc::WebRtcEngineBuilder;
use ringback::media::{ConnId, EngineEvent, MediaEngine};
use ringback::proto::CallId;
use ringback::proto::session::{MediaCommand, MediaEvent, MediaFailure};
use ringback_tests::exchange::CONN;
use ringback_tests::sim::{self, Binds, Path};
use tokio::time::Instant;

use super::common::Pair;

const NAME: &str = "9f1c7a52-3b0e-4c55-9a41-2f5d3c1e7b60.local";

/// The socket of mDNS is a real one even in a simulation, though nothing goes over it.
fn multicast(test: &str) -> bool {
    let socket = rtc::mdns::MulticastSocket::new().into_std();
    socket
        .map(drop)
        .inspect_err(|error| ringback_tests::skipped(test, &format!("no multicast: {error}")))
        .is_ok()
}

fn with_mdns(builder: WebRtcEngineBuilder) -> WebRtcEngineBuilder {
    builder.mdns(true)
}

/// a can only find b, by the name that b gives for itself; b never hears of a's candidates.
fn dial_by_name(
    known: bool,
    set_up: impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder,
) -> Option<Duration> {
    sim::run(1, |world| async move {
        world.net().set_all(Path::delay_ms(25));
        if known {
            world.net().mdns_name(NAME, Ipv4Addr::LOCALHOST);
        }
        let pair = Pair::dial_as(&world, set_up, |a, b| (a.keeps_candidates(), b.named(NAME)));
        let up = pair.up().await;
        pair.close().await;
        up
    })
    .output
}

#[test]
fn a_candidate_with_a_local_name_connects() {
    if multicast("mdns::a_candidate_with_a_local_name_connects") {
        assert!(dial_by_name(true, with_mdns).is_some());
        assert_eq!(dial_by_name(false, with_mdns), None, "nobody has the name");
        assert_eq!(dial_by_name(true, |builder| builder), None, "nobody asks for the name");
    }
}

/// Opens a connection; did it come to be?
async fn opens(engine: &impl MediaEngine, conn: ConnId) -> bool {
    let call = CallId::from_random([1; 16]);
    engine.command(conn, MediaCommand::Open { call, relay_only: false }).expect("room");
    loop {
        match engine.next().await {
            (at, EngineEvent::Session(MediaEvent::Opened { .. })) if at == conn => return true,
            (at, EngineEvent::Session(MediaEvent::Failed(MediaFailure::Engine))) if at == conn => {
                return false;
            }
            _ => {}
        }
    }
}

#[test]
fn without_mdns_a_call_connects_all_the_same() {
    sim::run(2, |world| async move {
        world.net().allow(Binds::WithoutMdns);
        let pair = Pair::dial_with(&world, with_mdns, false);
        assert!(pair.up().await.is_some());
        pair.close().await;
    });
}

#[test]
fn mdns_that_failed_is_tried_again_in_another_network_only() {
    if !multicast("mdns::mdns_that_failed_is_tried_again_in_another_network_only") {
        return;
    }
    sim::run(3, |world| async move {
        world.net().allow(Binds::WithoutMdns);
        let engine = with_mdns(world.engine_builder("a")).build();
        assert!(opens(&engine, ConnId(1)).await);
        assert!(opens(&engine, ConnId(2)).await);
        assert_eq!(world.net().refused(), 1, "once in a network");
        engine.network_changed();
        assert!(opens(&engine, ConnId(3)).await);
        assert_eq!(world.net().refused(), 2);
        engine.close().await;
    });
}

#[test]
fn an_engine_that_can_bind_nothing_does_not_blame_mdns() {
    if !multicast("mdns::an_engine_that_can_bind_nothing_does_not_blame_mdns") {
        return;
    }
    sim::run(4, |world| async move {
        world.net().allow(Binds::None);
        let engine = with_mdns(world.engine_builder("a")).build();
        assert!(!opens(&engine, ConnId(1)).await);
        let before = world.net().refused();
        world.net().allow(Binds::WithoutMdns);
        assert!(opens(&engine, ConnId(2)).await);
        assert_eq!(world.net().refused(), before + 1, "mDNS was tried");
        engine.close().await;
    });
}

#[test]
fn a_restart_in_a_network_without_mdns_is_told_to_fail_at_once() {
    if !multicast("mdns::a_restart_in_a_network_without_mdns_is_told_to_fail_at_once") {
        return;
    }
    sim::run(5, |world| async move {
        world.net().set_all(Path::delay_ms(25));
        let pair = Pair::dial_with(&world, with_mdns, false);
        pair.up().await.expect("up");
        world.net().allow(Binds::WithoutMdns);
        // The engine binds anew for a restart, mDNS included, and gives up.
        pair.a.command(CONN, MediaCommand::CreateOffer { round: 2, ice_restart: true }).expect("room");
        let restarted = Instant::now();
        let failed = MediaEvent::Failed(MediaFailure::Engine);
        let seen = pair.at_a.wait(|seen| seen.has(&failed)).await;
        assert!(seen.when(&failed).expect("failed") - restarted < Duration::from_millis(100));
        pair.close().await;
    });
}

//! What engines say to each other passes the allow-list, and what must not leave or repeat does not.

use ringback::media::webrtc::WebRtcEngine;
use ringback::media::{ConnId, EngineEvent, MediaEngine, QueueFull};
use ringback::proto::CallId;
use ringback::proto::session::{MediaCommand, MediaEvent, RemoteCandidate};
use ringback::proto::signal::{CandidateScope, check_candidate, check_sdp};
use ringback_tests::sim;

use super::common::Pair;

async fn offer(engine: &WebRtcEngine, conn: ConnId, call: CallId) -> String {
    engine.command(conn, MediaCommand::Open { call, relay_only: false }).expect("room");
    engine.command(conn, MediaCommand::CreateOffer { round: 1, ice_restart: false }).expect("room");
    loop {
        if let (at, EngineEvent::Session(MediaEvent::OfferReady { sdp, .. })) = engine.next().await
            && at == conn
        {
            return sdp;
        }
    }
}

#[test]
fn descriptions_and_candidates_pass_the_allow_list() {
    sim::run(1, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        for seen in [pair.at_a.seen(), pair.at_b.seen()] {
            for (_, event) in &seen.events {
                if let MediaEvent::OfferReady { sdp, .. } | MediaEvent::AnswerReady { sdp, .. } = event {
                    check_sdp(sdp).unwrap();
                }
            }
            for (_, candidate) in &seen.candidates {
                check_candidate(candidate, CandidateScope::LocalDemo).unwrap();
            }
        }
        pair.close().await;
    });
}

#[test]
fn connections_of_a_call_have_one_fingerprint_and_calls_do_not_share_it() {
    sim::run(2, |world| async move {
        let engine = world.engine("a");
        let fingerprint = |sdp: &str| check_sdp(sdp).unwrap().fingerprint;
        let calls = [CallId::from_random([1; 16]), CallId::from_random([2; 16])];
        let first = offer(&engine, ConnId(1), calls[0]).await;
        engine.command(ConnId(1), MediaCommand::Close).unwrap();
        let rebuilt = offer(&engine, ConnId(2), calls[0]).await;
        let other = offer(&engine, ConnId(3), calls[1]).await;
        assert_eq!(fingerprint(&first), fingerprint(&rebuilt));
        assert_ne!(fingerprint(&first), fingerprint(&other));
        engine.close().await;
    });
}

#[test]
fn a_full_queue_is_told_and_close_still_has_room() {
    sim::run(3, |world| async move {
        let engine = world.engine("a");
        let call = CallId::from_random([1; 16]);
        engine.command(ConnId(1), MediaCommand::Open { call, relay_only: false }).unwrap();
        let candidates = || MediaCommand::AddCandidates { candidates: Vec::new() };
        for _ in 0..64 {
            engine.command(ConnId(1), candidates()).unwrap();
        }
        assert_eq!(engine.command(ConnId(1), candidates()), Err(QueueFull));
        engine.command(ConnId(1), MediaCommand::Close).unwrap();
        assert_eq!(engine.command(ConnId(1), candidates()), Ok(()), "a closed connection takes everything");
        engine.close().await;
    });
}

#[test]
fn nonsense_of_the_peer_fails_the_connection_and_nothing_else() {
    sim::run(4, |world| async move {
        let engine = world.engine("a");
        let call = CallId::from_random([1; 16]);
        engine.command(ConnId(1), MediaCommand::Open { call, relay_only: false }).unwrap();
        let bad = RemoteCandidate { candidate: "candidate:nonsense".to_owned(), mid: "0".to_owned() };
        engine.command(ConnId(1), MediaCommand::AddCandidates { candidates: vec![bad] }).unwrap();
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n".to_owned();
        engine.command(ConnId(1), MediaCommand::TakeOffer { round: 1, sdp }).unwrap();
        loop {
            if let (_, EngineEvent::Session(MediaEvent::Failed(failure))) = engine.next().await {
                world.log(format!("{failure:?}"));
                break;
            }
        }
        offer(&engine, ConnId(2), call).await;
        engine.close().await;
    });
}

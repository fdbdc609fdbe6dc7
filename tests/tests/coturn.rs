//! The engine against a real TURN server, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::media::webrtc::WebRtcEngine;
use ringback::media::{MediaEngine, PathKind, SelectedPath};
use ringback::proto::ConnectFailure;
use ringback::proto::session::PathState;
use ringback_tests::coturn::Coturn;
use ringback_tests::exchange::{CONN, Note, Party, Watcher};
use ringback_tests::sim::{Mailbox, Path, Sender, mail};
use ringback_tests::skipped;
use tokio::time::timeout;

/// A server, unless coturn is not installed.
async fn coturn(test: &str) -> Option<Coturn> {
    match tokio::task::spawn_blocking(Coturn::start).await.unwrap() {
        Ok(coturn) => Some(coturn),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            skipped(test, "coturn is not installed");
            None
        }
        Err(error) => panic!("coturn: {error}"),
    }
}

fn party(
    name: &str,
    server: IceServer,
    mail: (Sender<Note>, Mailbox<Note>),
) -> (Arc<WebRtcEngine>, Party, Watcher) {
    let servers = StaticIceServers::new(vec![server]).unwrap();
    let builder = WebRtcEngine::builder().ice_servers(Arc::new(servers)).local_demo(true).mdns(false);
    let engine = Arc::new(builder.build());
    let (party, watcher) = Party::new(name, engine.clone(), mail, |_| {});
    (engine, party.relay_only(), watcher)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_hear_each_other_through_coturn_only() {
    let Some(coturn) = coturn("two_engines_hear_each_other_through_coturn_only").await else { return };
    let (a_out, b_in) = mail(1, "there", Path::delay_ms(0));
    let (b_out, a_in) = mail(1, "back", Path::delay_ms(0));
    let (a, mut party_a, at_a) = party("a", coturn.ice_server(), (a_out, a_in));
    let (b, party_b, at_b) = party("b", coturn.ice_server(), (b_out, b_in));
    party_a.offer();
    let tasks = [tokio::spawn(party_a.run()), tokio::spawn(party_b.run())];
    let relayed = SelectedPath { local: PathKind::Relay, remote: PathKind::Relay };
    for (engine, watcher) in [(&a, &at_a), (&b, &at_b)] {
        let heard = watcher.wait(|seen| seen.received.len() > 50 && seen.path.is_some());
        let seen = timeout(Duration::from_secs(15), heard).await.expect("heard");
        assert_eq!(seen.path, Some(relayed));
        assert!(seen.candidates.iter().all(|(_, candidate)| candidate.contains(" typ relay ")));
        assert_eq!(engine.stats(CONN).await.unwrap().path, Some(relayed));
    }
    for task in tasks {
        task.abort();
    }
    a.close().await;
    b.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_coturn_refuses_are_named() {
    let Some(coturn) = coturn("credentials_that_coturn_refuses_are_named").await else { return };
    let (out, _inbox) = mail(1, "there", Path::delay_ms(0));
    let (_out, inbox) = mail(1, "back", Path::delay_ms(0));
    let wrong = IceServer { credential: "wrong".to_owned(), ..coturn.ice_server() };
    let (engine, mut party, watcher) = party("a", wrong, (out, inbox));
    party.offer();
    let task = tokio::spawn(party.run());
    let refused = PathState::Failed(ConnectFailure::TurnRefused);
    let seen = watcher.wait(|seen| seen.path_was(refused));
    timeout(Duration::from_secs(15), seen).await.expect("refused");
    task.abort();
    engine.close().await;
}

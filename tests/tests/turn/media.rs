//! The real engine through both servers, over real sockets.

use std::sync::Arc;

use ringback::media::ice::{IceServer, IceServers, StaticIceServers};
use ringback::media::webrtc::WebRtcEngine;
use ringback::media::{MediaEngine, PathKind, SelectedPath};
use ringback::proto::ConnectFailure;
use ringback::proto::session::PathState;
use ringback_tests::exchange::{CONN, Note, Party, Watcher};
use ringback_tests::sim::{Mailbox, Path, Sender, mail};
use ringback_tests::turn::{Rules, TestServer};

use crate::start::soon;

against_both!(two_engines_hear_each_other_through_the_relay_only, refused_credentials_are_named);

fn party(
    name: &str,
    servers: Arc<dyn IceServers>,
    mail: (Sender<Note>, Mailbox<Note>),
) -> (Arc<WebRtcEngine>, Party, Watcher) {
    let builder = WebRtcEngine::builder().ice_servers(servers).local_demo(true).mdns(false);
    let engine = Arc::new(builder.build());
    let (party, watcher) = Party::new(name, engine.clone(), mail, |_| {});
    (engine, party.relay_only(), watcher)
}

fn only(server: IceServer) -> Arc<dyn IceServers> {
    Arc::new(StaticIceServers::new(vec![server]).unwrap())
}

/// Two engines that may use nothing but relays of these servers hear each other.
pub(crate) async fn hear_each_other(servers: [Arc<dyn IceServers>; 2]) {
    let (a_out, b_in) = mail(1, "there", Path::delay_ms(0));
    let (b_out, a_in) = mail(1, "back", Path::delay_ms(0));
    let [at_a, at_b] = servers;
    let (a, mut party_a, at_a) = party("a", at_a, (a_out, a_in));
    let (b, party_b, at_b) = party("b", at_b, (b_out, b_in));
    party_a.offer();
    let tasks = [tokio::spawn(party_a.run()), tokio::spawn(party_b.run())];
    let relayed = SelectedPath { local: PathKind::Relay, remote: PathKind::Relay };
    for (engine, watcher) in [(&a, &at_a), (&b, &at_b)] {
        let seen = soon(watcher.wait(|seen| seen.received.len() > 50 && seen.path.is_some())).await;
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

async fn two_engines_hear_each_other_through_the_relay_only(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    hear_each_other([only(server.ice_server()), only(server.ice_server())]).await;
    if let Some(running) = server.running() {
        let books = running.snapshot();
        // Two ends of 50 packets each; every packet passes two relays.
        assert!(books.bytes_to_peers > 0 && books.bytes_from_peers > 0, "{books:?}");
    }
}

async fn refused_credentials_are_named(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let (out, _inbox) = mail(1, "there", Path::delay_ms(0));
    let (_out, inbox) = mail(1, "back", Path::delay_ms(0));
    let wrong = IceServer { credential: "wrong".to_owned(), ..server.ice_server() };
    let (engine, mut party, watcher) = party("a", only(wrong), (out, inbox));
    party.offer();
    let task = tokio::spawn(party.run());
    let refused = PathState::Failed(ConnectFailure::TurnRefused);
    soon(watcher.wait(|seen| seen.path_was(refused))).await;
    task.abort();
    engine.close().await;
}

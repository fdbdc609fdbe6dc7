//! Through a TURN server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringback::BoxFuture;
use ringback::media::PathKind;
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::media::webrtc::WebRtcEngineBuilder;
use ringback::net::Resolver;
use ringback::proto::ConnectFailure;
use ringback::proto::session::{MediaEvent, PathState};
use ringback_tests::sim::{self, Path, World};

use super::common::Pair;

const SERVER: [u8; 4] = [192, 0, 2, 1];

fn turn(user: &str) -> impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder {
    turn_at("turn:192.0.2.1", user)
}

fn turn_at(url: &str, user: &str) -> impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder {
    let server =
        IceServer { urls: vec![url.to_owned()], username: user.to_owned(), credential: "secret".to_owned() };
    let servers = Arc::new(StaticIceServers::new(vec![server]).expect("a good URL"));
    move |builder| builder.ice_servers(servers.clone())
}

/// A second late: what the engine sends to the server is held back until then.
struct Late;

impl Resolver for Late {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(vec![SERVER.into()])
        })
    }
}

fn serve(world: &World, path: Path) {
    world.net().set_all(path);
    world.net().turn_server(SocketAddr::new(SERVER.into(), 3478), "rider");
}

#[test]
fn relay_only_connects_through_the_server_at_loss() {
    for seed in 0..10 {
        sim::run(seed, |world| async move {
            serve(&world, Path::delay_ms(25).loss_percent(10.0));
            let pair = Pair::dial_with(&world, turn("rider"), true);
            let up = pair.up().await;
            assert!(up.is_some(), "seed {seed}");
            tokio::time::sleep(Duration::from_secs(3)).await;
            let seen = pair.at_a.seen();
            assert!(seen.candidates.iter().all(|(_, text)| text.contains("typ relay raddr 0.0.0.0 rport 0")));
            assert_eq!(seen.path.map(|path| path.local), Some(PathKind::Relay));
            pair.close().await;
        });
    }
}

#[test]
fn refused_credentials_are_named() {
    sim::run(1, |world| async move {
        serve(&world, Path::delay_ms(25));
        let pair = Pair::dial_with(&world, turn("stranger"), true);
        let refused = PathState::Failed(ConnectFailure::TurnRefused);
        let seen = pair.at_a.wait(|seen| seen.path_was(refused)).await;
        assert!(seen.when(&MediaEvent::Path(refused)).unwrap() - pair.dialed < Duration::from_secs(1));
        pair.close().await;
    });
}

#[test]
fn refused_credentials_are_named_though_the_name_of_the_server_was_late() {
    sim::run(2, |world| async move {
        serve(&world, Path::delay_ms(25));
        let set_up = |builder| turn_at("turn:turn.example", "stranger")(builder).resolver(Arc::new(Late));
        let pair = Pair::dial_with(&world, set_up, true);
        let refused = PathState::Failed(ConnectFailure::TurnRefused);
        let seen = pair.at_a.wait(|seen| seen.events.iter().any(failed)).await;
        assert!(seen.path_was(refused), "{:?}", seen.events);
        pair.close().await;
    });
}

fn failed((_, event): &(tokio::time::Instant, MediaEvent)) -> bool {
    matches!(event, MediaEvent::Path(PathState::Failed(_)))
}

//! Names of ICE servers that resolve late or never.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringback::BoxFuture;
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::net::Resolver;
use ringback::proto::session::MediaEvent;
use ringback_tests::sim::{self, Path};

use super::common::Pair;

const SERVER: [u8; 4] = [192, 0, 2, 1];

/// Answers after so long, or never.
struct Stalling(Option<Duration>);

impl Resolver for Stalling {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            match self.0 {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
            Ok(vec![SERVER.into()])
        })
    }
}

fn servers() -> Arc<StaticIceServers> {
    let urls = ["stun:stun.example", "turn:turn.example"].map(str::to_owned).into();
    let server = IceServer { urls, username: "u".to_owned(), credential: "p".to_owned() };
    Arc::new(StaticIceServers::new(vec![server]).expect("good URLs"))
}

fn dial_with(delay: Option<Duration>) -> sim::Report<(Duration, Option<Duration>)> {
    sim::run(1, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        world.net().stun_server(SocketAddr::new(SERVER.into(), 3478));
        let set_up = |builder: ringback::media::webrtc::WebRtcEngineBuilder| {
            builder.ice_servers(servers()).resolver(Arc::new(Stalling(delay)))
        };
        let pair = Pair::dial_with(&world, set_up, false);
        let up = pair.up().await.expect("connected");
        tokio::time::sleep(Duration::from_secs(20)).await;
        let reflexive = pair.at_a.seen().candidates.into_iter().find(|(_, text)| text.contains("srflx"));
        let reflexive = reflexive.map(|(at, text)| {
            assert!(text.contains("raddr 0.0.0.0 rport 0"), "{text}");
            at - pair.dialed
        });
        assert!(!pair.at_a.seen().has(&MediaEvent::Missing));
        pair.close().await;
        (up, reflexive)
    })
}

#[test]
fn a_name_that_takes_ten_seconds_delays_only_its_own_candidates() {
    let (fast, first) = dial_with(Some(Duration::ZERO)).output;
    let (slow, late) = dial_with(Some(Duration::from_secs(10))).output;
    assert_eq!(fast, slow, "connecting does not wait for the name");
    assert!(first.unwrap() < Duration::from_millis(200), "{first:?}");
    let late = late.unwrap();
    assert!(late >= Duration::from_secs(10) && late < Duration::from_millis(10_200), "{late:?}");
}

#[test]
fn a_name_that_never_resolves_costs_its_candidates_only() {
    let (known, _) = dial_with(Some(Duration::ZERO)).output;
    let (up, reflexive) = dial_with(None).output;
    assert_eq!(up, known);
    assert_eq!(reflexive, None);
}

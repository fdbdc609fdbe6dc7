//! Two engines over real sockets.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use ringback::media::MediaEngine;
use ringback::media::webrtc::{WebRtcEngine, WebRtcEngineBuilder};
use ringback_tests::exchange::{CONN, Party};
use ringback_tests::sim::{Path, mail};
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_connect_over_real_sockets_and_leave_nothing() {
    connect(|builder| builder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_connect_over_ipv6() {
    if let Err(error) = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        ringback_tests::skipped("two_engines_connect_over_ipv6", &format!("no ::1: {error}"));
        return;
    }
    connect(|builder| builder.bind(vec![(Ipv6Addr::LOCALHOST, 0).into()])).await;
}

async fn connect(set_up: impl Fn(WebRtcEngineBuilder) -> WebRtcEngineBuilder) {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let engine = || Arc::new(set_up(WebRtcEngine::builder().local_demo(true)).build());
    let (a, b) = (engine(), engine());
    let (a_out, b_in) = mail(1, "there", Path::delay_ms(0));
    let (b_out, a_in) = mail(1, "back", Path::delay_ms(0));
    let (mut party_a, at_a) = Party::new("a", a.clone(), (a_out, a_in), |_| {});
    let (party_b, at_b) = Party::new("b", b.clone(), (b_out, b_in), |_| {});
    party_a.offer();
    let tasks = [tokio::spawn(party_a.run()), tokio::spawn(party_b.run())];
    for watcher in [&at_a, &at_b] {
        timeout(Duration::from_secs(10), watcher.wait(|seen| seen.received.len() > 20)).await.expect("heard");
    }
    let stats = a.stats(CONN).await.expect("a connection");
    assert!(stats.packets_sent > 20 && stats.path.is_some());
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    a.close().await;
    b.close().await;
    let left = async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), left).await.expect("no task is left");
}

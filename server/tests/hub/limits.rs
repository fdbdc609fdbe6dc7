//! Limits of the project and of a socket.

use std::time::Duration;

use ringback_server::{Hub, HubConfig, Limits, RunningHub};
use serde_json::json;

use crate::client::{Client, closed, http, joined, note, ok, quick, reason};

#[tokio::test]
async fn the_101st_channel_of_a_socket_is_refused() {
    let hub = hub(Limits::default()).await;
    let mut client = Client::v2(&hub).await;
    for n in 0..100 {
        assert_eq!(client.join(&format!("realtime:{n}"), json!({}), None).await[4]["status"], "ok");
    }
    let reply = client.join("realtime:100", json!({}), None).await;
    assert_eq!(reason(&reply), "ChannelRateLimitReached: Too many channels");
    client.send(json!(["1", "1", "realtime:7", "phx_leave", {}])).await;
    client.frames(2).await;
    assert_eq!(client.join("realtime:100", json!({}), None).await[4]["status"], "ok");
    hub.stop().await;
}

#[tokio::test]
async fn sockets_over_the_limit_are_refused_and_those_that_joined_go_on() {
    let hub = hub(Limits { connections: Some(1), ..Limits::default() }).await;
    let (mut first, mut early) = (Client::v2(&hub).await, Client::v2(&hub).await);
    first.join("realtime:a", json!({}), None).await;
    let query = format!("apikey={}", ringback_server::DEMO_KEY);
    assert_eq!(Client::open(&hub, &query).await.err(), Some(429));
    let reply = early.join("realtime:a", json!({}), None).await;
    assert_eq!(reason(&reply), "ConnectionRateLimitReached: Too many connected users");
    assert_eq!(first.join("realtime:b", json!({}), None).await[4]["status"], "ok");
    drop(first);
    until(|| hub.snapshot().sockets == 1).await;
    assert!(Client::open(&hub, &query).await.is_ok());
    hub.stop().await;
}

#[tokio::test]
async fn a_join_over_the_rate_costs_the_socket() {
    let hub = hub(Limits { joins_per_second: Some(1), ..noticed_soon() }).await;
    let mut client = Client::v2(&hub).await;
    let refused = loop {
        let reply = client.join("realtime:a", json!({}), None).await;
        if reply[4]["status"] == "error" {
            break reply;
        }
        if reply[3] == "phx_close" {
            continue;
        }
    };
    assert_eq!(reason(&refused), "ClientJoinRateLimitReached: Too many joins per second");
    assert_eq!(client.close_code().await, 1001);
    let query = format!("apikey={}", ringback_server::DEMO_KEY);
    assert_eq!(Client::open(&hub, &query).await.err(), Some(429));
    hub.stop().await;
}

#[tokio::test]
async fn the_receiver_of_too_many_messages_loses_its_channel_and_the_sender_does_not() {
    let hub = hub(Limits { messages_per_second: Some(1), ..noticed_soon() }).await;
    let (mut sender, mut receiver) = (Client::v2(&hub).await, Client::v2(&hub).await);
    sender.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    receiver.join("realtime:a", json!({}), None).await;
    let broadcast = json!(["1", "2", "realtime:a", "broadcast", {"event": "e", "payload": {}}]);
    let ended = async {
        loop {
            let frame = receiver.frame().await;
            if frame[3] != "broadcast" {
                break frame;
            }
        }
    };
    let flood = async {
        loop {
            sender.send(broadcast.clone()).await;
            assert_eq!(sender.frame().await, ok("2", "realtime:a"));
        }
    };
    let ended = tokio::select! {
        ended = ended => ended,
        () = flood => unreachable!("a flood has no end"),
    };
    assert_eq!(ended, note("realtime:a", "error", "Too many messages per second"));
    assert_eq!(receiver.frame().await, closed("realtime:a"));
    // It may come back at once, and the sender never hears of it.
    assert_eq!(receiver.join("realtime:a", json!({}), None).await, joined("1", "realtime:a"));
    hub.stop().await;
}

#[tokio::test]
async fn rest_over_the_rate_is_told_429() {
    let hub = hub(Limits { messages_per_second: Some(1), ..noticed_soon() }).await;
    let headers = [("apikey", ringback_server::DEMO_KEY), ("content-type", "application/json")];
    let path = "/realtime/v1/api/broadcast/a/events/e";
    let told = loop {
        let (status, body) = http(&hub, "POST", path, &headers, "{}").await;
        if status != 202 {
            break (status, body);
        }
    };
    assert_eq!(told, (429, r#"{"message":"You have exceeded your rate limit"}"#.into()));
    hub.stop().await;
}

#[tokio::test]
async fn a_batch_larger_than_the_rate_is_told_429() {
    let hub = hub(Limits { messages_per_second: Some(1), ..Limits::default() }).await;
    let headers = [("apikey", ringback_server::DEMO_KEY)];
    let message = json!({"topic": "a", "event": "e", "payload": {}});
    let batch = json!({"messages": [message, message]}).to_string();
    let (status, body) = http(&hub, "POST", "/realtime/v1/api/broadcast", &headers, &batch).await;
    assert_eq!(status, 429);
    assert!(body.contains("reduce the batch size"), "{body}");
    hub.stop().await;
}

#[tokio::test]
async fn too_many_presence_messages_end_the_channel_that_asks() {
    let limits = Limits { presence_messages_per_second: Some(1), presence_calls: u32::MAX, ..noticed_soon() };
    let hub = hub(limits).await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    let mut n = 0;
    let ended = loop {
        n += 1;
        let track = json!({"event": "track", "payload": {"n": n}});
        client.send(json!(["1", "2", "realtime:a", "presence", track])).await;
        let frame = client.frame().await;
        if frame[3] == "system" {
            break frame;
        }
    };
    assert_eq!(ended, note("realtime:a", "error", "Too many presence messages per second"));
    hub.stop().await;
}

/// Short ticks, so that a peak is noticed at once; many, so that it is not forgotten while a busy machine pauses.
fn noticed_soon() -> Limits {
    Limits { tick: Duration::from_millis(50), ticks: 1200, ..Limits::default() }
}

async fn hub(limits: Limits) -> RunningHub {
    Hub::start(HubConfig { limits, ..quick() }).await.unwrap()
}

/// Waits for what happens in another task without a word; 30 s at most.
async fn until(mut happened: impl FnMut() -> bool) {
    let wait = async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it did not happen within 30 s");
}

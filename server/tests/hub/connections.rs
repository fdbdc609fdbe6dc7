//! Opening and ending sockets.

use std::time::Duration;

use ringback_server::{DEMO_KEY, Hub, HubConfig};
use serde_json::json;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, http, quick, quick_hub};

#[tokio::test]
async fn a_socket_needs_a_key_and_a_known_serializer() {
    let hub = quick_hub().await;
    for (query, status) in [
        ("", 401),
        ("apikey=wrong", 401),
        ("apikey=sb_publishable_x", 401),
        (&*format!("apikey={DEMO_KEY}&vsn=3.0.0"), 403),
    ] {
        assert_eq!(Client::open(&hub, query).await.err(), Some(status), "{query}");
    }
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    assert!(Client::open(&hub, &format!("apikey={token}")).await.is_ok());
    hub.stop().await;
}

#[tokio::test]
async fn a_refused_connection_waits_for_its_answer() {
    let delay = Duration::from_millis(300);
    let hub = Hub::start(HubConfig { connect_refusal_delay: delay, ..quick() }).await.unwrap();
    let start = Instant::now();
    assert!(Client::open(&hub, "").await.is_err());
    assert!(start.elapsed() >= delay);
    hub.stop().await;
}

#[tokio::test]
async fn a_heartbeat_is_answered_in_both_serializers() {
    let hub = quick_hub().await;
    Client::v2(&hub).await.nothing_more().await;
    let mut old = Client::v1(&hub).await;
    old.send(json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "8"})).await;
    let reply = json!({"status": "ok", "response": {}});
    assert_eq!(
        old.frame().await,
        json!({"topic": "phoenix", "event": "phx_reply", "payload": reply, "ref": "8"})
    );
    hub.stop().await;
}

#[tokio::test]
async fn a_silent_client_is_closed_with_1000() {
    let hub = Hub::start(HubConfig { idle_limit: Duration::from_millis(200), ..quick() }).await.unwrap();
    assert_eq!(Client::v2(&hub).await.close_code().await, 1000);
    hub.stop().await;
}

#[tokio::test]
async fn a_websocket_ping_counts_as_traffic_and_being_told_things_does_not() {
    let idle_limit = Duration::from_secs(2);
    let hub = Hub::start(HubConfig { idle_limit, ..quick() }).await.unwrap();
    let (mut pinging, mut listening) = (Client::v2(&hub).await, Client::v2(&hub).await);
    listening.join("realtime:a", json!({}), None).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let ping = async {
        loop {
            ticks.tick().await;
            pinging.send_raw(Message::Ping(vec![].into())).await;
            let Message::Pong(_) = pinging.message().await else { panic!("no pong") };
            hub.send_from_database("a", "e", &json!({}), false);
        }
    };
    let code = tokio::select! {
        code = listening.close_code() => code,
        () = ping => unreachable!("pings have no end"),
    };
    assert_eq!(code, 1000);
    assert_eq!((hub.snapshot().idle_closes, hub.snapshot().sockets), (1, 1));
    hub.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let idle_limit = Duration::from_millis(300);
    let hub = Hub::start(HubConfig { idle_limit, ..quick() }).await.unwrap();
    let mut deaf = Client::v2(&hub).await;
    deaf.join("realtime:a", json!({}), None).await;
    let large = json!({"x": "x".repeat(250_000)});
    // More than any buffer between the two holds.
    while hub.snapshot().lost == 0 && hub.snapshot().sockets > 0 {
        hub.send_from_database("a", "e", &large, false);
        tokio::task::yield_now().await;
    }
    let gone = async {
        while hub.snapshot().sockets > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("still there after 30 s");
    hub.stop().await;
}

#[tokio::test]
async fn refusals_say_why() {
    let hub = quick_hub().await;
    let other = Hub::start(HubConfig { jwt_secret: "other".into(), ..quick() }).await.unwrap();
    let (expired, forged) =
        (hub.mint("u1", Duration::ZERO).unwrap(), other.mint("u1", Duration::from_secs(60)).unwrap());
    for (key, message) in [
        ("", "API key is missing"),
        ("wrong", "The token provided is not a valid JWT"),
        (&expired, "Token has expired"),
        (&forged, "Failed to validate JWT signature"),
    ] {
        let refused = Client::refused(&hub, &format!("apikey={key}")).await;
        assert_eq!(refused, (401, json!({"error": message})));
    }
    assert_eq!(hub.snapshot().refused_connects, 4);
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_frame_over_5_mb_is_closed_with_1009() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.send_raw(Message::Text("x".repeat(5_000_001).into())).await;
    assert_eq!(client.close_code().await, 1009);
    hub.stop().await;
}

#[tokio::test]
async fn nonsense_is_ignored() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    for text in ["", "{", "[]", "null", r#"[1,2,3,4,5]"#] {
        client.send_raw(Message::Text(text.into())).await;
    }
    for bytes in [vec![], vec![3], vec![3, 9, 9, 9, 9, 9, 9], vec![255; 50]] {
        client.send_raw(Message::Binary(bytes.into())).await;
    }
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_closes_with_1012_and_frees_the_port() {
    let hub = quick_hub().await;
    let addr = hub.addr();
    let mut client = Client::v2(&hub).await;
    hub.stop().await;
    assert_eq!(client.close_code().await, 1012);
    let hub = Hub::start(HubConfig { listen: addr, ..quick() }).await.unwrap();
    Client::v2(&hub).await.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn the_hub_says_that_it_is_well() {
    let hub = quick_hub().await;
    assert_eq!(http(&hub, "GET", "/health", &[], "").await, (200, r#"{"status":"ok"}"#.into()));
    hub.stop().await;
}

#[tokio::test]
async fn tokens_are_signed_for_whoever_asks_in_a_demo_only() {
    let ask = [("content-type", "application/json")];
    let hub = quick_hub().await;
    assert_eq!(http(&hub, "POST", "/local/token", &ask, r#"{"user":"u1"}"#).await.0, 404);
    hub.stop().await;
    let hub = Hub::start(HubConfig { demo: true, ..quick() }).await.unwrap();
    let (status, body) = http(&hub, "POST", "/local/token", &ask, r#"{"user":"u1"}"#).await;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["expires_in"]), (200, &json!(3600)));
    for nobody in [String::new(), "a b".into(), "x".repeat(129)] {
        let asked = json!({"user": nobody}).to_string();
        assert_eq!(http(&hub, "POST", "/local/token", &ask, &asked).await.0, 422, "{nobody}");
    }
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:user:u1", json!({"private": true}), body["token"].as_str()).await;
    assert_eq!(reply[4]["status"], "ok");
    hub.stop().await;
}

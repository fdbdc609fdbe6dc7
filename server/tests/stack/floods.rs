//! Clients that misbehave: each is refused with a word, and the server goes on.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringback_server::{DEMO_KEY, HubConfig, RunningStack, StackConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::client::{ask, close_code, get, quiet, request, start, until, websocket, within};

#[tokio::test]
async fn wrong_credentials_are_refused_with_a_word() {
    let stack = start(quiet()).await;
    assert_eq!(websocket(stack.addr(), "wrong").await.err(), Some(401));
    let path = "/realtime/v1/api/broadcast";
    let answer = request(stack.addr(), "POST", path, &[("apikey", "wrong")], "{}").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json(), json!({"message": "Unauthorized"}));
    goes_on(stack).await;
}

#[tokio::test]
async fn an_expired_token_is_refused_by_its_name() {
    let stack = start(quiet()).await;
    let token = stack.hub().mint("u1", Duration::ZERO).unwrap();
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let config = json!({"config": {"private": true}, "access_token": token});
    let reply = ask(&mut socket, json!(["1", "1", "realtime:user:u1", "phx_join", config])).await;
    assert_eq!(reply[4]["status"], json!("error"));
    let why = reply[4]["response"]["reason"].as_str().unwrap();
    assert!(why.contains("expired"), "{why}");
    goes_on(stack).await;
}

#[tokio::test]
async fn a_topic_that_was_not_joined_is_unmatched() {
    let stack = start(quiet()).await;
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let reply = ask(&mut socket, json!(["1", "1", "realtime:nowhere", "broadcast", {}])).await;
    assert_eq!(reply[4]["response"]["reason"], json!("unmatched topic"));
    goes_on(stack).await;
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_its_socket() {
    let stack = start(quiet()).await;
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    socket.send(Message::Text("x".repeat(5_000_001).into())).await.unwrap();
    assert_eq!(close_code(&mut socket).await, Some(1009));
    goes_on(stack).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let stack = start(quiet()).await;
    let path = "/realtime/v1/api/broadcast";
    let mut stream = TcpStream::connect(stack.addr()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: stack\r\napikey: {DEMO_KEY}\r\ncontent-length: 999999999\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    goes_on(stack).await;
}

#[tokio::test]
async fn the_figures_show_no_phone_and_no_name_of_any_length_that_strangers_write() {
    let stack = start(quiet()).await;
    let mut others = Vec::new();
    let (device, other) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
    let phone = |device: &str, app: &str| json!({"user": "rider", "device": device, "app": app});
    for (join_ref, key, shown) in [
        ("1", "<b>no device</b>", phone(device, "web")),
        ("2", other, phone(device, "web")),
        ("3", other, json!({"user": "rider", "app": "web"})),
        ("4", device, phone(device, "<b>")),
    ] {
        let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
        let join = json!({"config": {"presence": {"enabled": true, "key": key}}});
        ask(&mut socket, json!([join_ref, "1", "realtime:lobby", "phx_join", join])).await;
        let track = json!({"type": "presence", "event": "track", "payload": shown});
        socket
            .send(Message::Text(
                json!([join_ref, "2", "realtime:lobby", "presence", track]).to_string().into(),
            ))
            .await
            .unwrap();
        others.push(socket);
    }
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let name = format!("{}ä", "x".repeat(254));
    ask(&mut socket, json!(["1", "1", format!("realtime:{name}"), "phx_join", {}])).await;
    until("all are there", async || stack.snapshot().hub.presences.len() == 4).await;
    let status = get(stack.addr(), "/status").await.json();
    assert_eq!(status["online"], json!([{"user": "rider", "device": device, "app": ""}]));
    assert_eq!(status["topics"][1]["name"], json!("x".repeat(254)));
    goes_on(stack).await;
}

#[tokio::test]
async fn a_flood_of_frames_harms_nobody_else() {
    let stack = start(quiet()).await;
    let mut flooder = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let join = json!({"config": {"broadcast": {"self": false}}});
    ask(&mut flooder, json!(["1", "1", "realtime:flood", "phx_join", join])).await;
    let envelope = json!({"type": "broadcast", "event": "rb1", "payload": {"v": 1, "kind": "invite"}});
    for number in 0..5000 {
        let frame = json!(["1", number.to_string(), "realtime:flood", "broadcast", envelope]);
        if flooder.send(Message::Text(frame.to_string().into())).await.is_err() {
            break;
        }
    }
    let mut other = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let reply = ask(&mut other, json!([null, "1", "phoenix", "heartbeat", {}])).await;
    assert_eq!(reply[4]["status"], json!("ok"));
    assert!(stack.snapshot().calls.calls.is_empty());
    goes_on(stack).await;
}

#[tokio::test]
async fn long_names_that_would_be_kept_are_refused() {
    let stack = start(quiet()).await;
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    let long = "n".repeat(4_000_000);
    let by_key = json!({"config": {"presence": {"key": &long[..1025]}}});
    for (join_ref, topic, config, why) in [
        ("1", &long[..], json!({}), "TopicNameTooLong"),
        ("1", &long[..1025], json!({}), "TopicNameTooLong"),
        ("1", "a", by_key, "PresenceKeyTooLong"),
        (&long[..256], "a", json!({}), "JoinRefTooLong"),
    ] {
        let join = json!([join_ref, "1", format!("realtime:{topic}"), "phx_join", config]);
        let reply = ask(&mut socket, join).await;
        let reason = reply[4]["response"]["reason"].as_str().unwrap();
        assert!(reason.starts_with(why), "{reason}");
    }
    assert!(stack.snapshot().hub.topics.is_empty());
    let longest = format!("realtime:{}", &long[..1024]);
    let reply = ask(&mut socket, json!([&long[..255], "1", longest, "phx_join", {}])).await;
    assert_eq!(reply[4]["status"], json!("ok"));
    goes_on(stack).await;
}

#[tokio::test]
async fn half_open_connections_end_by_themselves() {
    let stack = start(quiet()).await;
    let mut silent = TcpStream::connect(stack.addr()).await.unwrap();
    let mut half = TcpStream::connect(stack.addr()).await.unwrap();
    half.write_all(b"GET /realtime/v1/websocket HTTP/1.1\r\nhost: st").await.unwrap();
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        // The server closes; what it says before that is its own affair.
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
    goes_on(stack).await;
}

#[tokio::test]
async fn a_websocket_that_falls_silent_is_closed() {
    let hub = HubConfig { idle_limit: Duration::from_millis(200), ..quiet().hub };
    let stack = start(StackConfig { hub, ..quiet() }).await;
    let mut socket = websocket(stack.addr(), DEMO_KEY).await.unwrap();
    assert!(within(socket.next()).await.is_some_and(|message| matches!(message, Ok(Message::Close(_)))));
    until("the socket is gone", async || stack.snapshot().hub.sockets == 0).await;
    goes_on(stack).await;
}

async fn goes_on(stack: RunningStack) {
    assert_eq!(get(stack.addr(), "/health").await.json(), json!({"status": "ok"}));
    assert!(websocket(stack.addr(), DEMO_KEY).await.is_ok());
    stack.stop().await;
}

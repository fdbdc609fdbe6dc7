//! Broadcasts: shapes, echo, acknowledgements, rights.

use std::time::Duration;

use ringback_server::{Hub, HubConfig};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, ok, quick, quick_hub};

#[tokio::test]
async fn a_kind_3_broadcast_arrives_as_kind_4_and_spliced_into_old_frames() {
    let hub = quick_hub().await;
    let (mut sender, mut modern, mut old) =
        (Client::v2(&hub).await, Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    modern.join("realtime:a", json!({}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    sender.send_raw(kind_3("realtime:a", 1, b"{\"n\": 1}")).await;
    assert_eq!(sender.frame().await, ok("2", "realtime:a"));
    let expected = [&[4, 10, 3, 0, 1][..], b"realtime:arb1{\"n\": 1}"].concat();
    assert_eq!(modern.message().await, Message::Binary(expected.into()));
    let expected = json!({"topic": "realtime:a", "event": "broadcast", "ref": null,
        "payload": {"type": "broadcast", "event": "rb1", "payload": {"n": 1}}});
    assert_eq!(old.frame().await, expected);
    hub.stop().await;
}

#[tokio::test]
async fn the_body_of_a_broadcast_forges_old_frames_as_it_does_on_the_real_server() {
    let hub = quick_hub().await;
    let (mut sender, mut old) = (Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    let body = br#"{}},"topic":"realtime:user:victim","event":"broadcast","payload":{"x":{}"#;
    sender.send_raw(kind_3("realtime:a", 1, body)).await;
    assert_eq!(old.frame().await["topic"], "realtime:user:victim");
    hub.stop().await;
}

#[tokio::test]
async fn a_text_broadcast_arrives_as_text_with_its_extra_keys() {
    let hub = quick_hub().await;
    let (mut sender, mut receiver) = (Client::v2(&hub).await, Client::v2(&hub).await);
    sender.join("realtime:a", json!({}), None).await;
    receiver.join("realtime:a", json!({}), None).await;
    let payload = json!({"type": "broadcast", "event": "e", "payload": {}, "meta": {"replayed": true}});
    sender.send(json!(["1", "2", "realtime:a", "broadcast", payload])).await;
    assert_eq!(receiver.frame().await, json!([null, null, "realtime:a", "broadcast", payload]));
    sender.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_sender_hears_itself_only_if_it_asked() {
    let hub = quick_hub().await;
    let mut sender = Client::v2(&hub).await;
    sender.join("realtime:a", json!({"broadcast": {"self": true}}), None).await;
    let payload = json!({"type": "broadcast", "event": "e", "payload": {}});
    sender.send(json!(["1", "2", "realtime:a", "broadcast", payload])).await;
    assert_eq!(sender.frame().await[3], "broadcast");
    hub.stop().await;
}

#[tokio::test]
async fn old_sockets_get_no_bytes() {
    let hub = quick_hub().await;
    let (mut sender, mut old) = (Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    sender.send_raw(kind_3("realtime:a", 0, b"\x00\xff")).await;
    assert_eq!(sender.frame().await, ok("2", "realtime:a"));
    old.send(json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "8"})).await;
    assert_eq!(old.frame().await["topic"], "phoenix");
    hub.stop().await;
}

#[tokio::test]
async fn a_payload_over_the_limit_is_answered_by_a_string_and_only_with_ack() {
    let hub = Hub::start(HubConfig { payload_limit: 100, ..quick() }).await.unwrap();
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    let large = format!("\"{}\"", "x".repeat(200));
    client.send_raw(kind_3("realtime:a", 1, large.as_bytes())).await;
    let response = json!({"status": "error", "response": "payload_size_exceeded"});
    assert_eq!(client.frame().await, json!(["1", "2", "realtime:a", "phx_reply", response]));
    client.join_as("5", "realtime:b", json!({}), None).await;
    let mut silent = kind_3("realtime:b", 1, large.as_bytes()).into_data().to_vec();
    silent[7] = b'5';
    client.send_raw(Message::Binary(silent.into())).await;
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_forbidden_write_gets_no_reply_even_with_ack() {
    struct ReadOnly;
    impl ringback_server::Authorizer for ReadOnly {
        fn may_read(&self, _: &ringback_server::Claims, _: &str) -> bool {
            true
        }
        fn may_write(&self, _: &ringback_server::Claims, _: &str) -> bool {
            false
        }
    }
    let config = HubConfig { authorizer: std::sync::Arc::new(ReadOnly), ..quick() };
    let hub = Hub::start(config).await.unwrap();
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"private": true, "broadcast": {"ack": true}}), Some(&token)).await;
    client.send_raw(kind_3("realtime:a", 1, b"{}")).await;
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn public_and_private_channels_of_one_name_are_apart() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let (mut owner, mut stranger) = (Client::v2(&hub).await, Client::v2(&hub).await);
    owner.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    stranger.join("realtime:user:u1", json!({"broadcast": {"ack": true}}), None).await;
    stranger.send_raw(kind_3("realtime:user:u1", 1, b"{}")).await;
    stranger.frame().await;
    owner.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_breaks_old_frames_and_no_new_ones() {
    let hub = quick_hub().await;
    let (mut sender, mut modern, mut old) =
        (Client::v2(&hub).await, Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({}), None).await;
    modern.join("realtime:a", json!({}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    sender.send_raw(kind_3("realtime:a", 1, b"{bad")).await;
    let expected = [&[4, 10, 3, 0, 1][..], b"realtime:arb1{bad"].concat();
    assert_eq!(modern.message().await, Message::Binary(expected.into()));
    let Message::Text(text) = old.message().await else { panic!("no text") };
    assert!(text.contains(r#""payload":{bad}"#), "{text}");
    hub.stop().await;
}

#[tokio::test]
async fn a_raw_push_of_bytes_arrives_as_kind_2_and_not_at_old_sockets() {
    let hub = quick_hub().await;
    let (mut sender, mut modern, mut old) =
        (Client::v2(&hub).await, Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    modern.join("realtime:a", json!({}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    let push = [&[0, 1, 1, 10, 9][..], b"12realtime:abroadcast", b"\x00\xff"].concat();
    sender.send_raw(Message::Binary(push.into())).await;
    assert_eq!(sender.frame().await, ok("2", "realtime:a"));
    let expected = [&[2, 10, 9][..], b"realtime:abroadcast", b"\x00\xff"].concat();
    assert_eq!(modern.message().await, Message::Binary(expected.into()));
    old.send(json!({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "8"})).await;
    assert_eq!(old.frame().await["topic"], "phoenix");
    hub.stop().await;
}

#[tokio::test]
async fn the_event_of_a_kind_3_broadcast_is_the_users_alone() {
    let hub = quick_hub().await;
    let (mut sender, mut receiver) = (Client::v2(&hub).await, Client::v2(&hub).await);
    sender.join("realtime:a", json!({}), None).await;
    receiver.join("realtime:a", json!({}), None).await;
    let leave = [&[3, 1, 1, 10, 9, 0, 1][..], b"12realtime:aphx_leave{}"].concat();
    sender.send_raw(Message::Binary(leave.into())).await;
    let expected = [&[4, 10, 9, 0, 1][..], b"realtime:aphx_leave{}"].concat();
    assert_eq!(receiver.message().await, Message::Binary(expected.into()));
    hub.stop().await;
}

#[tokio::test]
async fn text_goes_where_no_binary_frame_could() {
    let hub = quick_hub().await;
    let topic = format!("realtime:{}", "x".repeat(300));
    let (mut sender, mut receiver) = (Client::v2(&hub).await, Client::v2(&hub).await);
    sender.join(&topic, json!({}), None).await;
    receiver.join(&topic, json!({}), None).await;
    let payload = json!({"type": "broadcast", "event": "e", "payload": {}});
    sender.send(json!(["1", "2", topic, "broadcast", payload])).await;
    assert_eq!(receiver.frame().await, json!([null, null, topic, "broadcast", payload]));
    hub.stop().await;
}

#[tokio::test]
async fn other_events_get_no_reply() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    client.send(json!(["1", "2", "realtime:a", "shout", {}])).await;
    client.nothing_more().await;
    hub.stop().await;
}

/// A user broadcast with join_ref 1, ref 2, event `rb1`.
fn kind_3(topic: &str, encoding: u8, body: &[u8]) -> Message {
    let topic_length = u8::try_from(topic.len()).unwrap();
    let header = [3, 1, 1, topic_length, 3, 0, encoding];
    Message::Binary([&header[..], b"12", topic.as_bytes(), b"rb1", body].concat().into())
}

//! Broadcasts over REST.

use std::time::Duration;

use ringback_server::{DEMO_KEY, RunningHub};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, http, quick_hub};

const SINGLE: &str = "/realtime/v1/api/broadcast/user%3Au1/events/rb1?private=true";
const BATCH: &str = "/realtime/v1/api/broadcast";

#[tokio::test]
async fn a_single_private_message_arrives_as_kind_4() {
    let hub = quick_hub().await;
    let mut owner = inbox(&hub).await;
    assert_eq!(post(&hub, SINGLE, Some("u2"), "application/json", r#"{"n": 1}"#).await, 202);
    let expected = [&[4, 16, 3, 0, 1][..], b"realtime:user:u1rb1{\"n\":1}"].concat();
    assert_eq!(owner.message().await, Message::Binary(expected.into()));
    hub.stop().await;
}

#[tokio::test]
async fn a_single_message_is_refused_with_a_status() {
    let hub = quick_hub().await;
    let json = "application/json";
    assert_eq!(post(&hub, SINGLE, None, json, "{}").await, 403);
    assert_eq!(post(&hub, SINGLE, Some("u2"), json, "{bad").await, 400);
    assert_eq!(post(&hub, SINGLE, Some("u2"), "text/plain", "{}").await, 415);
    let large = format!("\"{}\"", "x".repeat(256 * 1024));
    assert_eq!(post(&hub, SINGLE, Some("u2"), json, &large).await, 422);
    assert_eq!(http(&hub, "POST", SINGLE, &[("content-type", json)], "{}").await.0, 401);
    let forged = [("content-type", json), ("apikey", DEMO_KEY), ("authorization", "Bearer forged")];
    assert_eq!(http(&hub, "POST", SINGLE, &forged, "{}").await.0, 401);
    hub.stop().await;
}

#[tokio::test]
async fn a_topic_with_the_prefix_is_accepted_and_nobody_gets_it() {
    let hub = quick_hub().await;
    let mut owner = inbox(&hub).await;
    let prefixed = "/realtime/v1/api/broadcast/realtime%3Auser%3Au1/events/rb1";
    assert_eq!(post(&hub, prefixed, Some("u2"), "application/json", "{}").await, 202);
    owner.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_batch_arrives_as_text_and_loses_what_is_forbidden_without_a_word() {
    let hub = quick_hub().await;
    let mut owner = inbox(&hub).await;
    let batch = json!({"messages": [
        {"topic": "user:u1", "event": "e", "payload": {"n": 1}, "private": true}]})
    .to_string();
    assert_eq!(post(&hub, BATCH, None, "application/json", &batch).await, 202);
    owner.nothing_more().await;
    assert_eq!(post(&hub, BATCH, Some("u2"), "application/json", &batch).await, 202);
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"n": 1}});
    assert_eq!(owner.frame().await, json!([null, null, "realtime:user:u1", "broadcast", payload]));
    assert_eq!(post(&hub, BATCH, Some("u2"), "application/json", r#"{"x":1}"#).await, 422);
    hub.stop().await;
}

async fn inbox(hub: &RunningHub) -> Client {
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(hub).await;
    client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    client
}

async fn post(hub: &RunningHub, path: &str, user: Option<&str>, kind: &str, body: &str) -> u16 {
    let bearer = user.map(|user| format!("Bearer {}", hub.mint(user, Duration::from_secs(60)).unwrap()));
    let mut headers = vec![("apikey", DEMO_KEY), ("content-type", kind)];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    http(hub, "POST", path, &headers, body).await.0
}

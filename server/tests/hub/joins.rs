//! Joining and leaving.

use std::time::Duration;

use ringback_server::{Hub, HubConfig};
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Client, closed, joined, ok, quick, quick_hub, reason};

#[tokio::test]
async fn a_join_is_answered_under_its_own_number() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    assert_eq!(client.join("realtime:a", json!({}), None).await, joined("1", "realtime:a"));
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_private_topic_belongs_to_its_owner() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    let private = json!({"private": true});
    let reply = client.join("realtime:user:u2", private.clone(), Some(&token)).await;
    let reason = "Unauthorized: You do not have permissions to read from this Channel topic: user:u2";
    assert_eq!(reply[4], json!({"status": "error", "response": {"reason": reason}}));
    assert_eq!(client.join("realtime:user:u1", private, Some(&token)).await, joined("1", "realtime:user:u1"));
    hub.stop().await;
}

#[tokio::test]
async fn a_refused_join_stalls_its_socket_and_no_other() {
    let stall = Duration::from_millis(400);
    let hub = Hub::start(HubConfig { join_refusal_stall: stall, ..quick() }).await.unwrap();
    let (mut stalled, mut other) = (Client::v2(&hub).await, Client::v2(&hub).await);
    let start = Instant::now();
    stalled.send(json!(["1", "1", "realtime:user:u2", "phx_join", {"config": {"private": true}}])).await;
    stalled.send(json!([null, "2", "phoenix", "heartbeat", {}])).await;
    other.nothing_more().await;
    assert_eq!(stalled.frame().await[4]["status"], "error");
    assert_eq!(stalled.frame().await[1], "2");
    assert!(start.elapsed() >= stall);
    hub.stop().await;
}

#[tokio::test]
async fn tokens_that_do_not_work_are_refused_by_code() {
    let hub = quick_hub().await;
    let other = Hub::start(HubConfig { jwt_secret: "other".into(), ..quick() }).await.unwrap();
    let expired = hub.mint("u1", Duration::ZERO).unwrap();
    let forged = other.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    for (token, code) in
        [(&*expired, "InvalidJWTToken: "), (&forged, "JwtSignatureError: "), ("nonsense", "MalformedJWT: ")]
    {
        let reply = client.join("realtime:user:u1", json!({"private": true}), Some(token)).await;
        let reason = reply[4]["response"]["reason"].as_str().unwrap();
        assert!(reason.starts_with(code), "{reason}");
    }
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_second_join_is_answered_before_the_first_is_closed() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    assert_eq!(client.join_as("2", "realtime:a", json!({}), None).await, joined("2", "realtime:a"));
    assert_eq!(client.frame().await, json!(["1", "1", "realtime:a", "phx_close", {}]));
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_leave_with_a_stale_join_ref_is_ignored() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    client.send(json!(["0", "2", "realtime:a", "phx_leave", {}])).await;
    client.send(json!([null, "3", "realtime:a", "phx_leave", {}])).await;
    client.nothing_more().await;
    client.send(json!(["1", "4", "realtime:a", "phx_leave", {}])).await;
    assert_eq!(client.frame().await, ok("4", "realtime:a"));
    assert_eq!(client.frame().await, json!(["1", "1", "realtime:a", "phx_close", {}]));
    hub.stop().await;
}

#[tokio::test]
async fn a_message_to_a_topic_that_is_not_joined_is_unmatched() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.send(json!(["1", "2", "realtime:a", "broadcast", {"event": "e", "payload": {}}])).await;
    let response = json!({"status": "error", "response": {"reason": "unmatched topic"}});
    assert_eq!(client.frame().await, json!([null, "2", "realtime:a", "phx_reply", response]));
    hub.stop().await;
}

#[tokio::test]
async fn a_refused_second_join_ends_the_first_all_the_same() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:user:u2", json!({}), None).await;
    let reply = client.join_as("2", "realtime:user:u2", json!({"private": true}), None).await;
    assert!(reason(&reply).starts_with("Unauthorized: "), "{reply}");
    assert_eq!(client.frame().await, closed("realtime:user:u2"));
    assert_eq!(hub.snapshot().topics, []);
    hub.stop().await;
}

#[tokio::test]
async fn a_leave_of_what_is_not_joined_is_fine() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.send(json!(["1", "2", "realtime:a", "phx_leave", {}])).await;
    assert_eq!(client.frame().await, ok("2", "realtime:a"));
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_join_without_a_join_ref_takes_any_leave() {
    let hub = quick_hub().await;
    let mut old = Client::v1(&hub).await;
    let frame = |event: &str, number: &str| json!({"topic": "realtime:a", "event": event, "payload": {}, "ref": number});
    old.send(frame("phx_join", "1")).await;
    assert_eq!(old.frame().await["payload"]["status"], "ok");
    old.send(frame("phx_leave", "2")).await;
    assert_eq!(old.frame().await["payload"]["status"], "ok");
    assert_eq!(old.frame().await["event"], "phx_close");
    hub.stop().await;
}

#[tokio::test]
async fn a_topic_needs_a_name_and_the_prefix() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:", json!({}), None).await;
    assert_eq!(reason(&reply), "TopicNameRequired: You must provide a topic name");
    assert_eq!(reason(&client.join("elsewhere", json!({}), None).await), "unmatched topic");
    hub.stop().await;
}

#[tokio::test]
async fn flags_may_come_as_words() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:user:u1", json!({"private": "True"}), None).await;
    assert!(reason(&reply).starts_with("Unauthorized: "), "{reply}");
    hub.stop().await;
}

#[tokio::test]
async fn a_wish_for_database_changes_is_answered_with_ids() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    let wish = json!({"event": "*", "schema": "public", "table": "calls", "filter": "callee=eq.u1"});
    let reply = client.join("realtime:a", json!({"postgres_changes": [wish, null]}), None).await;
    let mut answered = reply[4]["response"]["postgres_changes"].clone();
    assert!(answered[0]["id"].is_u64(), "{reply}");
    answered[0].as_object_mut().unwrap().remove("id");
    assert_eq!(answered, json!([wish]));
    let note = json!({"extension": "postgres_changes", "status": "ok",
        "message": "Subscribed to PostgreSQL", "channel": "a"});
    assert_eq!(client.frame().await, json!(["1", null, "realtime:a", "system", note]));
    hub.stop().await;
}

#[tokio::test]
async fn a_push_with_a_stale_join_ref_is_accepted() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    for stale in [json!("0"), json!(null)] {
        client.send(json!([stale, "2", "realtime:a", "broadcast", {"event": "e", "payload": {}}])).await;
        assert_eq!(client.frame().await, ok("2", "realtime:a"));
    }
    hub.stop().await;
}

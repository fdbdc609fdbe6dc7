//! Presence.

use ringback_server::{Hub, HubConfig};
use serde_json::json;

use crate::client::{Client, closed, note, ok, quick, quick_hub, reason};

#[tokio::test]
async fn everybody_sees_who_comes_and_who_goes() {
    let hub = quick_hub().await;
    let (mut bob, mut eve) = (Client::v2(&hub).await, Client::v2(&hub).await);
    let config = |key: &str| json!({"presence": {"key": key, "enabled": true}});
    bob.join("realtime:a", config("bob"), None).await;
    assert_eq!(bob.frame().await, json!(["1", null, "realtime:a", "presence_state", {}]));
    let track = json!({"type": "presence", "event": "track", "payload": {"device": "phone"}});
    bob.send(json!(["1", "2", "realtime:a", "presence", track])).await;
    let (mut diff, mut reply) = (bob.frame().await, bob.frame().await);
    if diff[3] == "phx_reply" {
        (diff, reply) = (reply, diff);
    }
    assert_eq!(reply, ok("2", "realtime:a"));
    assert_eq!(diff[4]["joins"]["bob"]["metas"][0]["device"], "phone");
    eve.join("realtime:a", config("eve"), None).await;
    assert_eq!(eve.frame().await[4]["bob"]["metas"][0]["device"], "phone");
    drop(bob);
    assert_eq!(eve.frame().await[4]["leaves"]["bob"]["metas"][0]["device"], "phone");
    hub.stop().await;
}

#[tokio::test]
async fn the_sixth_presence_call_costs_the_channel() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    for n in 2..8 {
        client.send(json!(["1", n.to_string(), "realtime:a", "presence", {"event": "untrack"}])).await;
    }
    for n in 2..7 {
        assert_eq!(client.frame().await, ok(&n.to_string(), "realtime:a"));
    }
    assert_eq!(client.frame().await[4]["message"], "Client presence rate limit exceeded");
    assert_eq!(client.frame().await, json!(["1", "1", "realtime:a", "phx_close", {}]));
    hub.stop().await;
}

#[tokio::test]
async fn an_update_carries_the_key_in_joins_and_in_leaves() {
    let hub = quick_hub().await;
    let (mut bob, mut eve) = (Client::v2(&hub).await, Client::v2(&hub).await);
    bob.join("realtime:a", json!({"presence": {"key": "bob"}}), None).await;
    eve.join("realtime:a", json!({}), None).await;
    for n in [1, 2] {
        bob.send(track(json!({"n": n}))).await;
    }
    let (first, update) = (eve.frame().await, eve.frame().await);
    let (joins, leaves) = (&update[4]["joins"]["bob"]["metas"][0], &update[4]["leaves"]["bob"]["metas"][0]);
    assert_eq!((&joins["n"], &leaves["n"]), (&json!(2), &json!(1)));
    assert_eq!(leaves["phx_ref"], first[4]["joins"]["bob"]["metas"][0]["phx_ref"]);
    assert_eq!(joins["phx_ref_prev"], leaves["phx_ref"]);
    assert_ne!(joins["phx_ref"], leaves["phx_ref"]);
    hub.stop().await;
}

#[tokio::test]
async fn the_same_payload_again_tells_nobody() {
    let hub = quick_hub().await;
    let (mut bob, mut eve) = (Client::v2(&hub).await, Client::v2(&hub).await);
    bob.join("realtime:a", json!({}), None).await;
    eve.join("realtime:a", json!({}), None).await;
    bob.send(track(json!({"n": 1}))).await;
    eve.frame().await;
    bob.frames(2).await;
    bob.send(track(json!({"n": 1}))).await;
    assert_eq!(bob.frame().await, ok("2", "realtime:a"));
    eve.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn two_devices_under_one_key_are_both_there() {
    let hub = quick_hub().await;
    let (mut one, mut two) = (Client::v2(&hub).await, Client::v2(&hub).await);
    for client in [&mut one, &mut two] {
        client.join("realtime:a", json!({"presence": {"key": "bob"}}), None).await;
        client.send(track(json!({}))).await;
        client.frames(2).await;
    }
    let mut eve = Client::v2(&hub).await;
    eve.join("realtime:a", json!({"presence": {"enabled": true}}), None).await;
    assert_eq!(eve.frame().await[4]["bob"]["metas"].as_array().unwrap().len(), 2);
    hub.stop().await;
}

#[tokio::test]
async fn a_forbidden_presence_is_answered() {
    struct ReadOnly;
    impl ringback_server::Authorizer for ReadOnly {
        fn may_read(&self, _: &ringback_server::Claims, _: &str) -> bool {
            true
        }
        fn may_write(&self, _: &ringback_server::Claims, _: &str) -> bool {
            false
        }
    }
    let authorizer = std::sync::Arc::new(ReadOnly);
    let hub = Hub::start(HubConfig { authorizer, ..quick() }).await.unwrap();
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"private": true}), None).await;
    client.send(track(json!({}))).await;
    let reply = json!({"status": "error", "response": {}});
    assert_eq!(client.frame().await, json!(["1", "2", "realtime:a", "phx_reply", reply]));
    hub.stop().await;
}

#[tokio::test]
async fn a_payload_that_is_no_object_is_refused() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    client.send(track(json!([1]))).await;
    assert_eq!(reason(&client.frame().await), "Presence track payload must be a map");
    hub.stop().await;
}

#[tokio::test]
async fn a_presence_over_the_size_limit_costs_the_channel() {
    let hub = Hub::start(HubConfig { payload_limit: 100, ..quick() }).await.unwrap();
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    client.send(track(json!({"x": "x".repeat(100)}))).await;
    assert_eq!(client.frame().await, note("realtime:a", "error", "Track message size exceeded"));
    assert_eq!(client.frame().await, closed("realtime:a"));
    hub.stop().await;
}

#[tokio::test]
async fn a_private_channel_without_presence_hears_nothing_of_it() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", std::time::Duration::from_secs(60)).unwrap();
    let (mut seen, mut blind) = (Client::v2(&hub).await, Client::v2(&hub).await);
    let config = |enabled: bool| json!({"private": true, "presence": {"enabled": enabled}});
    seen.join("realtime:user:u1", config(true), Some(&token)).await;
    blind.join("realtime:user:u1", config(false), Some(&token)).await;
    seen.send(json!(["1", "2", "realtime:user:u1", "presence", {"event": "track", "payload": {}}])).await;
    // The state, the diff and the reply.
    seen.frames(3).await;
    blind.nothing_more().await;
    hub.stop().await;
}

fn track(payload: serde_json::Value) -> serde_json::Value {
    json!(["1", "2", "realtime:a", "presence", {"type": "presence", "event": "TRACK", "payload": payload}])
}

//! Presence.

use serde_json::json;

use crate::client::{Client, ok, quick_hub};

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

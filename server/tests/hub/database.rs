//! Messages from the database: delivery, replay, replication.

use std::time::Duration;

use ringback_server::{FaultSwitches, Hub, HubConfig, RunningHub};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, closed, joined, note, quick, quick_hub, reason};

const INBOX: &str = "realtime:user:u1";

#[tokio::test]
async fn a_message_of_the_database_arrives_as_kind_4_with_its_id() {
    let hub = quick_hub().await;
    let mut owner = owner(&hub, json!({})).await;
    let id = hub.send_from_database("user:u1", "e", &json!({"n": 1}), true).unwrap();
    let meta = json!({"id": id}).to_string();
    let payload = json!({"id": id, "n": 1}).to_string();
    let lengths = [4, 16, 1, u8::try_from(meta.len()).unwrap(), 1];
    let expected = [&lengths[..], INBOX.as_bytes(), b"e", meta.as_bytes(), payload.as_bytes()].concat();
    assert_eq!(owner.message().await, Message::Binary(expected.into()));
    hub.stop().await;
}

#[tokio::test]
async fn a_message_of_the_database_arrives_at_old_sockets_with_meta() {
    let hub = quick_hub().await;
    let mut old = Client::v1(&hub).await;
    old.join_v1("realtime:a", json!({})).await;
    let id = hub.send_from_database("a", "e", &json!({"id": 7}), false).unwrap();
    let payload = json!({"type": "broadcast", "event": "e", "payload": {"id": 7}, "meta": {"id": id}});
    assert_eq!(
        old.frame().await,
        json!({"topic": "realtime:a", "event": "broadcast", "payload": payload, "ref": null})
    );
    hub.stop().await;
}

#[tokio::test]
async fn arrays_scalars_and_long_names_of_the_database_reach_nobody() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    let long = "x".repeat(247);
    client.join("realtime:a", json!({}), None).await;
    client.join(&format!("realtime:{long}"), json!({}), None).await;
    assert!(hub.send_from_database("a", "e", &json!([1]), false).is_none());
    assert!(hub.send_from_database("a", "e", &json!(1), false).is_none());
    assert!(hub.send_from_database(&long, "e", &json!({}), false).is_some());
    assert!(hub.send_from_database("a", &"e".repeat(256), &json!({}), false).is_some());
    client.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_replay_brings_the_newest_25_oldest_first() {
    let hub = quick_hub().await;
    let ids: Vec<String> =
        (0..30).map(|n| hub.send_from_database("user:u1", "e", &json!({"n": n}), true).unwrap()).collect();
    let mut owner = owner(&hub, json!({"replay": {"since": 0, "limit": 99}})).await;
    for (n, id) in ids.iter().enumerate().skip(5) {
        let payload = json!({"type": "broadcast", "event": "e", "payload": {"n": n, "id": id},
            "meta": {"replayed": true, "id": id}});
        assert_eq!(owner.frame().await, json!(["1", null, INBOX, "broadcast", payload]));
    }
    owner.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_replay_begins_where_it_is_asked_to() {
    let hub = quick_hub().await;
    hub.send_from_database("user:u1", "e", &json!({}), true).unwrap();
    let mut owner = owner(&hub, json!({"replay": {"since": 4_000_000_000_000_i64}})).await;
    owner.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn only_private_messages_of_the_database_are_replayed() {
    let hub = quick_hub().await;
    hub.send_from_database("user:u1", "public", &json!({}), false).unwrap();
    let mut sender = owner(&hub, json!({})).await;
    let broadcast = json!({"type": "broadcast", "event": "socket", "payload": {}});
    sender.send(json!(["1", "2", INBOX, "broadcast", broadcast])).await;
    sender.nothing_more().await;
    let mut owner = owner(&hub, json!({"replay": {"since": 0}})).await;
    owner.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_replay_on_a_public_channel_or_with_wrong_params_is_refused() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    let ask = |replay: Value, private: bool| json!({"private": private, "broadcast": {"replay": replay}});
    let reply = client.join(INBOX, ask(json!({"since": 0}), false), Some(&token)).await;
    assert_eq!(reason(&reply), "UnableToReplayMessages: Replay is not allowed for public channels");
    for wrong in [json!({}), json!({"since": 1.5}), json!({"since": "1"})] {
        let reply = client.join(INBOX, ask(wrong, true), Some(&token)).await;
        assert_eq!(reason(&reply), "UnableToReplayMessages: Replay params are not valid");
    }
    hub.stop().await;
}

#[tokio::test]
async fn bytes_of_the_database_are_delivered_and_replayed_as_kind_4() {
    let hub = quick_hub().await;
    let mut live = owner(&hub, json!({})).await;
    let id = hub.send_binary_from_database("user:u1", "e", vec![0, 255], true);
    let mut late = owner(&hub, json!({"replay": {"since": 0}})).await;
    for (client, meta) in [(&mut live, json!({"id": id})), (&mut late, json!({"replayed": true, "id": id}))] {
        let meta = meta.to_string();
        let lengths = [4, 16, 1, u8::try_from(meta.len()).unwrap(), 0];
        let expected = [&lengths[..], INBOX.as_bytes(), b"e", meta.as_bytes(), &[0, 255]].concat();
        assert_eq!(client.message().await, Message::Binary(expected.into()));
    }
    hub.stop().await;
}

#[tokio::test]
async fn lost_replication_is_silent_and_what_it_lost_can_be_replayed() {
    let hub = quick_hub().await;
    let mut owner_live = owner(&hub, json!({})).await;
    hub.set_faults(FaultSwitches { replication_lost: true, ..FaultSwitches::default() });
    hub.send_from_database("user:u1", "e", &json!({}), true).unwrap();
    owner_live.nothing_more().await;
    let mut late = owner(&hub, json!({"replay": {"since": 0}})).await;
    assert_eq!(late.frame().await[4]["meta"]["replayed"], true);
    // Websocket broadcasts go on.
    let broadcast = json!({"type": "broadcast", "event": "e", "payload": {}});
    late.send(json!(["1", "2", INBOX, "broadcast", broadcast])).await;
    assert_eq!(owner_live.frame().await[3], "broadcast");
    hub.stop().await;
}

#[tokio::test]
async fn a_channel_that_asks_hears_when_replication_is_up() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    let config = json!({"broadcast": {"replication_ready": true}});
    assert_eq!(client.join("realtime:a", config, None).await, joined("1", "realtime:a"));
    assert_eq!(client.frame().await, note("realtime:a", "ok", "Replication connection established"));
    hub.stop().await;
}

#[tokio::test]
async fn a_channel_that_waits_too_long_for_replication_ends() {
    let hub = Hub::start(HubConfig { replication_ready_limit: Duration::ZERO, ..quick() }).await.unwrap();
    hub.set_faults(FaultSwitches { replication_lost: true, ..FaultSwitches::default() });
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({"broadcast": {"replication_ready": true}}), None).await;
    let message = "Replication connection was not established in time";
    assert_eq!(client.frame().await, note("realtime:a", "error", message));
    assert_eq!(client.frame().await, closed("realtime:a"));
    hub.stop().await;
}

#[tokio::test]
async fn a_cold_project_loses_what_is_sent_before_replication_is_up() {
    let warm_up = Duration::from_secs(3600);
    let hub = Hub::start(HubConfig { replication_warm_up: warm_up, ..quick() }).await.unwrap();
    let mut owner = owner(&hub, json!({})).await;
    hub.send_from_database("user:u1", "e", &json!({}), true).unwrap();
    owner.nothing_more().await;
    hub.stop().await;
}

/// The owner of the inbox, joined with this broadcast config.
async fn owner(hub: &RunningHub, broadcast: Value) -> Client {
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(hub).await;
    let reply = client.join(INBOX, json!({"private": true, "broadcast": broadcast}), Some(&token)).await;
    assert_eq!(reply, joined("1", INBOX));
    client
}

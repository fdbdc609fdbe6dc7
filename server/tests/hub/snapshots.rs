//! The picture that the hub gives of itself.

use ringback_server::TopicSnapshot;
use serde_json::json;

use crate::client::{Client, ok, quick_hub};

#[tokio::test]
async fn a_snapshot_shows_topics_presences_and_counts() {
    let hub = quick_hub().await;
    let (mut bob, mut eve) = (Client::v2(&hub).await, Client::v2(&hub).await);
    bob.join("realtime:lobby", json!({"presence": {"key": "phone"}}), None).await;
    eve.join("realtime:lobby", json!({"broadcast": {"ack": true}}), None).await;
    bob.send(json!(["1", "2", "realtime:lobby", "presence", {"event": "track", "payload": {"user": "bob"}}]))
        .await;
    bob.frames(2).await;
    eve.frame().await;
    eve.send(json!(["1", "2", "realtime:lobby", "broadcast", {"event": "e", "payload": {}}])).await;
    assert_eq!(eve.frame().await, ok("2", "realtime:lobby"));
    bob.frame().await;
    let snapshot = hub.snapshot();
    let lobby = TopicSnapshot { name: "lobby".into(), private: false, subscribers: 2 };
    assert_eq!(snapshot.topics, [lobby]);
    assert_eq!((&*snapshot.presences[0].key, &snapshot.presences[0].meta["user"]), ("phone", &json!("bob")));
    assert_eq!((snapshot.sockets, snapshot.connects, snapshot.joins), (2, 2, 2));
    assert_eq!((snapshot.messages, snapshot.delivered, snapshot.lost), (1, 3, 0));
    hub.stop().await;
}

#[tokio::test]
async fn what_is_gone_is_forgotten() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    client.send(json!(["1", "2", "realtime:a", "phx_leave", {}])).await;
    client.frames(2).await;
    assert_eq!(hub.snapshot().topics, []);
    hub.stop().await;
}

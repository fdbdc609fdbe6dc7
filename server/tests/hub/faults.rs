//! What goes wrong on demand.

use std::time::Duration;

use ringback_server::{
    ConnectRefusal, DEMO_KEY, FaultAct, FaultSwitches, Hub, HubConfig, JoinRefusal, RunningHub,
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, http, joined, ok, quick, quick_hub, reason};

#[tokio::test]
async fn every_refusal_of_connections_has_its_status_and_words() {
    let hub = quick_hub().await;
    for (refusal, status, message) in [
        (ConnectRefusal::RealtimeDisabled, 403, "Realtime was disabled for this tenant"),
        (ConnectRefusal::TenantNotFound, 404, "Tenant not found"),
        (ConnectRefusal::TooManyConnectedUsers, 429, "Too many connected users"),
        (ConnectRefusal::TooManyJoins, 429, "Too many joins per second"),
        (ConnectRefusal::Broken, 500, "Error connecting to Realtime"),
    ] {
        hub.set_faults(FaultSwitches { refuse_connects: Some(refusal), ..FaultSwitches::default() });
        let refused = Client::refused(&hub, &format!("apikey={DEMO_KEY}")).await;
        assert_eq!(refused, (status, json!({"error": message})));
    }
    hub.set_faults(FaultSwitches::default());
    Client::v2(&hub).await.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn every_refusal_of_joins_has_its_code_and_words() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    for (refusal, words) in [
        (JoinRefusal::ChannelRateLimitReached, "ChannelRateLimitReached: Too many channels"),
        (JoinRefusal::ConnectionRateLimitReached, "ConnectionRateLimitReached: Too many connected users"),
        (
            JoinRefusal::DatabaseConnectionRateLimitReached,
            "DatabaseConnectionRateLimitReached: Too many database connections attempts per second",
        ),
        (
            JoinRefusal::DatabaseLackOfConnections,
            "DatabaseLackOfConnections: Database can't accept more connections, Realtime won't connect",
        ),
        (
            JoinRefusal::IncreaseConnectionPool,
            "IncreaseConnectionPool: Please increase your connection pool size",
        ),
        (
            JoinRefusal::InitializingProjectConnection,
            "InitializingProjectConnection: Realtime is initializing the project connection",
        ),
        (
            JoinRefusal::MissingPartition,
            "MissingPartition: Realtime was unable to find the expected messages partition",
        ),
        (
            JoinRefusal::RealtimeDisabledForTenant,
            "RealtimeDisabledForTenant: Realtime disabled for this tenant",
        ),
        (JoinRefusal::RealtimeRestarting, "RealtimeRestarting: Realtime is restarting, please standby"),
        (JoinRefusal::TimeoutOnRpcCall, "TimeoutOnRpcCall: Node request timeout"),
        (
            JoinRefusal::UnableToConnectToProject,
            "UnableToConnectToProject: Realtime was unable to connect to the project database",
        ),
        (
            JoinRefusal::UnableToReplayMessages,
            "UnableToReplayMessages: Realtime was unable to replay messages",
        ),
        (JoinRefusal::UnknownErrorOnChannel, "Unknown Error on Channel"),
    ] {
        refuse_joins(&hub, refusal);
        let mut client = Client::v2(&hub).await;
        let reply = client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
        assert_eq!(reason(&reply), words);
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_project_that_does_not_exist_costs_the_socket() {
    let hub = quick_hub().await;
    refuse_joins(&hub, JoinRefusal::TenantNotFound);
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:a", json!({}), None).await;
    assert_eq!(reason(&reply), "TenantNotFound: Tenant with the given ID does not exist");
    assert_eq!(client.close_code().await, 1001);
    hub.stop().await;
}

#[tokio::test]
async fn private_only_refuses_public_channels() {
    let hub = quick_hub().await;
    refuse_joins(&hub, JoinRefusal::PrivateOnly);
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:a", json!({}), None).await;
    assert_eq!(reason(&reply), "PrivateOnly: This project only allows private channels");
    let reply = client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    assert_eq!(reply[4]["status"], "ok");
    hub.stop().await;
}

#[tokio::test]
async fn a_mute_hub_acknowledges_and_delivers_nothing() {
    let hub = quick_hub().await;
    let (mut sender, mut receiver) = pair(&hub).await;
    hub.set_faults(FaultSwitches { mute: true, ..FaultSwitches::default() });
    sender.send(broadcast(1)).await;
    assert_eq!(sender.frame().await, ok("2", "realtime:a"));
    receiver.nothing_more().await;
    assert_eq!((hub.snapshot().delivered, hub.snapshot().lost), (0, 1));
    hub.stop().await;
}

#[tokio::test]
async fn drops_fall_on_the_same_deliveries_in_every_run() {
    async fn run() -> Vec<u64> {
        let hub = quick_hub().await;
        let (mut sender, mut receiver) = pair(&hub).await;
        hub.set_drop_percent(50);
        for n in 0..20 {
            sender.send(broadcast(n)).await;
            assert_eq!(sender.frame().await, ok("2", "realtime:a"));
        }
        let survivors = hub.snapshot().lost;
        let mut arrived = Vec::new();
        for frame in receiver.frames(20 - usize::try_from(survivors).unwrap()).await {
            arrived.push(frame[4]["payload"]["n"].as_u64().unwrap());
        }
        receiver.nothing_more().await;
        hub.stop().await;
        arrived
    }
    let first = run().await;
    assert!(!first.is_empty() && first.len() < 20, "{first:?}");
    assert_eq!(first, run().await);
}

#[tokio::test]
async fn late_deliveries_come_in_order_and_replies_are_not_late() {
    let hub = quick_hub().await;
    let (mut sender, mut receiver) = pair(&hub).await;
    hub.set_faults(FaultSwitches { delay_ms: 300, ..FaultSwitches::default() });
    let start = Instant::now();
    for n in 0..3 {
        sender.send(broadcast(n)).await;
        assert_eq!(sender.frame().await, ok("2", "realtime:a"));
    }
    receiver.nothing_more().await;
    for n in 0..3 {
        assert_eq!(receiver.frame().await[4]["payload"]["n"], n);
    }
    assert!(start.elapsed() >= Duration::from_millis(300));
    hub.stop().await;
}

#[tokio::test]
async fn without_splicing_old_sockets_get_json_or_nothing() {
    let hub = quick_hub().await;
    let (mut sender, mut old) = (Client::v2(&hub).await, Client::v1(&hub).await);
    sender.join("realtime:a", json!({}), None).await;
    old.join_v1("realtime:a", json!({})).await;
    hub.set_faults(FaultSwitches { splice_v1: false, ..FaultSwitches::default() });
    for body in [&b"{bad"[..], br#"{}},"topic":"realtime:victim","payload":{"x":{}"#, b"{\"n\":1}"] {
        let frame = [&[3, 1, 1, 10, 1, 0, 1][..], b"12realtime:ae", body].concat();
        sender.send_raw(Message::Binary(frame.into())).await;
    }
    assert_eq!(old.frame().await["payload"]["payload"], json!({"n": 1}));
    hub.stop().await;
}

#[tokio::test]
async fn with_the_database_down_private_joins_fail_late_and_public_ones_work() {
    let hub = quick_hub().await;
    let down = FaultSwitches {
        database_down: true,
        database_timeout_ms: 200,
        database_recovery_ms: 0,
        ..FaultSwitches::default()
    };
    hub.set_faults(down.clone());
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    assert_eq!(client.join("realtime:a", json!({}), None).await[4]["status"], "ok");
    let start = Instant::now();
    let reply = client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    assert_eq!(reason(&reply), "IncreaseConnectionPool: Please increase your connection pool size");
    assert!(start.elapsed() >= Duration::from_millis(200));
    hub.set_faults(FaultSwitches { database_down: false, ..down });
    let reply = client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    assert_eq!(reply[4]["status"], "ok");
    hub.stop().await;
}

#[tokio::test]
async fn the_database_needs_a_while_to_come_back() {
    let hub = quick_hub().await;
    let down = FaultSwitches {
        database_down: true,
        database_timeout_ms: 0,
        database_recovery_ms: 3_600_000,
        ..FaultSwitches::default()
    };
    hub.set_faults(down.clone());
    hub.set_faults(FaultSwitches { database_down: false, ..down });
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub).await;
    let reply = client.join("realtime:user:u1", json!({"private": true}), Some(&token)).await;
    assert!(reason(&reply).starts_with("IncreaseConnectionPool"), "{reply}");
    hub.stop().await;
}

#[tokio::test]
async fn with_the_database_down_a_first_write_gets_no_reply_and_a_cached_right_goes_on() {
    let hub = quick_hub().await;
    let token = hub.mint("u1", Duration::from_secs(60)).unwrap();
    let config = json!({"private": true, "broadcast": {"ack": true}});
    let (mut cached, mut fresh) = (Client::v2(&hub).await, Client::v2(&hub).await);
    let write = json!(["1", "2", "realtime:user:u1", "broadcast", {"event": "e", "payload": {}}]);
    for client in [&mut cached, &mut fresh] {
        client.join("realtime:user:u1", config.clone(), Some(&token)).await;
    }
    cached.send(write.clone()).await;
    assert_eq!(cached.frame().await, ok("2", "realtime:user:u1"));
    assert_eq!(fresh.frame().await[3], "broadcast");
    hub.set_faults(FaultSwitches { database_down: true, ..FaultSwitches::default() });
    fresh.send(write.clone()).await;
    fresh.nothing_more().await;
    cached.nothing_more().await;
    cached.send(write).await;
    assert_eq!(cached.frame().await, ok("2", "realtime:user:u1"));
    hub.stop().await;
}

#[tokio::test]
async fn a_crash_is_told_and_the_channel_can_be_joined_again() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    hub.act(FaultAct::Crash(None));
    let crash = json!(["1", "1", "realtime:a", "phx_error", {"reason": "channel_crash"}]);
    assert_eq!(client.frame().await, crash);
    assert_eq!(client.join("realtime:a", json!({}), None).await, joined("1", "realtime:a"));
    hub.stop().await;
}

#[tokio::test]
async fn a_disconnect_by_an_administrator_is_told_on_every_channel() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    hub.act(FaultAct::Disconnect);
    let note = json!({"extension": "system", "status": "ok", "message": "Server requested disconnect"});
    assert_eq!(client.frame().await, json!([null, null, "realtime:a", "system", note]));
    assert_eq!(client.close_code().await, 1012);
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_closes_with_1012_and_takes_new_sockets() {
    let hub = quick_hub().await;
    let mut client = Client::v2(&hub).await;
    client.nothing_more().await;
    hub.act(FaultAct::Restart);
    assert_eq!(client.close_code().await, 1012);
    Client::v2(&hub).await.nothing_more().await;
    hub.stop().await;
}

#[tokio::test]
async fn the_switches_are_read_and_changed_over_http_in_a_demo_only() {
    let hub = quick_hub().await;
    assert_eq!(http(&hub, "GET", "/local/faults", &[], "").await.0, 404);
    hub.stop().await;
    let hub = Hub::start(HubConfig { demo: true, ..quick() }).await.unwrap();
    let post = async |body: &str| {
        let (status, body) = http(&hub, "POST", "/local/faults", &JSON, body).await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let (status, switches) = post(r#"{"drop_percent": 7, "refuse_joins": "RealtimeRestarting"}"#).await;
    assert_eq!((status, &switches["drop_percent"]), (200, &json!(7)));
    assert_eq!(post(r#"{"mute": true}"#).await.1["refuse_joins"], "RealtimeRestarting");
    assert_eq!(post(r#"{"drop_percent": 9, "mutes": true}"#).await.0, 422);
    let expected = FaultSwitches {
        drop_percent: 7,
        mute: true,
        refuse_joins: Some(JoinRefusal::RealtimeRestarting),
        ..FaultSwitches::default()
    };
    assert_eq!(hub.faults(), expected);
    assert_eq!(post(r#"{"reset": true, "delay_ms": 5}"#).await.1["mute"], false);
    let read = http(&hub, "GET", "/local/faults", &[], "").await.1;
    assert_eq!(serde_json::from_str::<FaultSwitches>(&read).unwrap().delay_ms, 5);
    hub.stop().await;
}

#[tokio::test]
async fn faults_that_happen_once_can_be_asked_for_over_http() {
    let hub = Hub::start(HubConfig { demo: true, ..quick() }).await.unwrap();
    let mut client = Client::v2(&hub).await;
    client.join("realtime:a", json!({}), None).await;
    let acts = r#"{"act": [{"inject": "{bad"}, {"crash": "realtime:a"}, {"kick": 4000}]}"#;
    assert_eq!(http(&hub, "POST", "/local/faults", &JSON, acts).await.0, 200);
    // The kick may overtake the others.
    assert_eq!(client.close_code().await, 4000);
    hub.stop().await;
}

#[tokio::test]
async fn messages_of_the_database_can_be_sent_over_http_in_a_demo() {
    let hub = Hub::start(HubConfig { demo: true, ..quick() }).await.unwrap();
    let mut client = Client::v1(&hub).await;
    client.join_v1("realtime:a", json!({})).await;
    let body = r#"{"topic": "a", "event": "e", "payload": {}, "private": false}"#;
    let (status, answer) = http(&hub, "POST", "/local/send", &JSON, body).await;
    let id = serde_json::from_str::<Value>(&answer).unwrap()["id"].clone();
    assert_eq!(status, 200);
    assert_eq!(client.frame().await["payload"]["meta"]["id"], id);
    hub.stop().await;
}

#[tokio::test]
async fn foreign_pages_switch_no_faults() {
    let hub = Hub::start(HubConfig { demo: true, ..quick() }).await.unwrap();
    let own = format!("http://{}", hub.addr());
    let [json] = JSON;
    let foreign = ("origin", "http://elsewhere.example");
    for (path, headers, status) in [
        // What a page may send without asking first.
        ("/local/faults", vec![("content-type", "text/plain")], 415),
        ("/local/faults", vec![], 415),
        ("/local/send", vec![("content-type", "text/plain")], 415),
        ("/local/token", vec![("content-type", "text/plain"), foreign], 415),
        ("/local/faults", vec![json, foreign], 403),
        ("/local/faults", vec![json, ("origin", "null")], 403),
        // A name of somebody else that was pointed here.
        ("/local/faults", vec![json, ("host", "rebound.example"), ("origin", "http://rebound.example")], 403),
        ("/local/faults", vec![json, ("origin", &own)], 200),
        ("/local/faults", vec![("content-type", "application/json; charset=utf-8")], 200),
    ] {
        assert_eq!(
            http(&hub, "POST", path, &headers, r#"{"mute": true}"#).await.0,
            status,
            "{path} {headers:?}"
        );
        assert_eq!(hub.faults().mute, status == 200);
    }
    hub.stop().await;
}

fn refuse_joins(hub: &RunningHub, refusal: JoinRefusal) {
    hub.set_faults(FaultSwitches { refuse_joins: Some(refusal), ..FaultSwitches::default() });
}

fn broadcast(n: u64) -> Value {
    json!(["1", "2", "realtime:a", "broadcast", {"event": "e", "payload": {"n": n}}])
}

/// One who sends with acknowledgements, and one who listens.
async fn pair(hub: &RunningHub) -> (Client, Client) {
    let (mut sender, mut receiver) = (Client::v2(hub).await, Client::v2(hub).await);
    sender.join("realtime:a", json!({"broadcast": {"ack": true}}), None).await;
    receiver.join("realtime:a", json!({}), None).await;
    (sender, receiver)
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

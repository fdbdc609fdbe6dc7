//! Tokens of channels: replaced, expired, forged.

use std::time::Duration;

use ringback_server::{Hub, HubConfig, RunningHub};
use serde_json::json;

use crate::client::{Client, quick, quick_hub};

const INBOX: &str = "realtime:user:u1";

#[tokio::test]
async fn an_expired_token_ends_the_channel_with_a_word() {
    let hub = quick_hub().await;
    let mut client = inbox(&hub, Duration::from_secs(1)).await;
    let note = json!({"extension": "system", "status": "error",
        "message": "Token has expired 0 seconds ago", "channel": "user:u1"});
    assert_eq!(client.frame().await, json!(["1", null, INBOX, "system", note]));
    assert_eq!(client.frame().await, json!(["1", "1", INBOX, "phx_close", {}]));
    hub.stop().await;
}

#[tokio::test]
async fn a_new_token_keeps_the_channel() {
    let hub = quick_hub().await;
    let mut client = inbox(&hub, Duration::from_secs(2)).await;
    send_token(&mut client, &hub.mint("u1", Duration::from_secs(60)).unwrap()).await;
    client.nothing_more().await;
    // Longer than the first token lives; the second must carry the channel over.
    let quiet = tokio::time::timeout(Duration::from_secs(3), client.message()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    hub.stop().await;
}

#[tokio::test]
async fn a_forged_token_ends_the_channel() {
    let hub = quick_hub().await;
    let other = Hub::start(HubConfig { jwt_secret: "other".into(), ..quick() }).await.unwrap();
    let mut client = inbox(&hub, Duration::from_secs(60)).await;
    send_token(&mut client, &other.mint("u1", Duration::from_secs(60)).unwrap()).await;
    assert_eq!(client.frame().await[4]["message"], ":signature_error");
    assert_eq!(client.frame().await[3], "phx_close");
    hub.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_token_without_the_right_ends_the_channel() {
    let hub = quick_hub().await;
    let mut client = inbox(&hub, Duration::from_secs(60)).await;
    send_token(&mut client, &hub.mint("u2", Duration::from_secs(60)).unwrap()).await;
    let message = client.frame().await[4]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "You do not have permissions to read from this Channel topic: user:u1");
    assert_eq!(client.frame().await[3], "phx_close");
    hub.stop().await;
}

#[tokio::test]
async fn api_keys_null_and_unchanged_tokens_are_ignored() {
    let hub = quick_hub().await;
    let mut client = inbox(&hub, Duration::from_secs(60)).await;
    client.send(json!(["1", "2", INBOX, "access_token", {"access_token": null}])).await;
    send_token(&mut client, "sb_publishable_x").await;
    client.nothing_more().await;
    hub.stop().await;
}

async fn inbox(hub: &RunningHub, life: Duration) -> Client {
    let token = hub.mint("u1", life).unwrap();
    let mut client = Client::v2(hub).await;
    let reply = client.join(INBOX, json!({"private": true}), Some(&token)).await;
    assert_eq!(reply[4]["status"], "ok", "{reply}");
    client
}

async fn send_token(client: &mut Client, token: &str) {
    client.send(json!(["1", "2", INBOX, "access_token", {"access_token": token}])).await;
}

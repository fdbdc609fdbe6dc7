//! Tokens of channels: replaced, expired, forged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringback_server::{Authorizer, Claims, Hub, HubConfig, RunningHub};
use serde_json::json;

use crate::client::{Client, closed, note, ok, quick, quick_hub, reason};

const INBOX: &str = "realtime:user:u1";
/// A token of the service role until 2100, signed with the secret of the local demo.
const SERVICE: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
    "eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MTAyNDQ0ODAwfQ.",
    "S6c6ggTQS2d-9ld60hc1KJJOuhzp4H1Qs1Q3CFBMcZc"
);

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

#[tokio::test]
async fn the_key_that_a_channel_lives_on_ends_it_when_it_expires() {
    let hub = quick_hub().await;
    let key = hub.mint("u1", Duration::from_secs(2)).unwrap();
    let mut client = Client::open(&hub, &format!("apikey={key}&vsn=2.0.0")).await.unwrap();
    assert_eq!(client.join("realtime:a", json!({}), None).await[4]["status"], "ok");
    assert_eq!(client.frame().await, note("realtime:a", "error", "Token has expired 0 seconds ago"));
    assert_eq!(client.frame().await, closed("realtime:a"));
    let reply = client.join("realtime:a", json!({}), None).await;
    assert!(reason(&reply).starts_with("InvalidJWTToken: Token has expired"), "{reply}");
    hub.stop().await;
}

#[tokio::test]
async fn an_expired_token_on_a_channel_is_told_by_its_age() {
    let hub = quick_hub().await;
    let mut client = inbox(&hub, Duration::from_secs(60)).await;
    send_token(&mut client, &hub.mint("u1", Duration::ZERO).unwrap()).await;
    let message = client.frame().await[4]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Token has expired "), "{message}");
    assert_eq!(client.frame().await, closed(INBOX));
    hub.stop().await;
}

#[tokio::test]
async fn rights_are_cached_until_the_next_token() {
    let hub = guarded().await;
    let mut client = inbox_of(&hub.running, Duration::from_secs(60)).await;
    let write = json!(["1", "2", INBOX, "broadcast", {"event": "e", "payload": {}}]);
    client.send(write.clone()).await;
    assert_eq!(client.frame().await, ok("2", INBOX));
    hub.guard.open.store(false, Ordering::Relaxed);
    client.send(write).await;
    assert_eq!(client.frame().await, ok("2", INBOX));
    send_token(&mut client, &hub.running.mint("u1", Duration::from_secs(61)).unwrap()).await;
    let message = "You do not have permissions to read from this Channel topic: user:u1";
    assert_eq!(client.frame().await, note(INBOX, "error", message));
    assert_eq!(client.frame().await, closed(INBOX));
    hub.running.stop().await;
}

#[tokio::test]
async fn who_may_read_less_than_before_is_put_out() {
    let hub = guarded().await;
    let token = hub.running.mint("u1", Duration::from_secs(60)).unwrap();
    let mut client = Client::v2(&hub.running).await;
    client.join(INBOX, json!({"private": true, "presence": {"enabled": true}}), Some(&token)).await;
    assert_eq!(client.frame().await[3], "presence_state");
    hub.guard.presence.store(false, Ordering::Relaxed);
    send_token(&mut client, &hub.running.mint("u1", Duration::from_secs(61)).unwrap()).await;
    let message = "You no longer have permission to read from this Channel topic: user:u1";
    assert_eq!(client.frame().await, note(INBOX, "error", message));
    hub.running.stop().await;
}

#[tokio::test]
async fn the_service_role_passes_without_a_policy() {
    let hub = guarded().await;
    hub.guard.open.store(false, Ordering::Relaxed);
    let mut client = Client::v2(&hub.running).await;
    let reply = client.join(INBOX, json!({"private": true}), Some(SERVICE)).await;
    assert_eq!(reply[4]["status"], "ok");
    hub.running.stop().await;
}

/// Whom it lets in can be changed.
#[derive(Debug)]
struct Guard {
    open: AtomicBool,
    presence: AtomicBool,
}

struct Guarded {
    running: RunningHub,
    guard: Arc<Guard>,
}

/// The authorizer that asks the guard.
struct Asks(Arc<Guard>);

impl Authorizer for Asks {
    fn may_read(&self, _: &Claims, _: &str) -> bool {
        self.0.open.load(Ordering::Relaxed)
    }

    fn may_write(&self, _: &Claims, _: &str) -> bool {
        self.0.open.load(Ordering::Relaxed)
    }

    fn may_read_presence(&self, _: &Claims, _: &str) -> bool {
        self.0.open.load(Ordering::Relaxed) && self.0.presence.load(Ordering::Relaxed)
    }
}

async fn guarded() -> Guarded {
    let guard = Arc::new(Guard { open: true.into(), presence: true.into() });
    let authorizer = Arc::new(Asks(guard.clone()));
    Guarded { running: Hub::start(HubConfig { authorizer, ..quick() }).await.unwrap(), guard }
}

/// The inbox with acknowledgements.
async fn inbox_of(hub: &RunningHub, life: Duration) -> Client {
    let token = hub.mint("u1", life).unwrap();
    let mut client = Client::v2(hub).await;
    let config = json!({"private": true, "broadcast": {"ack": true}});
    assert_eq!(client.join(INBOX, config, Some(&token)).await[4]["status"], "ok");
    client
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

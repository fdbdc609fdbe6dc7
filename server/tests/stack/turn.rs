//! TURN as a part of the stack: who gets credentials, and where they lead.

use std::net::{Ipv4Addr, SocketAddr};

use ringback_server::turn::TurnConfig;
use ringback_server::{HubConfig, RunningStack, StackConfig, TlsSource};
use serde_json::{Value, json};

use super::client::{get, quiet, request, start};

#[tokio::test]
async fn a_signed_in_user_gets_ice_servers_and_others_do_not() {
    let stack = start(with_turn()).await;
    let path = get(stack.addr(), "/config.json").await.json()["ice"].as_str().unwrap().to_owned();
    assert_eq!(request(stack.addr(), "POST", &path, &[], "").await.status, 401);
    let servers = ice_servers(&stack).await;
    let stun = servers[0]["urls"][0].as_str().unwrap();
    assert!(stun.starts_with("stun:127.0.0.1:") && !stun.ends_with(":0"), "{stun}");
    assert!(servers[1]["username"].as_str().unwrap().ends_with(":u1"));
    stack.stop().await;
}

#[tokio::test]
async fn turn_is_in_the_figures() {
    let stack = start(with_turn()).await;
    let status = get(stack.addr(), "/status").await.json();
    assert_eq!(status["turn"], json!({"allocations": 0, "allocations_made": 0, "relayed_bytes": 0}));
    let metrics = get(stack.addr(), "/metrics").await.body;
    assert!(metrics.contains("ringback_turn_relayed_bytes_total 0\n"), "{metrics}");
    stack.stop().await;
}

#[tokio::test]
async fn a_stack_on_every_address_names_one_that_others_reach() {
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let turn = TurnConfig { listen: everywhere, ..TurnConfig::default() };
    let stack = start(StackConfig { turn: Some(turn), ..with_turn() }).await;
    let servers = ice_servers(&stack).await;
    let url = servers[1]["urls"][0].as_str().unwrap();
    assert!(!url.contains("0.0.0.0"), "{url}");
    stack.stop().await;
}

#[tokio::test]
async fn a_stack_with_a_certificate_has_turn_over_tls() {
    let tls = Some(TlsSource::SelfSigned { names: Vec::new() });
    let stack =
        start(StackConfig { hub: HubConfig { demo: false, ..quiet().hub }, tls, ..with_turn() }).await;
    assert!(stack.turn_urls().unwrap().turn.iter().any(|url| url.starts_with("turns:127.0.0.1:")));
    stack.stop().await;
}

fn with_turn() -> StackConfig {
    StackConfig { turn: Some(TurnConfig::default()), ..quiet() }
}

async fn ice_servers(stack: &RunningStack) -> Value {
    let json_body = [("content-type", "application/json")];
    let token = request(stack.addr(), "POST", "/local/token", &json_body, r#"{"user":"u1"}"#).await.json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    let path = "/functions/v1/turn-credentials";
    let answer = request(stack.addr(), "POST", path, &[("authorization", &bearer)], "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["iceServers"].clone()
}

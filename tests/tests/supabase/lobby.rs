//! Who is online: the lobby, over the hub's presence.

use std::time::Duration;

use ringback::proto::DeviceId;
use ringback::proto::phoenix::Serializer;
use ringback::signaling::supabase::{Online, SupabaseBuilder, SupabaseSignaling};
use ringback::signaling::{Signaling, StaticToken};
use ringback_server::{DEMO_KEY, RunningHub};
use serde_json::json;

use crate::phone::{Phone, quick_hub, user};

#[tokio::test]
async fn phones_see_each_other_come_and_go_in_both_modes_and_serializers() {
    let hub = quick_hub().await;
    let mut rider = in_lobby(public(&hub, "rider"), 1);
    let mut driver = in_lobby(private(&hub, "driver"), 2);
    let mut old = in_lobby(public(&hub, "old").serializer(Serializer::V1), 3);
    for phone in [&mut rider, &mut driver, &mut old] {
        phone.until_up().await;
        until_online(phone, &["driver", "old", "rider"]).await;
    }
    assert_eq!(rider.signaling.online().borrow()[0], shown("driver", 2));
    driver.signaling.close().await;
    until_online(&rider, &["old", "rider"]).await;
    until_online(&old, &["old", "rider"]).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_phone_without_a_lobby_sees_and_shows_nobody() {
    let hub = quick_hub().await;
    let (mut plain, mut rider) = (Phone::public(&hub.url(), "plain"), in_lobby(public(&hub, "rider"), 1));
    plain.until_up().await;
    rider.until_up().await;
    until_online(&rider, &["rider"]).await;
    assert!(plain.signaling.online().borrow().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn the_lobby_comes_back_with_the_socket() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (in_lobby(public(&hub, "rider"), 1), in_lobby(public(&hub, "driver"), 2));
    rider.until_up().await;
    driver.until_up().await;
    until_online(&rider, &["driver", "rider"]).await;
    hub.kick_all(1012);
    for phone in [&mut rider, &mut driver] {
        phone.until_down().await;
        assert!(phone.signaling.online().borrow().is_empty());
    }
    for phone in [&mut rider, &mut driver] {
        phone.until_up().await;
        until_online(phone, &["driver", "rider"]).await;
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_lobby_that_is_closed_costs_the_inbox_nothing() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (in_lobby(public(&hub, "rider"), 1), in_lobby(public(&hub, "driver"), 2));
    rider.until_up().await;
    driver.until_up().await;
    until_online(&rider, &["driver", "rider"]).await;
    // The inbox is the first join of a socket, the lobby the second.
    hub.inject_text(r#"["2","2","realtime:lobby","phx_close",{}]"#);
    until_online(&rider, &[]).await;
    rider.say("driver", "{}").await;
    assert_eq!(driver.until_message().await.1, "{}");
    assert!(!driver.went_down && !rider.went_down);
    hub.stop().await;
}

#[tokio::test]
async fn strangers_in_the_lobby_are_left_out_and_cost_nothing() {
    let hub = quick_hub().await;
    let mut rider = in_lobby(public(&hub, "rider"), 1);
    rider.until_up().await;
    until_online(&rider, &["rider"]).await;
    let key = DeviceId::from_random([9; 16]).to_string();
    let joins = json!({
        "no device": {"metas": [{"phx_ref": "X1", "user": "ghost"}]},
        key.clone(): {"metas": [
            {"phx_ref": "X2", "user": "two words", "device": key},
            {"phx_ref": "X3", "user": "x".repeat(200), "device": key},
            {"phx_ref": "X4", "user": "fine", "device": key, "app": "\u{1b}]0;title"},
        ]},
    });
    let diff = json!({"joins": joins, "leaves": {}});
    hub.inject_text(json!([null, null, "realtime:lobby", "presence_diff", diff]).to_string());
    until_online(&rider, &["fine", "rider"]).await;
    assert!(!rider.went_down);
    hub.stop().await;
}

fn public(hub: &RunningHub, name: &str) -> SupabaseBuilder {
    SupabaseSignaling::public(hub.url(), DEMO_KEY, user(name))
}

fn private(hub: &RunningHub, name: &str) -> SupabaseBuilder {
    let token = StaticToken::new(hub.mint(name, Duration::from_secs(600)).unwrap());
    SupabaseSignaling::private(hub.url(), DEMO_KEY, user(name), std::sync::Arc::new(token))
}

fn in_lobby(builder: SupabaseBuilder, number: u8) -> Phone {
    Phone::new(builder.lobby("lobby", DeviceId::from_random([number; 16]), "tests").start().unwrap())
}

fn shown(name: &str, number: u8) -> Online {
    Online { user: user(name), device: DeviceId::from_random([number; 16]), app: "tests".into() }
}

/// Waits until exactly these are online.
async fn until_online(phone: &Phone, wanted: &[&str]) {
    let mut online = phone.signaling.online();
    let names =
        |list: &[Online]| -> Vec<String> { list.iter().map(|online| online.user.to_string()).collect() };
    let there = online.wait_for(|list| names(list) == wanted);
    let came = tokio::time::timeout(Duration::from_secs(30), there).await.is_ok();
    assert!(came, "after 30 s {:?} are online, not {wanted:?}", names(&phone.signaling.online().borrow()));
}

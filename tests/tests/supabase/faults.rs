//! The hub is away, restarts, refuses, or talks nonsense.

use std::net::SocketAddr;
use std::sync::Arc;

use ringback::signaling::supabase::SupabaseSignaling;
use ringback::signaling::{OfflineWhy, RefusedWhy, Signaling, SignalingEvent};
use ringback_server::{Authorizer, Claims, Hub, HubConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::phone::{Phone, message, quick, quick_hub, user};
use crate::road::Road;

#[tokio::test]
async fn a_hub_that_is_down_at_the_start_is_found_once_it_is_up() {
    let addr = free_address().await;
    let mut rider = Phone::public(&format!("http://{addr}"), "rider");
    rider.until_offline(OfflineWhy::Unreachable).await;
    assert_eq!(rider.signaling.send(message("driver", "{}")).await, Err(RefusedWhy::Unavailable));
    let hub = Hub::start(HubConfig { listen: addr, ..quick() }).await.unwrap();
    rider.until_up().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_restart_of_the_hub_is_survived_in_both_modes() {
    let hub = quick_hub().await;
    let addr = hub.addr();
    let mut public = (Phone::public(&hub.url(), "rider"), Phone::public(&hub.url(), "driver"));
    let mut private = (Phone::private(&hub, "r2"), Phone::private(&hub, "d2"));
    for phone in [&mut public.0, &mut public.1, &mut private.0, &mut private.1] {
        phone.until_up().await;
    }
    public.0.say("driver", "{}").await;
    public.1.until_message().await;
    hub.stop().await;
    for phone in [&mut public.0, &mut public.1, &mut private.0, &mut private.1] {
        phone.until_down().await;
    }
    let hub = Hub::start(HubConfig { listen: addr, ..quick() }).await.unwrap();
    for phone in [&mut public.0, &mut public.1, &mut private.0, &mut private.1] {
        phone.until_up().await;
    }
    public.0.say("driver", "{}").await;
    public.1.until_message().await;
    private.0.say("d2", "{}").await;
    private.1.until_message().await;
    hub.stop().await;
}

#[tokio::test]
async fn sockets_closed_with_1012_and_1000_come_back() {
    let hub = quick_hub().await;
    let mut rider = Phone::private(&hub, "rider");
    rider.until_up().await;
    for code in [1012, 1000] {
        hub.kick_all(code);
        rider.until_down().await;
        rider.until_up().await;
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_told() {
    let hub = quick_hub().await;
    let mut lost = Phone::public(&format!("{}/elsewhere", hub.url()), "rider");
    lost.until_offline(OfflineWhy::WrongUrl).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_server_that_speaks_no_http_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.unwrap();
        }
    });
    Phone::public(&url, "rider").until_offline(OfflineWhy::WrongUrl).await;
    server.abort();
}

#[tokio::test]
async fn a_wrong_api_key_is_told() {
    let hub = quick_hub().await;
    let wrong = SupabaseSignaling::public(hub.url(), "wrong", user("rider")).start().unwrap();
    Phone::new(wrong).until_offline(OfflineWhy::KeyRefused).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_write_that_the_policies_forbid_is_refused() {
    struct ReadOnly;
    impl Authorizer for ReadOnly {
        fn may_read(&self, _: &Claims, _: &str) -> bool {
            true
        }
        fn may_write(&self, _: &Claims, _: &str) -> bool {
            false
        }
    }
    let hub = Hub::start(HubConfig { authorizer: Arc::new(ReadOnly), ..quick() }).await.unwrap();
    let mut rider = Phone::private(&hub, "rider");
    rider.until_up().await;
    rider.say("driver", "{}").await;
    let refused = SignalingEvent::Refused(message("driver", "").id, RefusedWhy::NotAllowed);
    rider.until("the refusal", |event| *event == refused).await;
    hub.stop().await;
}

#[tokio::test]
async fn nonsense_from_the_hub_costs_nothing() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (Phone::private(&hub, "rider"), Phone::private(&hub, "driver"));
    rider.until_up().await;
    driver.until_up().await;
    let topic = "realtime:user:driver";
    for text in ["", "{", "null", "[]", r#"["1","2","3"]"#, &"[".repeat(100_000)] {
        hub.inject_text(text);
    }
    hub.inject_text(format!(r#"[null,null,"{topic}","broadcast",7]"#));
    hub.inject_text(format!(r#"[null,null,"{topic}","phx_close",{{}}]"#));
    hub.inject_text(format!(r#"["999","999","{topic}","phx_close",{{}}]"#));
    for bytes in [vec![], vec![4], vec![4, 255, 255, 255, 1], vec![9; 300], vec![255; 70]] {
        hub.inject_binary(bytes);
    }
    let large = "x".repeat(70 * 1024);
    let frame = format!(
        r#"[null,null,"{topic}","broadcast",{{"type":"broadcast","event":"rb1","payload":"{large}"}}]"#
    );
    hub.inject_text(frame);
    hub.inject_text(format!(
        r#"[null,null,"{topic}","broadcast",{{"type":"broadcast","event":"rb1","payload":{{"after":1}}}}]"#
    ));
    assert_eq!(driver.until_message().await.1, r#"{"after":1}"#);
    assert!(!driver.went_down && !rider.went_down);
    hub.stop().await;
}

#[tokio::test]
async fn a_replayed_message_has_no_age() {
    let hub = quick_hub().await;
    let mut driver = Phone::private(&hub, "driver");
    driver.until_up().await;
    hub.inject_text(
        r#"[null,null,"realtime:user:driver","broadcast",{"event":"rb1","payload":{},"meta":{"replayed":true}}]"#,
    );
    assert_eq!(driver.until_message().await, (None, "{}".into()));
    hub.stop().await;
}

#[tokio::test]
async fn a_lossy_hub_loses_and_signaling_stays_up() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (Phone::private(&hub, "rider"), Phone::private(&hub, "driver"));
    rider.until_up().await;
    driver.until_up().await;
    hub.set_drop_percent(100);
    rider.say("driver", r#"{"lost":1}"#).await;
    // A second phone of the rider proves that the first message has passed the hub.
    hub.set_drop_percent(0);
    rider.say("driver", r#"{"kept":1}"#).await;
    let mut heard = driver.until_message().await.1;
    if heard.contains("lost") {
        // The first post overtook the switch: then the second must follow.
        heard = driver.until_message().await.1;
    }
    assert_eq!(heard, r#"{"kept":1}"#);
    assert!(!driver.went_down);
    hub.stop().await;
}

#[tokio::test]
async fn after_a_change_of_network_a_dead_socket_is_replaced_within_seconds() {
    let hub = quick_hub().await;
    let road = Road::to(hub.addr()).await;
    let mut rider = Phone::public(&road.url(), "rider");
    rider.until_up().await;
    road.block_what_is_open();
    rider.signaling.network_changed();
    // By the heartbeat alone this takes up to 35 s, longer than the test waits.
    rider.until_down().await;
    rider.until_up().await;
    hub.stop().await;
}

/// An address where nothing listens: bound once, so that the port is free.
async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

//! Messages get through, in both modes and both serializers.

use std::time::Duration;

use ringback::proto::phoenix::Serializer;
use ringback::signaling::supabase::{BuildError, SupabaseSignaling};
use ringback::signaling::{RefusedWhy, Signaling, SignalingEvent};
use ringback_server::{DEMO_KEY, Hub, HubConfig};

use crate::phone::{Phone, message, quick, quick_hub, user};

#[tokio::test]
async fn public_phones_exchange_messages() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (Phone::public(&hub.url(), "rider"), Phone::public(&hub.url(), "driver"));
    exchange(&mut rider, &mut driver).await;
    hub.stop().await;
}

#[tokio::test]
async fn private_phones_exchange_messages() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (Phone::private(&hub, "rider"), Phone::private(&hub, "driver"));
    exchange(&mut rider, &mut driver).await;
    hub.stop().await;
}

#[tokio::test]
async fn the_old_serializer_works_when_asked_for() {
    let hub = quick_hub().await;
    let old = |name| {
        let builder = SupabaseSignaling::public(hub.url(), DEMO_KEY, user(name));
        Phone::new(builder.serializer(Serializer::V1).start().unwrap())
    };
    let (mut rider, mut driver) = (old("rider"), old("driver"));
    exchange(&mut rider, &mut driver).await;
    let mut modern = Phone::public(&hub.url(), "modern");
    modern.until_up().await;
    rider.say("modern", r#"{"from":"old"}"#).await;
    assert_eq!(modern.until_message().await.1, r#"{"from":"old"}"#);
    hub.stop().await;
}

#[tokio::test]
async fn every_device_of_a_user_gets_the_message() {
    let hub = quick_hub().await;
    let mut rider = Phone::private(&hub, "rider");
    let (mut phone, mut tablet) = (Phone::private(&hub, "driver"), Phone::private(&hub, "driver"));
    for end in [&mut rider, &mut phone, &mut tablet] {
        end.until_up().await;
    }
    rider.say("driver", "{}").await;
    assert_eq!(phone.until_message().await.1, "{}");
    assert_eq!(tablet.until_message().await.1, "{}");
    hub.stop().await;
}

#[tokio::test]
async fn a_message_over_the_envelope_limit_is_refused_at_once() {
    let hub = quick_hub().await;
    let mut rider = Phone::private(&hub, "rider");
    rider.until_up().await;
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(64 * 1024));
    assert_eq!(rider.signaling.send(message("driver", &large)).await, Err(RefusedWhy::TooLarge));
    hub.stop().await;
}

#[tokio::test]
async fn a_message_over_the_servers_limit_is_refused_later() {
    let hub = Hub::start(HubConfig { payload_limit: 100, ..quick() }).await.unwrap();
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(200));
    for mut rider in [Phone::private(&hub, "rider"), Phone::public(&hub.url(), "rider")] {
        rider.until_up().await;
        rider.say("driver", &large).await;
        let id = message("driver", "").id;
        let refused = SignalingEvent::Refused(id, RefusedWhy::TooLarge);
        rider.until("the refusal", |event| *event == refused).await;
    }
    hub.stop().await;
}

#[tokio::test]
async fn close_sends_what_is_queued_and_ends() {
    let hub = quick_hub().await;
    let (mut rider, mut driver) = (Phone::private(&hub, "rider"), Phone::private(&hub, "driver"));
    rider.until_up().await;
    driver.until_up().await;
    for n in 0..10 {
        rider.say("driver", &format!(r#"{{"n":{n}}}"#)).await;
    }
    rider.signaling.close().await;
    assert_eq!(rider.signaling.next().await, SignalingEvent::Closed);
    let mut heard = Vec::new();
    for _ in 0..10 {
        heard.push(driver.until_message().await.1);
    }
    heard.sort();
    let said: Vec<String> = (0..10).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    assert_eq!(heard, said);
    assert_eq!(rider.signaling.send(message("driver", "{}")).await, Err(RefusedWhy::Unavailable));
    hub.stop().await;
}

#[tokio::test]
async fn close_leaves_no_task() {
    let hub = quick_hub().await;
    let mut driver = Phone::private(&hub, "driver");
    driver.until_up().await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for _ in 0..3 {
        let mut rider = Phone::private(&hub, "rider");
        rider.until_up().await;
        rider.say("driver", "{}").await;
        driver.until_message().await;
        rider.signaling.close().await;
    }
    // The hub's own tasks for these sockets end a little later.
    let left = async {
        while metrics.num_alive_tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), left).await.expect("a task is left");
    hub.stop().await;
}

#[tokio::test]
async fn what_cannot_work_is_an_error_of_the_builder() {
    let start = |url: &str, key: &str| SupabaseSignaling::public(url, key, user("u")).start().map(|_| ());
    assert_eq!(start("not a url", "key"), Err(BuildError::Url));
    assert_eq!(start("http://example.org", "key"), Err(BuildError::Insecure));
    assert_eq!(start("http://127.0.0.1:1", ""), Err(BuildError::Key));
}

async fn exchange(rider: &mut Phone, driver: &mut Phone) {
    rider.until_up().await;
    driver.until_up().await;
    for n in 0..5 {
        let (there, back) = (format!(r#"{{"there":{n},"text":"é\"\n"}}"#), format!(r#"{{"back":{n}}}"#));
        rider.say("driver", &there).await;
        let (age, heard) = driver.until_message().await;
        assert_eq!((age, json(&heard)), (Some(Duration::ZERO), json(&there)));
        driver.say("rider", &back).await;
        assert_eq!(rider.until_message().await, (Some(Duration::ZERO), back));
    }
}

/// In 1.0.0 the hub reads and writes the body anew: the order of keys is lost, as on the real server.
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

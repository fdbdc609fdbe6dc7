//! Hostile senders: floods of invites, forged and malformed messages. The phone stays at its work and comes to rest.

use std::time::Duration;

use ringback::proto::EndReason;
use ringback::proto::call::CallState;
use ringback_tests::sim;
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{SECOND, Stage, ended};

/// An envelope from a device of `from` as a stranger would write it; `number` makes it unique.
fn envelope(from: &str, device: u128, to: &str, kind: &str, number: u128, body: &Value) -> String {
    json!({
        "v": 1, "id": Uuid::from_u128(number | 0x4000_8000_0000_0000_0000), "call": call_id(number),
        "kind": kind, "ttl_ms": 45_000,
        "from": {"user": from, "device": Uuid::from_u128(device), "instance": "00000000000000aa"},
        "to": {"user": to, "device": null, "instance": null}, "body": body, "auth": null,
    })
    .to_string()
}

fn call_id(number: u128) -> Uuid {
    uuid::Builder::from_random_bytes((number << 80 | number).to_be_bytes()).into_uuid()
}

fn invite(number: u128) -> Value {
    json!({"seq": number, "commit": "ab".repeat(32), "order": "after_accept"})
}

#[test]
fn a_flood_of_invites_rings_four_times_at_most_and_then_rests() {
    sim::run(23, |world| async move {
        let stage = Stage::new(&world, "flood-invites");
        let driver = stage.phone("driver").await;
        let to = stage.user("driver");
        tokio::time::sleep(SECOND).await;
        let mut most = 0;
        for number in 0..1000 {
            let text = envelope(
                &format!("stranger{number}"),
                number,
                to.as_str(),
                "invite",
                number,
                &invite(number),
            );
            stage.hub().inject(&to, Some(Duration::ZERO), text);
            if number % 100 == 0 {
                tokio::time::sleep(SECOND / 10).await;
                most = most.max(driver.phone.calls().len());
            }
        }
        assert_eq!(most, 4);
        tokio::time::sleep(60 * SECOND).await;
        stage.end([driver]).await;
    });
}

#[test]
fn a_flood_from_one_device_rings_once() {
    sim::run(24, |world| async move {
        let stage = Stage::new(&world, "flood-device");
        let driver = stage.phone("driver").await;
        let to = stage.user("driver");
        tokio::time::sleep(SECOND).await;
        for number in 0..200 {
            let text = envelope("stranger", 7, to.as_str(), "invite", number, &invite(number));
            stage.hub().inject(&to, Some(Duration::ZERO), text);
            tokio::time::sleep(SECOND / 100).await;
            assert_eq!(driver.phone.calls().len(), 1, "{number}");
        }
        tokio::time::sleep(60 * SECOND).await;
        stage.end([driver]).await;
    });
}

#[test]
fn forged_and_malformed_messages_change_nothing_in_a_call() {
    sim::run(25, |world| async move {
        let stage = Stage::new(&world, "flood-forged");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        let to = stage.user("driver");
        let hang_up = json!({"reason": "hung_up"});
        let of_call = |text: String| text.replace(&call_id(1).to_string(), &call.id().to_string());
        let from_stranger = of_call(envelope("stranger", 7, to.as_str(), "hangup", 1, &hang_up));
        // The right user, on a device that is not in the call.
        let rider_user = stage.user("rider");
        let from_other_device = of_call(envelope(rider_user.as_str(), 7, to.as_str(), "hangup", 1, &hang_up));
        let cancel = json!({"reason": "user"});
        let cancelled = of_call(envelope("stranger", 7, to.as_str(), "cancel", 1, &cancel));
        let texts =
            [from_stranger, from_other_device, cancelled, "{".to_owned(), String::new(), "[".repeat(10_000)];
        for text in texts.iter().cycle().take(600) {
            stage.hub().inject(&to, Some(Duration::ZERO), text.clone());
        }
        stage.hub().inject(&to, Some(Duration::ZERO), "x".repeat(1 << 20));
        tokio::time::sleep(SECOND).await;
        assert_eq!((call.state(), answered.state()), (CallState::Active, CallState::Active));
        driver.hears_clearly("rider", 20.0).await;
        rider.hears_clearly("driver", 20.0).await;
        call.hang_up();
        assert_eq!(ended(&answered).await.0, EndReason::HungUp);
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn neither_a_replayed_invite_nor_one_in_the_own_name_rings() {
    sim::run(32, |world| async move {
        let stage = Stage::new(&world, "flood-replayed");
        let driver = stage.phone("driver").await;
        let to = stage.user("driver");
        tokio::time::sleep(SECOND).await;
        let replayed = envelope("stranger", 7, to.as_str(), "invite", 1, &invite(1));
        stage.hub().inject(&to, None, replayed);
        let expired = envelope("stranger", 8, to.as_str(), "invite", 2, &invite(2));
        stage.hub().inject(&to, Some(50 * SECOND), expired);
        let own = envelope(to.as_str(), 9, to.as_str(), "invite", 3, &invite(3));
        stage.hub().inject(&to, Some(Duration::ZERO), own);
        tokio::time::sleep(SECOND).await;
        assert!(driver.phone.calls().is_empty(), "{:?}", driver.phone.calls());
        // The same in time and from another does ring.
        let fresh = envelope("stranger", 7, to.as_str(), "invite", 4, &invite(4));
        stage.hub().inject(&to, Some(Duration::ZERO), fresh);
        tokio::time::sleep(SECOND).await;
        assert_eq!(driver.phone.calls().len(), 1);
        tokio::time::sleep(60 * SECOND).await;
        stage.end([driver]).await;
    });
}

#[test]
fn an_invite_whose_description_cannot_be_read_never_rings() {
    sim::run(33, |world| async move {
        let stage = Stage::new(&world, "flood-sdp");
        let mut driver = stage.phone("driver").await;
        let to = stage.user("driver");
        tokio::time::sleep(SECOND).await;
        for (number, offer) in ["v=0\r\n", "", "m=video 9 RTP/AVP 0\r\n"].into_iter().enumerate() {
            let body = json!({"seq": 1, "commit": "ab".repeat(32), "offer": offer});
            let number = number as u128 + 1;
            let text = envelope("stranger", number, to.as_str(), "invite", number, &body);
            stage.hub().inject(&to, Some(Duration::ZERO), text);
            tokio::time::sleep(SECOND).await;
            assert!(driver.phone.calls().is_empty(), "{offer:?} rings");
        }
        let rider = stage.phone("rider").await;
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        call.hang_up();
        ended(&answered).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

//! Nothing proves that the call reached a device; and our own signaling is away.

use ringback::proto::EndReason;
use ringback_tests::sim;

use super::stage::{Stage, ended};

#[test]
fn a_call_to_a_user_who_is_away_ends_unreachable() {
    let report = sim::run(10, |world| async move {
        let stage = Stage::new(&world, "unreachable");
        let rider = stage.phone("rider").await;
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        assert_eq!(ended(&call).await.0, EndReason::Unreachable);
        stage.end([rider]).await;
    });
    assert!((50..51).contains(&report.took.as_secs()), "{:?}", report.took);
}

#[test]
fn a_call_without_signaling_ends_offline_after_ten_seconds() {
    let report = sim::run(10, |world| async move {
        let stage = Stage::new(&world, "offline");
        stage.hub().set_gone(true);
        let rider = stage.phone("rider").await;
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        assert_eq!(ended(&call).await.0, EndReason::Offline);
        stage.end([rider]).await;
    });
    assert!((10..11).contains(&report.took.as_secs()), "{:?}", report.took);
}

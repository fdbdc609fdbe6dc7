//! The callee declines: both sides end as declined, and no media was ever sent.

use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_declined_call_ends_as_declined_on_both_sides() {
    sim::run(3, |world| async move {
        let stage = Stage::new(&world, "decline");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        ringing.decline().await.unwrap();
        assert_eq!(ended(&ringing).await, (EndReason::Declined, By::Local));
        assert_eq!(ended(&call).await, (EndReason::Declined, By::Remote));
        tokio::time::sleep(SECOND).await;
        assert_eq!(stage.world().net().datagrams(), 0);
        stage.end([rider, driver]).await;
    });
}

//! The hub goes away in mid call: media lives on, endings wait for the hub or are found out by media.

use ringback::proto::call::CallState;
use ringback::proto::{By, EndReason};
use ringback::signaling::SignalingHealth;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_call_goes_on_without_the_hub() {
    sim::run(17, |world| async move {
        let stage = Stage::new(&world, "hub-gone");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        stage.hub().set_gone(true);
        tokio::time::sleep(180 * SECOND).await;
        assert_eq!((call.state(), answered.state()), (CallState::Active, CallState::Active));
        rider.hears_clearly("driver", 20.0).await;
        driver.hears_clearly("rider", 20.0).await;
        stage.hub().set_gone(false);
        tokio::time::sleep(SECOND).await;
        call.hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn hanging_up_without_the_hub_ends_both_sides() {
    sim::run(18, |world| async move {
        let stage = Stage::new(&world, "hub-gone-hang-up");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        stage.hub().set_gone(true);
        call.hang_up();
        assert_eq!(ended(&call).await, (EndReason::HungUp, By::Local));
        let (reason, _) = ended(&answered).await;
        assert!(matches!(reason, EndReason::HungUp | EndReason::ConnectionLost), "{reason:?}");
        stage.hub().set_gone(false);
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn a_phone_that_starts_without_the_hub_recovers_by_itself() {
    sim::run(31, |world| async move {
        let stage = Stage::new(&world, "hub-gone-start");
        stage.hub().set_gone(true);
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        tokio::time::sleep(60 * SECOND).await;
        assert!(matches!(*rider.phone.signaling_health().borrow(), SignalingHealth::Offline { .. }));
        stage.hub().set_gone(false);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        assert_eq!(*rider.phone.signaling_health().borrow(), SignalingHealth::Online);
        call.hang_up();
        ended(&answered).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

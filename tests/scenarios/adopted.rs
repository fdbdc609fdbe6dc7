//! An app starts again in a living process: it finds its phone with the call, and sound never stopped.

use ringback::proto::call::CallState;
use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_restarted_app_adopts_the_phone_with_its_call() {
    sim::run(19, |world| async move {
        let stage = Stage::new(&world, "adopted");
        let mut rider = stage.device_with("rider", 1, |builder| builder.keep_alive(true)).await;
        let mut driver = stage.phone("driver").await;
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        let id = call.id();
        // The first app has lost its handle of the call; what its user hears goes on.
        drop(call);
        let again = stage.device("rider", 1).await;
        let calls = again.phone.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!((calls[0].id(), calls[0].state()), (id, CallState::Active));
        tokio::time::sleep(SECOND).await;
        rider.hears_clearly("driver", 20.0).await;
        driver.hears_clearly("rider", 20.0).await;
        calls[0].hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([again, rider, driver]).await;
    });
}

#[test]
fn a_phone_kept_alive_goes_on_without_any_handle() {
    sim::run(20, |world| async move {
        let stage = Stage::new(&world, "adopted-later");
        let rider = stage.device_with("rider", 1, |builder| builder.keep_alive(true)).await;
        let mut driver = stage.phone("driver").await;
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        drop((call, rider));
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(answered.state(), CallState::Active);
        driver.hears_clearly("rider", 20.0).await;
        let again = stage.device("rider", 1).await;
        again.phone.calls()[0].hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([again, driver]).await;
    });
}

//! The path breaks and comes back: the call says that it reconnects, and sound returns.

use ringback::proto::call::CallState;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended};

#[test]
fn a_call_outlives_an_outage_of_ten_seconds() {
    for seed in 0..5 {
        sim::run(seed, |world| async move {
            let stage = Stage::new(&world, "outage");
            let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
            let (call, answered) = stage.talk(&rider, &mut driver).await;
            tokio::time::sleep(SECOND).await;
            world.net().cut("rider1", "driver1");
            for side in [&call, &answered] {
                assert_eq!(
                    side.wait_for(|state| *state == CallState::Reconnecting).await,
                    CallState::Reconnecting
                );
            }
            tokio::time::sleep(10 * SECOND).await;
            world.net().mend("rider1", "driver1");
            active(&call).await;
            active(&answered).await;
            tokio::time::sleep(SECOND).await;
            rider.hears_clearly("driver", 20.0).await;
            driver.hears_clearly("rider", 20.0).await;
            call.hang_up();
            ended(&answered).await;
            tokio::time::sleep(SECOND).await;
            stage.end([rider, driver]).await;
        });
    }
}

#[test]
fn a_change_of_network_does_not_interrupt_the_sound_for_long() {
    sim::run(28, |world| async move {
        let stage = Stage::new(&world, "outage-network");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        tokio::time::sleep(SECOND).await;
        rider.phone.network_changed();
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!((call.state(), answered.state()), (CallState::Active, CallState::Active));
        rider.hears_clearly("driver", 20.0).await;
        driver.hears_clearly("rider", 20.0).await;
        call.hang_up();
        ended(&answered).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

//! A phone whose process died starts again and calls: its peer, still reconnecting, rings and can take the new call.

use ringback::proto::EndReason;
use ringback::proto::call::CallState;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended};

#[test]
fn a_restarted_phone_reaches_its_peer_that_still_reconnects() {
    sim::run(29, |world| async move {
        let stage = Stage::new(&world, "restarted");
        let (mut rider, driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (old, answered) = stage.talk(&driver, &mut rider).await;
        tokio::time::sleep(SECOND).await;
        drop(old);
        let (user, device) = (driver.phone.user().clone(), driver.phone.device());
        stage.kill(driver, &[&rider]).await;
        assert_eq!(
            answered.wait_for(|state| *state == CallState::Reconnecting).await,
            CallState::Reconnecting
        );
        world.net().mend("rider1", "driver1");
        stage.hub().restore(&user, device);
        let driver = stage.device_with("driver", 1, |builder| builder.seed([9; 32])).await;
        let call = driver.phone.call(stage.user("rider").as_str()).await.unwrap();
        let ringing = rider.rings().await;
        assert_eq!(ringing.id(), call.id());
        ringing.accept().await.unwrap();
        active(&call).await;
        active(&ringing).await;
        assert!(matches!(answered.state(), CallState::Ended(_)), "{:?}", answered.state());
        call.hang_up();
        assert_eq!(ended(&ringing).await.0, EndReason::HungUp);
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

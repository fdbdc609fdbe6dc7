//! Call waiting: a second call rings beside the first; accepting it holds the first.

use ringback::proto::call::{BusyPolicy, CallState};
use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended};

#[test]
fn accepting_a_waiting_call_holds_the_first() {
    sim::run(5, |world| async move {
        let stage = Stage::new(&world, "call-waiting");
        let mut rider = stage.phone("rider").await;
        let mut driver =
            stage.device_with("driver", 1, |builder| builder.busy_policy(BusyPolicy::CallWaiting)).await;
        let mut office = stage.phone("office").await;
        let (first, first_answered) = stage.talk(&rider, &mut driver).await;
        let second = office.phone.call(stage.user("driver").as_str()).await.unwrap();
        let waiting = driver.rings().await;
        assert_eq!((waiting.id(), waiting.state()), (second.id(), CallState::Ringing));
        waiting.accept().await.unwrap();
        active(&second).await;
        active(&waiting).await;
        assert!(first_answered.snapshot().held);
        tokio::time::sleep(SECOND).await;
        office.hears_clearly("driver", 20.0).await;
        driver.hears_clearly("office", 20.0).await;
        rider.hears_silence().await;
        second.hang_up();
        assert_eq!(ended(&waiting).await, (EndReason::HungUp, By::Remote));
        first_answered.set_held(false).await.unwrap();
        tokio::time::sleep(SECOND).await;
        rider.hears_clearly("driver", 20.0).await;
        first_answered.hang_up();
        assert_eq!(ended(&first).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver, office]).await;
    });
}

//! The order `after_accept`: no offer and no address leaves before the callee accepts.

use ringback::CallOptions;
use ringback::proto::call::CallOrder;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended, messages};

#[test]
fn the_offer_comes_after_accept_and_the_call_is_heard() {
    let report = sim::run(14, |world| async move {
        let stage = Stage::new(&world, "after-accept");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let options = CallOptions { order: CallOrder::AfterAccept, ..CallOptions::default() };
        let call = rider.phone.call_with(stage.user("driver").as_str(), options).await.unwrap();
        let ringing = driver.rings().await;
        ringing.accept().await.unwrap();
        active(&call).await;
        active(&ringing).await;
        tokio::time::sleep(SECOND).await;
        driver.hears_clearly("rider", 20.0).await;
        rider.hears_clearly("driver", 20.0).await;
        call.hang_up();
        ended(&ringing).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    let messages = messages(&report.log);
    let position = |kind| messages.iter().position(|message| *message == kind);
    assert!(position("negotiate") > position("answer"), "{messages:?}");
}

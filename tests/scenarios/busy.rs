//! The callee is in a call: the second caller hears that it is busy, the first call goes on.

use ringback::proto::call::CallState;
use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_second_caller_is_told_busy_and_the_first_call_goes_on() {
    sim::run(4, |world| async move {
        let stage = Stage::new(&world, "busy");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let office = stage.phone("office").await;
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        let second = office.phone.call(stage.user("driver").as_str()).await.unwrap();
        assert_eq!(ended(&second).await.0, EndReason::Busy);
        assert_eq!(driver.phone.calls().len(), 1, "the second call never rang");
        assert_eq!(answered.state(), CallState::Active);
        rider.hears_clearly("driver", 20.0).await;
        call.hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver, office]).await;
    });
}

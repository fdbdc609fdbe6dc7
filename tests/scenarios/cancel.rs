//! The caller gives up before an answer, and just as the answer comes.

use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_cancelled_call_stops_ringing() {
    sim::run(8, |world| async move {
        let stage = Stage::new(&world, "cancel");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        call.hang_up();
        assert_eq!(ended(&call).await, (EndReason::Cancelled, By::Local));
        assert_eq!(ended(&ringing).await, (EndReason::Cancelled, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_the_call_on_both_sides() {
    sim::run(8, |world| async move {
        let stage = Stage::new(&world, "cancel-crosses");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        ringing.accept().await.unwrap();
        call.hang_up();
        assert_eq!(ended(&call).await, (EndReason::Cancelled, By::Local));
        assert_eq!(ended(&ringing).await, (EndReason::Cancelled, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

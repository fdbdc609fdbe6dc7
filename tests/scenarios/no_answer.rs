//! It rings, and nobody answers.

use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_call_that_nobody_answers_is_missed() {
    let report = sim::run(9, |world| async move {
        let stage = Stage::new(&world, "no-answer");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        assert_eq!(ended(&call).await, (EndReason::NoAnswer, By::System));
        assert_eq!(ended(&ringing).await.0, EndReason::Missed);
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    // The callee rings for 45 s, the caller waits 5 s longer.
    assert!((50..55).contains(&report.took.as_secs()), "{:?}", report.took);
}

//! Hold: silence both ways, the call stays up, sound comes back.

use ringback::proto::call::CallState;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_held_call_is_silent_both_ways_and_comes_back() {
    let report = sim::run(6, |world| async move {
        let stage = Stage::new(&world, "hold");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        call.set_held(true).await.unwrap();
        tokio::time::sleep(SECOND).await;
        rider.hears_silence().await;
        driver.hears_silence().await;
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!((call.state(), answered.state()), (CallState::Active, CallState::Active));
        call.set_held(false).await.unwrap();
        tokio::time::sleep(SECOND).await;
        rider.hears_clearly("driver", 20.0).await;
        driver.hears_clearly("rider", 20.0).await;
        call.hang_up();
        ended(&answered).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    assert!(report.log.contains("PeerMedia { muted: false, held: true, recording: false }"));
}

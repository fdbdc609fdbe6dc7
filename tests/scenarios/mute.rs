//! Mute: silence at the far side, the near side hears on.

use ringback::proto::call::CallState;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_muted_microphone_is_silence_at_the_far_side_only() {
    let report = sim::run(7, |world| async move {
        let stage = Stage::new(&world, "mute");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        call.set_muted(true).await.unwrap();
        tokio::time::sleep(SECOND).await;
        driver.hears_silence().await;
        rider.hears_clearly("driver", 20.0).await;
        assert_eq!(answered.state(), CallState::Active, "silence is not loss");
        call.set_muted(false).await.unwrap();
        tokio::time::sleep(SECOND).await;
        driver.hears_clearly("rider", 20.0).await;
        call.hang_up();
        ended(&answered).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    assert!(report.log.contains("PeerMedia { muted: true, held: false, recording: false }"));
    assert!(!report.log.contains("Reconnecting"));
}

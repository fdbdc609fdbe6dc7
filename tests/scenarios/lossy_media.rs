//! A path that loses datagrams: the call connects, and the tone is heard through the holes.

use ringback::proto::{By, EndReason};
use ringback_tests::sim::{self, Loss, Path};

use super::stage::{SECOND, Stage, ended};

fn is_heard(seed: u64, play: &'static str, path: Path, purity_db: f64) {
    sim::run(seed, |world| async move {
        world.net().set_all(path);
        let stage = Stage::new(&world, play);
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        // The jitter buffer learns the path, the encoder the loss.
        tokio::time::sleep(3 * SECOND).await;
        driver.hears_clearly("rider", purity_db).await;
        rider.hears_clearly("driver", purity_db).await;
        call.hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn a_call_over_a_path_that_loses_a_fifth_is_heard() {
    for seed in 0..5 {
        is_heard(seed, "lossy-media", Path::delay_ms(50).jitter_ms(20).loss_percent(20.0), 10.0);
    }
}

#[test]
fn a_call_over_a_path_with_bursts_of_loss_is_heard() {
    let loss = Loss::Gilbert { enter_percent: 2.0, leave_percent: 30.0 };
    for seed in 0..5 {
        is_heard(seed, "lossy-media-bursts", Path::delay_ms(50).jitter_ms(30).loss(loss), 10.0);
    }
}

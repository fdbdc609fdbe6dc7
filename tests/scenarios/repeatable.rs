//! The same seed, the same log, with faults in signaling and on the path.

use ringback_tests::sim::{self, Path, World};

use super::lossy_signaling;
use super::stage::{SECOND, Stage, active, ended};

/// Two devices ring, one answers; mute, hold, a message, an outage of the path; everything over bad wires.
fn log(seed: u64, play: &'static str) -> String {
    log_of(seed, play, |world| world)
}

fn log_of(seed: u64, play: &'static str, order: impl Fn(World) -> World) -> String {
    sim::run(seed, |world| async move {
        let world = order(world);
        world.net().set_all(Path::delay_ms(40).jitter_ms(15).loss_percent(15.0).duplicate_percent(2.0));
        let stage = Stage::new(&world, play);
        stage.hub().set_faults(lossy_signaling::faults());
        let rider = stage.phone("rider").await;
        let (mut phone, mut tablet) = (stage.device("driver", 1).await, stage.device("driver", 2).await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let (at_phone, at_tablet) = (phone.rings().await, tablet.rings().await);
        at_tablet.accept().await.unwrap();
        active(&call).await;
        active(&at_tablet).await;
        call.set_muted(true).await.unwrap();
        tokio::time::sleep(SECOND).await;
        call.set_muted(false).await.unwrap();
        at_tablet.send(b"two minutes".to_vec()).await.unwrap();
        world.net().cut("rider1", "driver2");
        tokio::time::sleep(3 * SECOND).await;
        world.net().mend("rider1", "driver2");
        active(&call).await;
        active(&at_tablet).await;
        tokio::time::sleep(3 * SECOND).await;
        call.hang_up();
        ended(&at_tablet).await;
        ended(&at_phone).await;
        tokio::time::sleep(30 * SECOND).await;
        stage.end([rider, phone, tablet]).await;
    })
    .log
}

#[test]
fn the_same_seed_gives_the_same_log_in_100_runs() {
    let first = log(1, "repeatable");
    assert!(first.lines().count() > 500, "{first}");
    for run in 0..100 {
        let again = log(1, "repeatable");
        let difference = first.lines().zip(again.lines()).find(|(a, b)| a != b);
        assert_eq!(difference, None, "run {run}");
        assert_eq!(first.len(), again.len(), "run {run}");
    }
}

#[test]
fn another_seed_gives_another_log() {
    assert_ne!(log(1, "repeatable-other"), log(2, "repeatable-other"));
}

#[test]
fn other_orders_of_the_drivers_repeat_too() {
    // With seed 2 all five answers within the time to connect are lost, and the call ends as it should.
    for seed in [0, 1, 3, 4] {
        let first = log_of(seed, "repeatable-shuffled", |world| world.shuffled());
        assert_eq!(first, log_of(seed, "repeatable-shuffled", |world| world.shuffled()), "seed {seed}");
    }
}

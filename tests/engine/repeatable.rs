//! The same seed, the same log.

use std::time::Duration;

use ringback_tests::sim::{self, Path, World};

use super::common::Pair;

fn log(seed: u64) -> String {
    log_of(seed, |world| world)
}

fn log_of(seed: u64, order: impl Fn(World) -> World) -> String {
    sim::run(seed, |world| async move {
        let world = order(world);
        world.net().set_all(Path::delay_ms(40).jitter_ms(15).loss_percent(20.0).duplicate_percent(2.0));
        let pair = Pair::dial(&world);
        pair.up().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        pair.close().await;
    })
    .log
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in [1, 2, 3] {
        let first = log(seed);
        assert!(first.lines().count() > 150, "{first}");
        for _ in 0..20 {
            let again = log(seed);
            let difference = first.lines().zip(again.lines()).find(|(a, b)| a != b);
            assert_eq!(difference, None, "seed {seed}");
            assert_eq!(first.len(), again.len(), "seed {seed}");
        }
    }
}

#[test]
fn another_seed_gives_another_log() {
    assert_ne!(log(1), log(2));
}

#[test]
fn other_orders_of_the_driver_connect_and_repeat_too() {
    for seed in 0..10 {
        let first = log_of(seed, |world| world.shuffled());
        assert!(first.contains("a Arrived") && first.contains("b Arrived"), "seed {seed}");
        assert_eq!(first, log_of(seed, |world| world.shuffled()), "seed {seed}");
    }
}

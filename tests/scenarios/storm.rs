//! Everything at once: three users on four phones do what they like over bad wires. Whatever happened, all phones come
//! to rest, leave nothing, and can be called again.

use std::time::Duration;

use ringback::Call;
use ringback_tests::sim::{self, Path, World};

use super::lossy_signaling;
use super::stage::{Actor, SECOND, Stage, ended};

/// Random numbers of the world, one after the other.
struct Dice {
    world: World,
    rolled: u64,
}

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.rolled += 1;
        let random = self.world.random(&format!("storm {}", self.rolled));
        usize::try_from(random % limit as u64).unwrap()
    }
}

async fn do_something(stage: &Stage, phones: &[Actor; 4], dice: &mut Dice) {
    let phone = &phones[dice.below(4)].phone;
    let calls = phone.calls();
    let call: Option<&Call> = if calls.is_empty() { None } else { calls.get(dice.below(calls.len())) };
    let flag = dice.below(2) == 0;
    // A verb in the wrong state is an error of its own type and changes nothing.
    match (dice.below(12), call) {
        (0..3, _) => {
            drop(phone.call(stage.user(["rider", "driver", "office"][dice.below(3)]).as_str()).await)
        }
        (3..6, Some(call)) => drop(call.accept().await),
        (6, Some(call)) => drop(call.decline().await),
        (7, Some(call)) => call.hang_up(),
        (8, Some(call)) => drop(call.set_muted(flag).await),
        (9, Some(call)) => drop(call.set_held(flag).await),
        (10, Some(call)) => drop(call.send(b"hello".to_vec()).await),
        (11, _) if dice.below(4) == 0 => stage.hub().set_gone(flag),
        (11, _) if flag => stage.world().net().cut("rider1", "driver1"),
        (11, _) => stage.world().net().mend("rider1", "driver1"),
        _ => {}
    }
}

async fn storm(world: World) {
    world.net().set_all(Path::delay_ms(40).jitter_ms(20).loss_percent(10.0));
    let stage = Stage::new(&world, "storm");
    stage.hub().set_faults(lossy_signaling::faults());
    let mut phones = [
        stage.phone("rider").await,
        stage.device("driver", 1).await,
        stage.device("driver", 2).await,
        stage.phone("office").await,
    ];
    let mut dice = Dice { world: world.clone(), rolled: 0 };
    for _ in 0..150 {
        do_something(&stage, &phones, &mut dice).await;
        tokio::time::sleep(Duration::from_millis(10 * dice.below(60) as u64)).await;
    }
    stage.hub().set_gone(false);
    world.net().mend("rider1", "driver1");
    for phone in &phones {
        phone.phone.calls().iter().for_each(Call::hang_up);
    }
    // Longer than an ending is sent.
    tokio::time::sleep(130 * SECOND).await;
    for phone in &phones {
        assert!(phone.phone.calls().is_empty(), "{:?}", phone.phone.calls());
    }
    assert_eq!(world.net().sockets(), 0);
    let [rider, driver, tablet, mut office] = phones;
    while office.rang_before().await {}
    let (call, answered) = stage.talk(&rider, &mut office).await;
    call.hang_up();
    ended(&answered).await;
    tokio::time::sleep(130 * SECOND).await;
    phones = [rider, driver, tablet, office];
    stage.end(phones).await;
}

#[test]
fn after_a_storm_every_phone_is_at_rest_and_works() {
    let mut connected = 0;
    for seed in 0..seeds() {
        connected += sim::run(seed, storm).log.matches("State(Active)").count() as u64;
    }
    // Two for each call after the storm; the storms must have had some of their own.
    assert!(connected > 3 * seeds(), "{connected}");
}

/// More of them to look for faults: `RINGBACK_SEEDS=500`.
fn seeds() -> u64 {
    std::env::var("RINGBACK_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10)
}

//! Both call each other at once: one call goes on, the other is replaced.

use std::sync::Arc;

use ringback::proto::EndReason;
use ringback::proto::call::{Admission, CallState, Incoming};
use ringback::{BoxFuture, Call, MayRing, PhoneBuilder};
use ringback_tests::sim;

use super::stage::{Actor, SECOND, Stage, active, ended};

#[test]
fn of_two_crossing_calls_the_higher_id_goes_on() {
    for seed in 0..4 {
        sim::run(seed, |world| async move {
            let stage = Stage::new(&world, "glare");
            let (rider, driver) = (stage.phone("rider").await, stage.phone("driver").await);
            let from_rider = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
            let from_driver = driver.phone.call(stage.user("rider").as_str()).await.unwrap();
            let ((winner, mut loser_phone), (loser, winner_phone)) = if from_rider.id() > from_driver.id() {
                ((from_rider, driver), (from_driver, rider))
            } else {
                ((from_driver, rider), (from_rider, driver))
            };
            assert_eq!(ended(&loser).await.0, EndReason::Replaced { by: winner.id() });
            let other_end = goes_on(&mut loser_phone, &winner).await;
            assert_eq!(winner_phone.phone.calls().len(), 1, "only the winner is left");
            winner.hang_up();
            assert_eq!(ended(&other_end).await.0, EndReason::HungUp);
            tokio::time::sleep(SECOND).await;
            stage.end([loser_phone, winner_phone]).await;
        });
    }
}

/// The winner rings at the loser's, whose user is not vouched for, and is accepted there.
async fn goes_on(loser: &mut Actor, winner: &Call) -> Call {
    let ringing = loser.rings().await;
    assert_eq!((ringing.id(), ringing.state()), (winner.id(), CallState::Ringing));
    ringing.accept().await.unwrap();
    active(winner).await;
    active(&ringing).await;
    ringing
}

/// Vouches for everybody.
struct Vouched;

impl MayRing for Vouched {
    fn may_ring(&self, _: Incoming) -> BoxFuture<'_, Admission> {
        Box::pin(std::future::ready(Admission::Verified))
    }
}

#[test]
fn crossing_calls_of_verified_users_connect_by_themselves() {
    for seed in 0..4 {
        sim::run(seed, |world| async move {
            let stage = Stage::new(&world, "glare-verified");
            let vouched = |builder: PhoneBuilder| builder.may_ring(Arc::new(Vouched));
            let rider = stage.device_with("rider", 1, vouched).await;
            let driver = stage.device_with("driver", 1, vouched).await;
            let from_rider = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
            let from_driver = driver.phone.call(stage.user("rider").as_str()).await.unwrap();
            let [winner, loser] = if from_rider.id() > from_driver.id() {
                [from_rider, from_driver]
            } else {
                [from_driver, from_rider]
            };
            active(&winner).await;
            assert_eq!(ended(&loser).await.0, EndReason::Replaced { by: winner.id() });
            winner.hang_up();
            tokio::time::sleep(SECOND).await;
            stage.end([rider, driver]).await;
        });
    }
}

#[test]
fn dialing_whoever_rings_here_accepts_that_call() {
    sim::run(5, |world| async move {
        let stage = Stage::new(&world, "glare-dial");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        driver.rings().await;
        let dialed = driver.phone.call(stage.user("rider").as_str()).await.unwrap();
        assert_eq!(dialed.id(), call.id());
        active(&call).await;
        call.hang_up();
        ended(&dialed).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

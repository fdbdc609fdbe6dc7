//! The peer's phone dies without a word.

use ringback::proto::EndReason;
use ringback::proto::call::CallState;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended, told};

#[test]
fn a_call_whose_peer_died_is_lost_after_thirty_seconds() {
    let report = sim::run(15, |world| async move {
        let stage = Stage::new(&world, "peer-killed");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        tokio::time::sleep(SECOND).await;
        drop(answered);
        world.log("the driver dies");
        stage.kill(driver, &[&rider]).await;
        assert_eq!(call.wait_for(|state| *state == CallState::Reconnecting).await, CallState::Reconnecting);
        assert_eq!(ended(&call).await.0, EndReason::ConnectionLost);
        world.log("the call is lost");
        tokio::time::sleep(125 * SECOND).await;
        stage.end([rider]).await;
    });
    let at = |what: &str| -> f64 {
        let line = told(&report.log).into_iter().find(|line| line.contains(what)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let lost = at("the call is lost") - at("the driver dies");
    assert!((30_000.0..32_000.0).contains(&lost), "{lost} ms");
}

#[test]
fn a_phone_whose_peer_died_while_it_rang_ends_and_is_idle() {
    sim::run(16, |world| async move {
        let stage = Stage::new(&world, "peer-killed-ringing");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let ringing = driver.rings().await;
        drop(call);
        stage.kill(rider, &[&driver]).await;
        assert_eq!(ended(&ringing).await.0, EndReason::Missed);
        tokio::time::sleep(SECOND).await;
        stage.end([driver]).await;
    });
}

//! An incoming call: what the callee learns, and that its microphone stays closed until it accepts.

use ringback::CallOptions;
use ringback::proto::call::{CallState, Direction};
use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended, told};

#[test]
fn an_incoming_call_shows_who_calls_and_why() {
    sim::run(2, |world| async move {
        let stage = Stage::new(&world, "incoming-shows");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let options = CallOptions {
            display: Some("Rider".to_owned()),
            context: Some("trip 7".to_owned()),
            ..CallOptions::default()
        };
        let call = rider.phone.call_with(stage.user("driver").as_str(), options).await.unwrap();
        let ringing = driver.rings().await;
        let shown = ringing.snapshot();
        assert_eq!((shown.state, shown.direction), (CallState::Ringing, Direction::Incoming));
        assert_eq!((shown.peer, shown.verified), (stage.user("rider"), false));
        assert_eq!((shown.display.as_deref(), shown.context.as_deref()), (Some("Rider"), Some("trip 7")));
        ringing.accept().await.unwrap();
        active(&ringing).await;
        ringing.hang_up();
        assert_eq!(ended(&ringing).await, (EndReason::HungUp, By::Local));
        assert_eq!(ended(&call).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn neither_microphone_nor_engine_of_the_callee_starts_before_accept() {
    let report = sim::run(2, |world| async move {
        let stage = Stage::new(&world, "incoming-quiet");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        driver.rings().await;
        tokio::time::sleep(5 * SECOND).await;
        call.hang_up();
        ended(&call).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    let by_driver = told(&report.log).into_iter().filter(|line| line.contains(" driver1 "));
    let lines: Vec<_> =
        by_driver.filter(|line| line.contains(" engine ") || line.contains("Capture")).collect();
    assert_eq!(lines, Vec::<&str>::new());
}

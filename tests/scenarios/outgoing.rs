//! An outgoing call, from dialing to hanging up, with sound both ways.

use ringback::proto::{By, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended, messages};

#[test]
fn an_outgoing_call_is_heard_on_both_sides() {
    sim::run(1, |world| async move {
        let stage = Stage::new(&world, "outgoing-heard");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, _) = stage.talk(&rider, &mut driver).await;
        // The codec and the jitter buffer settle.
        tokio::time::sleep(SECOND).await;
        driver.hears_clearly("rider", 20.0).await;
        rider.hears_clearly("driver", 20.0).await;
        call.hang_up();
        assert_eq!(ended(&call).await, (EndReason::HungUp, By::Local));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
}

#[test]
fn an_ordinary_call_sends_each_message_once() {
    let report = sim::run(1, |world| async move {
        let stage = Stage::new(&world, "outgoing-messages");
        let (rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let (call, answered) = stage.talk(&rider, &mut driver).await;
        tokio::time::sleep(20 * SECOND).await;
        call.hang_up();
        assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    let mut expected = vec!["invite", "ringing", "answer", "settled", "candidates", "ack", "hangup", "ack"];
    let mut sent = messages(&report.log);
    expected.sort_unstable();
    sent.sort_unstable();
    assert_eq!(sent, expected);
}

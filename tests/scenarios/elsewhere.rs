//! Three devices of one user ring; one takes the call, or declines it for all.

use ringback::proto::{By, ElsewhereHow, EndReason};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, active, ended};

#[test]
fn one_of_three_devices_answers_and_the_others_stop() {
    sim::run(11, |world| async move {
        let stage = Stage::new(&world, "elsewhere-answered");
        let mut rider = stage.phone("rider").await;
        let mut phone = stage.device("driver", 1).await;
        let (mut tablet, mut desk) = (stage.device("driver", 2).await, stage.device("driver", 3).await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let (at_phone, at_tablet, at_desk) = (phone.rings().await, tablet.rings().await, desk.rings().await);
        at_tablet.accept().await.unwrap();
        for other in [&at_phone, &at_desk] {
            assert_eq!(ended(other).await.0, EndReason::Elsewhere(ElsewhereHow::Answered));
        }
        active(&call).await;
        active(&at_tablet).await;
        tokio::time::sleep(SECOND).await;
        rider.hears_clearly("driver", 20.0).await;
        tablet.hears_clearly("rider", 20.0).await;
        call.hang_up();
        assert_eq!(ended(&at_tablet).await, (EndReason::HungUp, By::Remote));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, phone, tablet, desk]).await;
    });
}

#[test]
fn one_of_three_devices_declines_for_all() {
    sim::run(12, |world| async move {
        let stage = Stage::new(&world, "elsewhere-declined");
        let rider = stage.phone("rider").await;
        let mut phone = stage.device("driver", 1).await;
        let (mut tablet, mut desk) = (stage.device("driver", 2).await, stage.device("driver", 3).await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let (at_phone, at_tablet, at_desk) = (phone.rings().await, tablet.rings().await, desk.rings().await);
        at_desk.decline().await.unwrap();
        assert_eq!(ended(&call).await, (EndReason::Declined, By::Remote));
        assert_eq!(ended(&at_desk).await, (EndReason::Declined, By::Local));
        for other in [&at_phone, &at_tablet] {
            assert_eq!(ended(other).await.0, EndReason::Elsewhere(ElsewhereHow::Declined));
        }
        tokio::time::sleep(SECOND).await;
        stage.end([rider, phone, tablet, desk]).await;
    });
}

#[test]
fn two_devices_that_accept_at_once_leave_one_call() {
    sim::run(13, |world| async move {
        let stage = Stage::new(&world, "elsewhere-both");
        let rider = stage.phone("rider").await;
        let (mut phone, mut tablet) = (stage.device("driver", 1).await, stage.device("driver", 2).await);
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        let (at_phone, at_tablet) = (phone.rings().await, tablet.rings().await);
        at_phone.accept().await.unwrap();
        at_tablet.accept().await.unwrap();
        active(&call).await;
        active(&at_phone).await;
        assert_eq!(ended(&at_tablet).await.0, EndReason::Elsewhere(ElsewhereHow::Answered));
        call.hang_up();
        ended(&at_phone).await;
        tokio::time::sleep(SECOND).await;
        stage.end([rider, phone, tablet]).await;
    });
}

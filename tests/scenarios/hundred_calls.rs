//! A hundred calls in a row: each leaves nothing behind.

use std::time::Duration;

use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

#[test]
fn a_hundred_calls_in_a_row_leave_nothing() {
    sim::run_with_limit(21, Duration::from_secs(3600), |world| async move {
        let stage = Stage::new(&world, "hundred-calls");
        let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        tokio::time::sleep(SECOND).await;
        let before = tasks();
        for number in 0..100 {
            let (caller, callee) =
                if number % 2 == 0 { (&rider, &mut driver) } else { (&driver, &mut rider) };
            let (call, answered) = stage.talk(caller, callee).await;
            tokio::time::sleep(SECOND / 5).await;
            call.hang_up();
            ended(&answered).await;
            drop((call, answered));
            tokio::time::sleep(3 * SECOND).await;
            assert_eq!((tasks(), world.net().sockets()), (before, 0), "after call {number}");
        }
        stage.end([rider, driver]).await;
    });
}

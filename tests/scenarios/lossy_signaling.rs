//! Signaling that loses, doubles and reorders messages: calls connect and end all the same.

use std::time::Duration;

use ringback::proto::{By, EndReason};
use ringback::signaling::memory::Faults;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended};

/// A third of the messages vanishes, some come twice or late.
pub(crate) fn faults() -> Faults {
    Faults {
        loss: 0.3,
        duplicate: 0.1,
        reorder: 0.2,
        delay: Duration::from_millis(40),
        jitter: Duration::from_millis(40),
        ..Faults::default()
    }
}

#[test]
fn calls_connect_and_end_while_signaling_loses_thirty_percent() {
    for seed in 0..10 {
        sim::run(seed, |world| async move {
            let stage = Stage::new(&world, "lossy-signaling");
            stage.hub().set_faults(faults());
            let (mut rider, mut driver) = (stage.phone("rider").await, stage.phone("driver").await);
            let (call, answered) = stage.talk(&rider, &mut driver).await;
            tokio::time::sleep(SECOND).await;
            rider.hears_clearly("driver", 20.0).await;
            driver.hears_clearly("rider", 20.0).await;
            answered.hang_up();
            assert_eq!(ended(&answered).await, (EndReason::HungUp, By::Local));
            assert_eq!(ended(&call).await, (EndReason::HungUp, By::Remote));
            // The last resend.
            tokio::time::sleep(125 * SECOND).await;
            stage.end([rider, driver]).await;
        });
    }
}

//! A call to oneself is refused with words, and an invite from oneself never rings.

use ringback::CallError;
use ringback::proto::call::VerbError;
use ringback_tests::sim;

use super::stage::{SECOND, Stage, messages};

#[test]
fn a_call_to_oneself_is_refused_and_nothing_is_sent() {
    let report = sim::run(22, |world| async move {
        let stage = Stage::new(&world, "oneself");
        let (rider, tablet) = (stage.device("rider", 1).await, stage.device("rider", 2).await);
        let refused = rider.phone.call(stage.user("rider").as_str()).await.unwrap_err();
        assert_eq!(refused, CallError::Verb(VerbError::OwnUser));
        tokio::time::sleep(SECOND).await;
        stage.end([rider, tablet]).await;
    });
    assert_eq!(messages(&report.log), Vec::<&str>::new());
}

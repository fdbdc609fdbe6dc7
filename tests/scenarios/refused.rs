//! Whom `may_ring` refuses learns nothing: no reply of any kind, as if nobody were there.

use std::sync::Arc;

use ringback::proto::EndReason;
use ringback::proto::call::{Admission, Incoming};
use ringback::{BoxFuture, MayRing};
use ringback_tests::sim;

use super::stage::{SECOND, Stage, ended, messages};

struct Nobody;

impl MayRing for Nobody {
    fn may_ring(&self, _: Incoming) -> BoxFuture<'_, Admission> {
        Box::pin(std::future::ready(Admission::Refused))
    }
}

#[test]
fn a_refused_caller_gets_no_reply_at_all() {
    let report = sim::run(30, |world| async move {
        let stage = Stage::new(&world, "refused");
        let rider = stage.phone("rider").await;
        let driver = stage.device_with("driver", 1, |builder| builder.may_ring(Arc::new(Nobody))).await;
        let call = rider.phone.call(stage.user("driver").as_str()).await.unwrap();
        assert_eq!(ended(&call).await.0, EndReason::Unreachable);
        tokio::time::sleep(SECOND).await;
        stage.end([rider, driver]).await;
    });
    let kinds = messages(&report.log);
    assert!(kinds.iter().all(|kind| matches!(*kind, "invite" | "cancel")), "{kinds:?}");
}

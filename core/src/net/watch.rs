//! The port `NetworkWatch`: tells when the network under the phone has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::BoxFuture;

/// Tells when the network under the phone has changed: another interface, another address, another default route.
pub trait NetworkWatch: Send + Sync + 'static {
    /// The next change, debounced: one for what happens within a quarter of a second.
    ///
    /// # Cancel safety
    /// Dropping the future loses no change.
    fn next(&self) -> BoxFuture<'_, ()>;
}

/// A watch that the app pushes: mobile systems tell the app, and the app tells us.
#[derive(Debug, Clone, Default)]
pub struct PushedWatch {
    changed: Arc<Notify>,
}

impl PushedWatch {
    /// The network has changed. From any thread, any number of times.
    pub fn network_changed(&self) {
        // `Notify` keeps one permit: changes that nobody waited for count as one.
        self.changed.notify_one();
    }
}

impl NetworkWatch for PushedWatch {
    fn next(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.changed.notified().await;
            let unsettled = Unsettled(&self.changed);
            tokio::time::sleep(SETTLE).await;
            // What was pushed while the network settled belongs to this change.
            std::mem::forget(unsettled);
            let _ = futures_now(self.changed.notified());
        })
    }
}

/// Gives the change back if the wait is dropped while the network settles.
struct Unsettled<'a>(&'a Notify);

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Polls `future` once.
fn futures_now<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// A handover takes its addresses down and up within about 200 ms.
const SETTLE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_in_a_row_are_one() {
        let watch = PushedWatch::default();
        let start = Instant::now();
        watch.network_changed();
        let mut next = watch.next();
        assert!(timeout(Duration::from_millis(100), &mut next).await.is_err());
        watch.network_changed();
        next.await;
        assert_eq!(start.elapsed(), SETTLE);
        assert!(timeout(Duration::from_secs(1), watch.next()).await.is_err(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_wait_loses_nothing() {
        let watch = PushedWatch::default();
        watch.network_changed();
        assert!(timeout(Duration::from_millis(100), watch.next()).await.is_err());
        assert!(timeout(Duration::from_secs(1), watch.next()).await.is_ok());
    }
}

//! The port `NetworkWatch`: tells when the network under the phone has changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

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
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    changed: watch::Sender<()>,
    /// What `next` has told of.
    told: Mutex<watch::Receiver<()>>,
}

impl Default for Shared {
    fn default() -> Self {
        let (changed, told) = watch::channel(());
        Self { changed, told: Mutex::new(told) }
    }
}

impl PushedWatch {
    /// The network has changed. From any thread, any number of times.
    pub fn network_changed(&self) {
        self.shared.changed.send_replace(());
    }
}

impl NetworkWatch for PushedWatch {
    fn next(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut told = self.shared.told.lock().await;
            // A copy looks out, so that a dropped wait has told nothing yet.
            let changed = told.clone().changed().await;
            debug_assert!(changed.is_ok(), "the sender lives beside the receiver");
            tokio::time::sleep(SETTLE).await;
            // What was pushed while the network settled belongs to this change.
            told.mark_unchanged();
        })
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

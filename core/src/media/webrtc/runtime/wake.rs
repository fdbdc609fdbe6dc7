//! Wakes the engine's driver task.
//!
//! `add_ice_candidate` changes the state of a connection without telling its driver, which then sleeps on until its
//! next tick; and a ClientHello queued by an ICE response is collected by the next tick only. Both cost up to
//! 200 ms. A *kick* ends the driver's pending sleep at once, whereupon it handles timeouts and polls everything.
//!
//! Sleeps of anyone else (`close()` waits with one) keep their length: only a sleep polled inside a task of this
//! runtime may end early.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use webrtc::runtime::Runtime;

use super::lock;

/// Ends the pending sleep of one connection's driver.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    kicked: AtomicBool,
    driver: Mutex<Option<Waker>>,
}

impl Wake {
    /// Ends the sleep now. From any thread.
    pub(crate) fn kick(&self) {
        self.mark();
        let waker = lock(&self.driver).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the driver's next sleep at once. For calls from the driver itself, which is awake.
    pub(super) fn mark(&self) {
        self.kicked.store(true, Ordering::Release);
    }

    fn register(&self, waker: &Waker) {
        let mut driver = lock(&self.driver);
        if !driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task of the runtime, marked as such while it is polled.
pub(super) struct DriverTask {
    pub(super) wake: Arc<Wake>,
    pub(super) task: Task,
}

impl Future for DriverTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _mark = Mark(POLLING.replace(self.wake.id()));
        self.task.as_mut().poll(cx)
    }
}

thread_local! {
    /// Whose driver this thread is polling, or 0.
    static POLLING: Cell<usize> = const { Cell::new(0) };
}

/// Restores the mark of the task around this one, also after a panic.
struct Mark(usize);

impl Drop for Mark {
    fn drop(&mut self) {
        POLLING.set(self.0);
    }
}

/// A sleep of the runtime that a kick ends early.
pub(super) struct KickableSleep {
    pub(super) sleep: Task,
    pub(super) wake: Arc<Wake>,
    /// An early end goes through this runtime's `yield_now`, so that a simulated runtime can order it.
    pub(super) inner: Arc<dyn Runtime>,
    pub(super) ending: Option<Task>,
}

impl Future for KickableSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if POLLING.get() == this.wake.id() {
            // Registered before the look at the flag, so no kick is lost in between.
            this.wake.register(cx.waker());
            if this.wake.kicked.load(Ordering::Acquire) {
                let ending = this.ending.get_or_insert_with(|| this.inner.yield_now());
                if ending.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.ending = None;
                if this.wake.kicked.swap(false, Ordering::AcqRel) {
                    return Poll::Ready(());
                }
            }
        }
        this.sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sleep(wake: &Arc<Wake>) -> KickableSleep {
        KickableSleep {
            sleep: Box::pin(tokio::time::sleep(Duration::from_secs(10))),
            wake: wake.clone(),
            inner: Arc::new(webrtc::runtime::TokioRuntime),
            ending: None,
        }
    }

    fn elapsed_of(wake: &Arc<Wake>, driver: bool) -> tokio::task::JoinHandle<Duration> {
        let start = tokio::time::Instant::now();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let sleep = sleep(wake);
        let task = Box::pin(async move {
            sleep.await;
            let _ = tx.send(start.elapsed());
        });
        if driver {
            tokio::spawn(DriverTask { wake: wake.clone(), task });
        } else {
            tokio::spawn(task);
        }
        tokio::spawn(async move { rx.await.unwrap() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_kick_ends_the_drivers_sleep() {
        let wake = Arc::new(Wake::default());
        let elapsed = elapsed_of(&wake, true);
        tokio::time::sleep(Duration::from_millis(5)).await;
        wake.kick();
        assert_eq!(elapsed.await.unwrap(), Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_kick_before_the_sleep_is_not_lost() {
        let wake = Arc::new(Wake::default());
        wake.mark();
        assert_eq!(elapsed_of(&wake, true).await.unwrap(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn sleeps_of_others_keep_their_length() {
        let wake = Arc::new(Wake::default());
        let elapsed = elapsed_of(&wake, false);
        tokio::time::sleep(Duration::from_millis(5)).await;
        wake.kick();
        assert_eq!(elapsed.await.unwrap(), Duration::from_secs(10));
    }
}

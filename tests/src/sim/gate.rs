//! The gate: makes the engine's driver task deterministic.
//!
//! The driver waits in a `select!` that polls its arms in random order and takes the first that is ready. The gate lets
//! at most one of its timers and sockets be ready at a time: the lowest key first, so datagrams by socket, then the
//! timer. [`GatedTask`] polls the driver to quiescence in one poll of its task, with a waker of its own, so that
//! wakes it causes itself never reach the run queue, whose order would otherwise depend on the random order too.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{lock, mix};

/// The gate of one driver.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is ready and waits for its turn.
    ready: BTreeMap<u64, Waker>,
    /// Whose turn it is.
    granted: Option<u64>,
    /// Takes the turns in another legal order, by seed.
    shuffle: Option<u64>,
}

/// The key of timers, after all sockets.
pub(super) const TIMER: u64 = u64::MAX;

thread_local! {
    /// The gate of the driver that this thread is polling.
    static POLLING: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

impl Gate {
    /// A gate that takes turns in an order given by `seed`.
    pub(super) fn shuffled(seed: u64) -> Self {
        Self { state: Mutex::new(State { shuffle: Some(seed), ..State::default() }) }
    }

    /// May `key`, which is ready, say so now? Outside the driver: always.
    pub(super) fn may_pass(self: &Arc<Self>, key: u64, cx: &Context<'_>) -> bool {
        let inside = POLLING.with_borrow(|gate| gate.as_ref().is_some_and(|gate| Arc::ptr_eq(gate, self)));
        if !inside {
            return true;
        }
        let mut state = lock(&self.state);
        if state.granted == Some(key) {
            state.granted = None;
            return true;
        }
        state.ready.insert(key, cx.waker().clone());
        false
    }

    /// A timer that was dropped does not wait any more.
    fn forget_timer(&self) {
        lock(&self.state).ready.remove(&TIMER);
    }

    /// Gives the next one its turn; false if nobody waits.
    fn grant(&self) -> bool {
        let mut state = lock(&self.state);
        let turn = state.shuffle.as_mut().map_or(0, |seed| {
            *seed = mix(*seed);
            *seed
        });
        let place = usize::try_from(turn % state.ready.len().max(1) as u64).unwrap_or(0);
        let Some(key) = state.ready.keys().nth(place).copied() else {
            state.granted = None;
            return false;
        };
        let waker = state.ready.remove(&key);
        state.granted = Some(key);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The driver, polled to quiescence behind its gate.
pub(super) struct GatedTask {
    task: Task,
    gate: Arc<Gate>,
    waker: Arc<InnerWaker>,
}

impl GatedTask {
    pub(super) fn new(task: Task, gate: Arc<Gate>) -> Self {
        // tokio's budget would cut a poll short at a point that depends on the random order.
        Self { task: Box::pin(tokio::task::unconstrained(task)), gate, waker: Arc::default() }
    }
}

/// The driver's own waker: notes wakes that come while it is polled, passes on the others.
#[derive(Default)]
struct InnerWaker {
    polling: AtomicBool,
    again: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for InnerWaker {
    fn wake(self: Arc<Self>) {
        if self.polling.load(Ordering::SeqCst) {
            self.again.store(true, Ordering::SeqCst);
            return;
        }
        let outer = lock(&self.outer).take();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

/// Restores what the thread was polling before, also after a panic.
struct Polling {
    before: Option<Arc<Gate>>,
    waker: Arc<InnerWaker>,
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.waker.polling.store(false, Ordering::SeqCst);
        POLLING.set(self.before.take());
    }
}

impl Future for GatedTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *lock(&self.waker.outer) = Some(cx.waker().clone());
        let before = POLLING.replace(Some(self.gate.clone()));
        let _polling = Polling { before, waker: self.waker.clone() };
        self.waker.polling.store(true, Ordering::SeqCst);
        let waker = Waker::from(self.waker.clone());
        loop {
            self.waker.again.store(false, Ordering::SeqCst);
            self.gate.forget_timer();
            if self.task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return Poll::Ready(());
            }
            if !self.waker.again.load(Ordering::SeqCst) && !self.gate.grant() {
                return Poll::Pending;
            }
        }
    }
}

//! Who calls the tick: a thread, or a task on tokio's clock, only while there is something to do.
//!
//! | state | the engine is | an order |
//! |---|---|---|
//! | Idle | here | is kept; a plan or a connection starts a thread or task, which takes it |
//! | Running | with the thread or task | is kept, and taken at the next tick |
//! | Closed | dropped | is dropped |
//!
//! The thread sleeps until absolute deadlines and makes up for ticks that it missed, so that files and tones keep the
//! time; after more than half a second (the machine slept) it starts anew from now. The deadlines are 10 ms apart, and
//! 20 ms with two ticks each while no end is live: waking up costs as much as the ticks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::audio::engine::Engine;
use crate::audio::handle::{ClockMode, Orders};

/// Runs an engine while it has something to do. Clones are the same runner; dropping the last one closes it.
#[derive(Clone)]
pub(super) struct Runner(Arc<Owner>);

/// Closes the engine when the last handle goes.
struct Owner(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// True while a thread or task has the engine.
    running: watch::Sender<bool>,
}

enum Clock {
    Thread,
    Tokio(runtime::Handle),
}

enum State {
    Idle {
        engine: Box<Engine>,
        /// What can wait until there is something to do.
        orders: Orders,
    },
    Running {
        orders: Orders,
        /// To wake it for the closing; a task wakes by its timer.
        thread: Option<thread::JoinHandle<()>>,
    },
    Closed {
        /// What is left to join.
        thread: Option<thread::JoinHandle<()>>,
    },
}

impl Runner {
    pub(super) fn new(engine: Engine, mode: ClockMode) -> Self {
        let clock = match mode {
            ClockMode::Thread => Clock::Thread,
            ClockMode::Tokio => Clock::Tokio(runtime::Handle::current()),
        };
        let state = Mutex::new(State::Idle { engine: Box::new(engine), orders: Orders::default() });
        Self(Arc::new(Owner(Arc::new(Shared { state, clock, running: watch::channel(false).0 }))))
    }

    /// Gives an order. Never waits: the lock is held for the time of a few stores, or to start a thread. The engine
    /// takes orders on its own thread or task only, since opening a device or a file may take its time.
    pub(super) fn order(&self, write: impl FnOnce(&mut Orders)) {
        let shared = &self.0.0;
        let mut state = shared.lock();
        match &mut *state {
            State::Idle { orders, .. } => {
                write(orders);
                if orders.cannot_wait() {
                    shared.start(&mut state);
                }
            }
            State::Running { orders, .. } => write(orders),
            State::Closed { .. } => {}
        }
    }

    /// Closes the engine and waits until thread or task are gone, half a second at most.
    pub(super) async fn close(&self) {
        let shared = &self.0.0;
        shared.close();
        let mut running = shared.running.subscribe();
        if tokio::time::timeout(CLOSE_WITHIN, running.wait_for(|running| !running)).await.is_err() {
            tracing::warn!("the audio thread does not end");
            return;
        }
        let thread = match &mut *shared.lock() {
            State::Closed { thread } => thread.take(),
            State::Idle { .. } | State::Running { .. } => None,
        };
        // It has said that it ends: what is left are microseconds.
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the engine of an idle state to a thread or task.
    fn start(self: &Arc<Self>, state: &mut State) {
        let (engine, orders) = match std::mem::replace(state, State::Closed { thread: None }) {
            State::Idle { engine, orders } => (engine, orders),
            other @ (State::Running { .. } | State::Closed { .. }) => {
                *state = other;
                return;
            }
        };
        *state = State::Running { orders, thread: None };
        self.running.send_replace(true);
        let shared = self.clone();
        match &self.clock {
            Clock::Tokio(runtime) => drop(runtime.spawn(run_task(shared, engine))),
            Clock::Thread => {
                let spawned = thread::Builder::new()
                    .name("ringback-audio".to_owned())
                    .spawn(move || run_thread(&shared, engine));
                match (spawned, state) {
                    (Ok(handle), State::Running { thread, .. }) => *thread = Some(handle),
                    (Ok(_), State::Idle { .. } | State::Closed { .. }) => {}
                    (Err(error), state) => {
                        tracing::error!(%error, "no thread for sound: the process has too many");
                        *state = State::Closed { thread: None };
                        self.running.send_replace(false);
                    }
                }
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        let closed = State::Closed { thread: None };
        let before = std::mem::replace(&mut *state, closed);
        match before {
            State::Idle { mut engine, .. } => engine.close(),
            State::Running { thread, .. } => {
                if let Some(thread) = &thread {
                    thread.thread().unpark();
                }
                *state = State::Closed { thread };
            }
            State::Closed { thread } => *state = State::Closed { thread },
        }
    }

    /// One step of whoever runs: orders, then the tick. Gives the engine back unless it is to end.
    fn step(&self, mut engine: Box<Engine>, now: Instant) -> Option<Box<Engine>> {
        loop {
            let Some(orders) = self.take_orders() else {
                engine.close();
                drop(engine);
                self.running.send_replace(false);
                return None;
            };
            // Outside the lock: opening a file or closing a device takes its time.
            engine.take(orders, now);
            if !engine.is_idle() {
                engine.tick_10ms(now);
                return Some(engine);
            }
            engine = self.rest(engine)?;
        }
    }

    /// The orders; `None` when closed.
    fn take_orders(&self) -> Option<Orders> {
        match &mut *self.lock() {
            State::Running { orders, .. } => Some(std::mem::take(orders)),
            State::Closed { .. } | State::Idle { .. } => None,
        }
    }

    /// Puts the engine back, unless an order came meanwhile.
    fn rest(&self, engine: Box<Engine>) -> Option<Box<Engine>> {
        let mut state = self.lock();
        match &*state {
            State::Running { orders, .. } if orders.is_empty() => {
                // The handle of the thread is dropped: the thread ends within microseconds.
                *state = State::Idle { engine, orders: Orders::default() };
                self.running.send_replace(false);
                None
            }
            State::Running { .. } | State::Closed { .. } | State::Idle { .. } => Some(engine),
        }
    }
}

fn run_thread(shared: &Shared, engine: Box<Engine>) {
    let mut engine = engine;
    let mut deadline = Instant::now();
    loop {
        let ticks = if engine.has_live_end() { 1 } else { 2 };
        for tick in (0..ticks).rev() {
            match shared.step(engine, Instant::now() - TICK * tick) {
                Some(back) => engine = back,
                None => return,
            }
        }
        deadline += TICK * ticks;
        let now = Instant::now();
        if now > deadline + GIVE_UP {
            deadline = now;
        }
        // May wake early when closing; an early tick more does no harm then.
        thread::park_timeout(deadline.saturating_duration_since(now));
    }
}

async fn run_task(shared: Arc<Shared>, engine: Box<Engine>) {
    let mut engine = engine;
    let mut timer = tokio::time::interval(TICK);
    timer.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let now = timer.tick().await;
        match shared.step(engine, now) {
            Some(back) => engine = back,
            None => return,
        }
    }
}

const TICK: Duration = Duration::from_millis(10);
/// Missed ticks are made up for up to this: more is a machine that slept, whose sound is stale.
const GIVE_UP: Duration = Duration::from_millis(500);
/// Fifty ticks.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

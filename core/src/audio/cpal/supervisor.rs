//! One open direction: a thread that owns the stream, watches it and rebuilds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::Living;
use super::host::{Backend, OrCards, name};
use super::stream::{Direction, Running};
use crate::audio::device::{AudioDeviceId, DeviceChoice, DeviceError, DeviceReport, Reports};

/// What one direction's thread works with.
pub(super) struct Supervisor<D: Direction> {
    choice: DeviceChoice,
    reports: Reports<D::End>,
    closing: Arc<AtomicBool>,
    _living: Living,
}

/// Ends the thread when dropped, without waiting for it.
pub(super) struct Guard {
    closing: Arc<AtomicBool>,
    thread: thread::Thread,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.closing.store(true, Relaxed);
        self.thread.unpark();
    }
}

/// A stream that works, the connection it came from, and the device.
struct Open {
    backend: Backend,
    id: AudioDeviceId,
    running: Running,
}

/// Why a stream is given up.
enum Verdict {
    Closing,
    /// It stopped, or another device is to be used.
    Rebuild,
}

impl<D: Direction> Supervisor<D> {
    pub(super) fn new(choice: DeviceChoice, reports: Reports<D::End>, living: Living) -> Self {
        Self { choice, reports, closing: Arc::new(AtomicBool::new(false)), _living: living }
    }

    /// Opens, watches and reopens until it is closed.
    fn run(self) {
        let mut lost: Option<OrCards> = None;
        let mut attempts = Attempts::new();
        while !self.is_closing() {
            match self.open(lost, &attempts) {
                Ok(open) => {
                    lost = Some(open.backend.or_cards());
                    attempts = Attempts::new();
                    let verdict = self.watch(&open);
                    self.close(open);
                    match verdict {
                        Verdict::Closing => return,
                        Verdict::Rebuild => self.report(DeviceReport::Lost),
                    }
                }
                Err(error) => {
                    // The first opening tells at once; after a loss there is time for a server to come back.
                    if attempts.is_final_failure(lost.is_some()) {
                        self.report(DeviceReport::Failed(error));
                    }
                    self.wait(attempts.next_pause(lost.is_some()));
                }
            }
        }
    }

    /// Opens; `lost` tells what the connection before says, if there was one.
    fn open(&self, lost: Option<OrCards>, attempts: &Attempts) -> Result<Open, DeviceError> {
        let or_cards = if attempts.is_patient() { lost.unwrap_or(OrCards::Yes) } else { OrCards::Yes };
        let backend = Backend::connect(or_cards)?;
        match self.build(&backend, lost.is_some()) {
            Ok((running, id)) => Ok(Open { backend, id, running }),
            Err(error) => {
                backend.retire();
                Err(error)
            }
        }
    }

    fn build(&self, backend: &Backend, opened_before: bool) -> Result<(Running, AudioDeviceId), DeviceError> {
        let (device, id) = backend.find(D::KIND, &self.choice, opened_before)?;
        let (running, end) = D::build(&device)?;
        // The engine has its end before the first sound: a monitor may take 2 s to bring any.
        self.report(DeviceReport::Opened { end, name: name(&device) });
        drop(device);
        match running.play() {
            Ok(()) => Ok((running, id)),
            Err(error) => {
                self.report(DeviceReport::Lost);
                Err(error)
            }
        }
    }

    /// Returns when the stream is to be given up.
    fn watch(&self, open: &Open) -> Verdict {
        let mut asked = Instant::now();
        let mut moved = Instant::now();
        let mut callbacks = 0;
        loop {
            self.wait(LOOK);
            if self.is_closing() {
                return Verdict::Closing;
            }
            let counters = &open.running.counters;
            if counters.callbacks() != callbacks {
                callbacks = counters.callbacks();
                moved = Instant::now();
            }
            // Before the first callback nothing is overdue.
            if counters.has_failed() || (callbacks > 0 && moved.elapsed() > STANDSTILL) {
                return Verdict::Rebuild;
            }
            if asked.elapsed() >= ASK_DEFAULT {
                asked = Instant::now();
                if self.belongs_elsewhere(open) {
                    return Verdict::Rebuild;
                }
            }
        }
    }

    /// Whether another device than the open one should be used now.
    fn belongs_elsewhere(&self, open: &Open) -> bool {
        match self.choice {
            DeviceChoice::Default => {
                open.backend.default_id(D::KIND).is_some_and(|default| default != open.id)
            }
            // The default stands in for the chosen one: is that back?
            DeviceChoice::Id(ref id) if *id != open.id => {
                open.backend.find(D::KIND, &self.choice, false).is_ok()
            }
            DeviceChoice::Id(_) => false,
        }
    }

    fn close(&self, open: Open) {
        let Open { backend, id: _, running } = open;
        drop(running);
        backend.retire();
    }

    fn wait(&self, how_long: Duration) {
        let until = Instant::now() + how_long;
        while !self.is_closing() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    fn report(&self, report: DeviceReport<D::End>) {
        // Full: the engine stands still; the next rebuild reports again.
        self.reports.try_report(report);
    }
}

/// Starts the thread of a supervisor; `None` if the system has no thread for it.
pub(super) fn supervise<D: Direction>(supervisor: Supervisor<D>) -> Option<Guard> {
    let closing = supervisor.closing.clone();
    let reports = supervisor.reports.clone();
    match thread::Builder::new().name("ringback-device".to_owned()).spawn(move || supervisor.run()) {
        Ok(thread) => Some(Guard { closing, thread: thread.thread().clone() }),
        Err(_) => {
            reports.try_report(DeviceReport::Failed(DeviceError::Lost));
            None
        }
    }
}

/// Attempts to open, one after the other.
struct Attempts {
    since: Instant,
    failed: u32,
    told: bool,
}

impl Attempts {
    fn new() -> Self {
        Self { since: Instant::now(), failed: 0, told: false }
    }

    /// A device that was lost may still come back soon.
    fn is_patient(&self) -> bool {
        self.since.elapsed() <= PATIENCE
    }

    /// Whether this failure is to be told: once.
    fn is_final_failure(&mut self, was_lost: bool) -> bool {
        let due = !was_lost || !self.is_patient();
        due && !std::mem::replace(&mut self.told, true)
    }

    /// After a loss 50, 100, 200, then 400 ms: a device that is back is used within a second. Else, and when patience
    /// has ended, 2 s.
    fn next_pause(&mut self, was_lost: bool) -> Duration {
        if !was_lost || !self.is_patient() {
            return SLOW_PAUSE;
        }
        let pause = FIRST_PAUSE * 2u32.pow(self.failed.min(3));
        self.failed += 1;
        pause
    }
}

/// How often the stream is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Fifty callbacks that did not come.
const STANDSTILL: Duration = Duration::from_millis(500);
/// A removed PulseAudio sink is replaced by another without any error.
const ASK_DEFAULT: Duration = Duration::from_secs(1);
/// A sound server that is restarted by its supervisor is back sooner.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// For a device that is not there: each attempt makes ALSA write to the standard error stream.
const SLOW_PAUSE: Duration = Duration::from_secs(2);

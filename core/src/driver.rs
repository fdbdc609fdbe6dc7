//! The only loop of a phone: it carries inputs to the call machine and does what the machine asks.
//!
//! It never awaits an effect, holds no lock and is the only owner of the machine. It selects over channels only; each
//! adapter has one pump task in [`pumps`] that alone calls its `next()`. Every channel is bounded:
//!
//! | channel | places | when full |
//! |---|---|---|
//! | verbs from handles | 64 | the verb is told `Busy` |
//! | hang up, close, network changed | flags | never |
//! | messages to signaling | 128 | dropped: the machine sends them again until they are proved |
//! | signaling, engine and audio events | 256 each | the pump waits, and with it the adapter |
//! | answers of `may_ring` | 8 | never: four questions are open at most |

mod chores;
mod pumps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::pumps::{Arrivals, Pumps};
use crate::audio::{AudioEvent, AudioEvents};
use crate::clock::Clock;
use crate::events::{CallEvent, Event, EventKind};
use crate::media::{EngineEvent, MediaCommand, MediaEngine, MediaEvent};
use crate::net::NetworkWatch;
use crate::phone::{Asked, Place, Shared};
use crate::policy::MayRing;
use crate::proto::call::{Admission, CallState, Calls, Command, Direction, Input, Output, SignalingInput};
use crate::proto::session::MediaFailure;
use crate::proto::{CallId, ConnId, Timestamp};
use crate::signaling::{OfflineWhy, Signaling, SignalingEvent, SignalingHealth};

/// The ports of a phone.
pub(crate) struct Ports {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signaling: Arc<dyn Signaling>,
    pub(crate) engine: Arc<dyn MediaEngine>,
    pub(crate) sounds: AudioEvents,
    pub(crate) may_ring: Arc<dyn MayRing>,
    pub(crate) network: Option<Arc<dyn NetworkWatch>>,
}

/// Everything that can wake the driver.
#[derive(Debug)]
pub(crate) enum Arrival {
    HangUp(CallId),
    NetworkChanged,
    Close,
    Asked(Asked),
    Admitted(CallId, Admission),
    Signaling(SignalingEvent),
    Engine(ConnId, EngineEvent),
    Audio(AudioEvent),
    Deadline,
}

/// The only owner of the call machine.
pub(crate) struct Driver {
    calls: Calls,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    arrivals: Arrivals,
    pumps: Pumps,
    numbers: BTreeMap<CallId, u64>,
    skew: Duration,
    place: Place,
}

impl Driver {
    pub(crate) fn new(
        calls: Calls,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Asked>,
        ports: Ports,
        place: Place,
    ) -> Self {
        let clock = ports.clock.clone();
        let skew = clock.now().since(clock.monotonic());
        let (pumps, arrivals) = Pumps::start(ports, shared.clone(), commands);
        Self { calls, shared, clock, arrivals, pumps, numbers: BTreeMap::new(), skew, place }
    }

    pub(crate) async fn run(mut self) {
        tracing::info!("phone started");
        loop {
            let deadline = self.drain();
            let arrival = self.arrivals.next(&*self.clock, deadline).await;
            self.notice_suspend(deadline);
            match arrival {
                Arrival::Close => break,
                Arrival::Asked(asked) => self.answer(asked),
                Arrival::HangUp(call) => self.input(Input::Command(Command::HangUp(call))),
                Arrival::NetworkChanged => self.network_changed(),
                Arrival::Admitted(call, admission) => self.input(Input::Admitted(call, admission)),
                Arrival::Signaling(event) => self.signaling(event),
                Arrival::Engine(conn, event) => self.engine(conn, event),
                Arrival::Audio(event) => self.audio(event),
                Arrival::Deadline => self.input(Input::Tick),
            }
        }
        self.input(Input::Command(Command::Close));
        self.drain();
        let Self { pumps, place, .. } = self;
        pumps.close().await;
        tracing::info!("phone closed");
        drop(place);
    }

    fn input(&mut self, input: Input) {
        self.calls.handle_input(self.clock.now(), input);
    }

    /// Does everything that the machine asks; returns when it wants to be called again.
    fn drain(&mut self) -> Timestamp {
        loop {
            match self.calls.poll_output() {
                Output::Send(message) => self.pumps.send(message),
                Output::Media(conn, command) => self.command(conn, command),
                Output::Audio(plan) => self.shared.audio.apply(plan),
                Output::Ask(incoming) => self.pumps.ask(incoming),
                Output::Event(event) => self.event(event.call, event.kind.into()),
                Output::Timeout(deadline) => return deadline,
            }
        }
    }

    fn answer(&mut self, Asked { command, answer }: Asked) {
        let checked = self.calls.check(&command);
        let dialed = match &command {
            Command::Dial(dial) => Some((dial.call, dial.to.clone())),
            Command::Accept(_)
            | Command::Decline(_)
            | Command::HangUp(_)
            | Command::SetMuted(..)
            | Command::SetHeld(..)
            | Command::Message(..)
            | Command::Announce { .. }
            | Command::Close => None,
        };
        if checked.is_ok() {
            self.input(Input::Command(command));
            self.drain();
            self.refresh();
        }
        // A dial may have accepted a call of that user that rings here, instead of placing one.
        let led_to = dialed.and_then(|(call, to)| {
            let live = self.shared.snapshots();
            let placed = live.iter().find(|live| live.call == call);
            let accepted = live.iter().find(|live| live.peer == to && live.direction == Direction::Incoming);
            // Or it ended at once; its handle still says how.
            let ended = || self.shared.watch(call).map(|_| call);
            placed.or(accepted).map(|live| live.call).or_else(ended)
        });
        // Whoever asked may be gone; the verb has its effect all the same.
        let _ = answer.send(checked.map(|()| led_to));
    }

    fn command(&mut self, conn: ConnId, command: MediaCommand) {
        if let MediaCommand::Open { call, .. } = command {
            self.shared.set_conn(call, conn);
            self.pumps.watch(conn);
        }
        if command == MediaCommand::Close {
            self.shared.audio.detach(conn);
            self.shared.forget_conn(conn);
        }
        if self.shared.engine.command(conn, command).is_err() {
            self.input(Input::Media(conn, MediaEvent::Failed(MediaFailure::Overflow)));
        }
    }

    /// The ports first: what the machine then wants of them meets the new network.
    fn network_changed(&mut self) {
        self.pumps.network_changed();
        self.input(Input::NetworkChanged);
    }

    fn signaling(&mut self, event: SignalingEvent) {
        match event {
            SignalingEvent::Up { caught_up } => {
                self.input(Input::Signaling(SignalingInput::Up { caught_up }))
            }
            SignalingEvent::Down => self.input(Input::Signaling(SignalingInput::Down)),
            SignalingEvent::Message { age, text } => {
                self.input(Input::Signaling(SignalingInput::Message { age, text }));
            }
            SignalingEvent::Receipt(id, how) => {
                self.input(Input::Signaling(SignalingInput::Receipt(id, how)))
            }
            SignalingEvent::Refused(id, why) => {
                self.input(Input::Signaling(SignalingInput::Refused(id, why)))
            }
            SignalingEvent::Health(health) => self.health(health),
            // Not by us: the app closed what it had given us.
            SignalingEvent::Closed => {
                self.input(Input::Signaling(SignalingInput::Down));
                self.health(SignalingHealth::Offline { why: OfflineWhy::Closed, retry_in: Duration::MAX });
            }
        }
    }

    fn health(&mut self, health: SignalingHealth) {
        match &health {
            SignalingHealth::Connecting => tracing::debug!("signaling connects"),
            SignalingHealth::Online => tracing::info!("signaling is online"),
            SignalingHealth::Offline { why, retry_in } => {
                tracing::warn!(%why, retry_in_ms = retry_in.as_millis() as u64, "signaling is offline");
            }
        }
        self.shared.health.send_replace(health.clone());
        self.publish(Event::Signaling(health));
    }

    fn engine(&mut self, conn: ConnId, event: EngineEvent) {
        match event {
            EngineEvent::Session(event) => self.input(Input::Media(conn, event)),
            EngineEvent::Sound(link) => self.shared.audio.attach(conn, link),
            EngineEvent::PathChanged(path) => self.conn_event(conn, EventKind::Path(path)),
        }
    }

    fn audio(&mut self, event: AudioEvent) {
        match event {
            AudioEvent::Capture(input) => self.input(Input::Audio(input)),
            AudioEvent::DeviceInUse { kind, name } => self.publish(Event::DeviceInUse { kind, name }),
            AudioEvent::DeviceFailed { kind, error } => {
                tracing::warn!(?kind, %error, "a sound device failed");
                self.publish(Event::DeviceFailed { kind, error });
            }
            AudioEvent::FirstSound { conn, .. } => self.conn_event(conn, EventKind::FirstSound),
            AudioEvent::CaptureLevel { level_dbov } => self.publish(Event::MicrophoneLevel { level_dbov }),
            AudioEvent::PlaybackLevel { conn, level_dbov } => {
                self.conn_event(conn, EventKind::PeerLevel { level_dbov });
            }
        }
    }

    fn conn_event(&mut self, conn: ConnId, kind: EventKind) {
        if let Some(call) = self.shared.call_of(conn) {
            self.event(call, kind);
        }
    }

    /// Shows the call's new state to its handles, then publishes: a reader of the event finds the handle in that state.
    fn event(&mut self, call: CallId, kind: EventKind) {
        if let Some(snapshot) = self.calls.snapshot(call) {
            self.shared.show(snapshot);
        }
        let number = self.numbers.entry(call).or_insert(0);
        *number += 1;
        let number = *number;
        if let EventKind::State(state) = &kind {
            tracing::info!(%call, state = name(state), "call state");
            if matches!(state, CallState::Ended(_)) {
                self.numbers.remove(&call);
            }
        }
        self.publish(Event::Call(CallEvent { call, number, kind }));
    }

    /// Mute and hold change what handles show without an event.
    fn refresh(&self) {
        for shown in self.shared.snapshots() {
            if let Some(snapshot) = self.calls.snapshot(shown.call).filter(|snapshot| *snapshot != shown) {
                self.shared.show(snapshot);
            }
        }
    }

    fn publish(&self, event: Event) {
        self.shared.publisher.publish(&event, || self.shared.snapshots());
    }

    /// A machine that slept, or a timer that fired late, makes everything read since of unknown age.
    fn notice_suspend(&mut self, deadline: Timestamp) {
        let now = self.clock.now();
        let skew = now.since(self.clock.monotonic());
        let slept = skew.saturating_sub(self.skew);
        self.skew = skew;
        let late = now.since(deadline);
        let gap = slept.max(late);
        if gap > SUSPEND {
            tracing::info!(gap_s = gap.as_secs(), "the machine was suspended");
            self.input(Input::Resumed { gap });
            self.pumps.resumed();
        }
    }
}

fn name(state: &CallState) -> &'static str {
    match state {
        CallState::Initiated => "initiated",
        CallState::Ringing => "ringing",
        CallState::Connecting => "connecting",
        CallState::Active => "active",
        CallState::Reconnecting => "reconnecting",
        CallState::Ended(_) => "ended",
    }
}

/// Longer than any scheduling delay of a machine that runs (call-protocol "Age").
const SUSPEND: Duration = Duration::from_secs(5);

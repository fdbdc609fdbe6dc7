//! The calls of one phone: takes inputs, fires timers, keeps the calls apart.

use std::collections::BTreeMap;
use std::time::Duration;

use super::audio_plan;
use super::context::Context;
use super::facts::{Call, Facts};
use super::lobby::Lobby;
use super::phase::Phase;
use super::{
    AudioInput, AudioPlan, CallEventKind, CallSnapshot, CallState, CallsConfig, Command, Dial, Input, Output,
    Tone, VerbError, timers,
};
use crate::{By, CallId, ConnId, EndReason, Timestamp, UserId};

/// Every call of one phone.
///
/// Feed it with [`Calls::handle_input`], then drain [`Calls::poll_output`] until it says [`Output::Timeout`]; call
/// `handle_input` again at that time at the latest. No input is refused, and none makes it panic.
#[derive(Debug)]
pub struct Calls {
    pub(super) cx: Context,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) lobby: Lobby,
    /// Until then the age of a message means nothing: the machine slept.
    pub(super) distrust: Timestamp,
    plan: AudioPlan,
    end_tone: Option<(Tone, Timestamp)>,
    pub(super) closed: bool,
}

impl Calls {
    /// A phone without calls; signaling counts as down until it says `Up`.
    pub fn new(config: CallsConfig, now: Timestamp) -> Self {
        Self {
            cx: Context::new(config, now),
            calls: BTreeMap::new(),
            lobby: Lobby::default(),
            distrust: Timestamp::ZERO,
            plan: AudioPlan::default(),
            end_tone: None,
            closed: false,
        }
    }

    /// Takes one input. What is due at `now` happens first. A `now` before the last one counts as the last one.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        let now = now.max(self.cx.now());
        let due = self.deadline();
        self.cx.env.now = now;
        if due != Timestamp::NEVER && now - due > timers::GAP {
            self.distrust = now + timers::DISTRUST;
        }
        self.fire_timers();
        match input {
            Input::Command(command) => self.on_command(command),
            Input::Signaling(input) => self.on_signaling(input),
            Input::Media(conn, event) => self.on_media(conn, event),
            Input::Audio(AudioInput::CaptureOpened) | Input::Tick => {}
            Input::Audio(AudioInput::CaptureFailed(why)) => {
                self.update_all(|facts, cx, phase| facts.on_capture_failed(cx, phase, why));
            }
            Input::Admitted(call, admission) => self.on_admitted(call, admission),
            Input::NetworkChanged => self.update_all(|facts, cx, phase| facts.on_network_change(cx, phase)),
            Input::Resumed { gap } => self.on_resumed(gap),
        }
        self.fire_timers();
        self.plan_audio();
    }

    /// The next thing to do. After [`Output::Timeout`] there is nothing more, until the next input.
    pub fn poll_output(&mut self) -> Output {
        match self.cx.out.pop_front() {
            Some(output) => output,
            None => Output::Timeout(self.deadline()),
        }
    }

    /// Whether a verb makes sense now; a wrong one would be a no-op.
    ///
    /// # Errors
    /// [`VerbError`] says why not. The call goes on as it was.
    pub fn check(&self, command: &Command) -> Result<(), VerbError> {
        if self.closed {
            return Err(VerbError::Closed);
        }
        match command {
            Command::Dial(dial) => dial.check(&self.cx.config),
            Command::Announce { .. } | Command::Close => Ok(()),
            Command::Accept(call)
            | Command::Decline(call)
            | Command::HangUp(call)
            | Command::SetMuted(call, _)
            | Command::SetHeld(call, _)
            | Command::Message(call, _) => self.calls.get(call).ok_or(VerbError::UnknownCall)?.check(command),
        }
    }

    /// Every live call, and for 10 s every call that ended.
    pub fn snapshots(&self) -> Vec<CallSnapshot> {
        let now = self.cx.now();
        let shown = |call: &&Call| {
            call.phase.ended().is_none_or(|ended| ended.visible && now - ended.since < timers::SHOWN)
        };
        self.calls.values().filter(shown).map(|call| call.facts.snapshot(&call.phase)).collect()
    }

    /// One call, live or ended, as long as it is known.
    pub fn snapshot(&self, call: CallId) -> Option<CallSnapshot> {
        self.calls.get(&call).map(|call| call.facts.snapshot(&call.phase))
    }

    /// The phase of every call and tombstone, by the name in the diagram: for logs and for tests of coverage.
    pub fn phases(&self) -> impl Iterator<Item = (CallId, &'static str)> {
        self.calls.values().map(|call| (call.facts.id, call.phase.name()))
    }

    /// The call that a connection belongs to.
    pub fn call_of(&self, conn: ConnId) -> Option<CallId> {
        self.calls.values().find(|call| call.phase.owns(conn)).map(|call| call.facts.id)
    }

    /// Takes a new call in.
    pub(super) fn admit(&mut self, call: Call) {
        let id = call.facts.id;
        let state = call.phase.state();
        tracing::info!(call = %id, phase = call.phase.name(), "a call begins");
        self.calls.insert(id, call);
        self.cx.event(id, CallEventKind::State(state));
        self.update(id, |_, _, phase| phase);
    }

    /// Moves one call on, does what its session wants, and tells the app if its state changed.
    pub(super) fn update(&mut self, id: CallId, step: impl FnOnce(&mut Facts, &mut Context, Phase) -> Phase) {
        let Some(Call { mut facts, phase }) = self.calls.remove(&id) else { return };
        let before = (phase.state(), phase.name());
        let phase = step(&mut facts, &mut self.cx, phase);
        let phase = facts.absorb(&mut self.cx, phase);
        let after = phase.state();
        if phase.name() != before.1 {
            tracing::debug!(call = %id, from = before.1, to = phase.name(), "phase");
        }
        if after != before.0 {
            self.on_state(&facts, after);
        }
        self.calls.insert(id, Call { facts, phase });
        self.bound_tombstones(id);
    }

    /// The user accepts: other ringing calls are declined, others that are answered are held.
    pub(super) fn accept(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let peer = match &call.phase {
            Phase::Ringing(_) | Phase::Announced(_) => call.facts.peer.clone(),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_) => return,
        };
        self.make_way(id, Some(&peer));
        self.update(id, |facts, cx, phase| facts.on_accept(cx, phase));
    }

    /// One call carries sound: the others are held, or end where they cannot be.
    pub(super) fn make_way(&mut self, id: CallId, accepted_from: Option<&UserId>) {
        self.update_others(id, |facts, cx, phase| match phase {
            Phase::Ringing(_) if accepted_from.is_some() => {
                facts.end(cx, phase, EndReason::Declined, By::System)
            }
            Phase::Preparing(_) | Phase::Dialing(_) if accepted_from.is_some() => {
                facts.end(cx, phase, EndReason::Cancelled, By::Local)
            }
            Phase::Reconnecting(_) if accepted_from == Some(&facts.peer) => {
                facts.end(cx, phase, EndReason::HungUp, By::Local)
            }
            Phase::Answering(_) | Phase::Connecting(_) | Phase::Connected(_) | Phase::Reconnecting(_) => {
                facts.on_set_held(cx, phase, true)
            }
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Ringing(_)
            | Phase::Ended(_) => phase,
        });
    }

    fn update_others(&mut self, id: CallId, step: impl Fn(&mut Facts, &mut Context, Phase) -> Phase) {
        let others: Vec<CallId> = self.calls.keys().copied().filter(|other| *other != id).collect();
        for other in others {
            self.update(other, &step);
        }
    }

    pub(super) fn update_all(&mut self, step: impl Fn(&mut Facts, &mut Context, Phase) -> Phase) {
        let all: Vec<CallId> = self.calls.keys().copied().collect();
        for id in all {
            self.update(id, &step);
        }
    }

    fn on_state(&mut self, facts: &Facts, state: CallState) {
        if let CallState::Ended(end) = &state {
            tracing::info!(call = %facts.id, reason = ?end.reason, by = ?end.by, "a call ended");
            if !self.closed {
                let until = self.cx.now() + timers::END_TONE;
                self.end_tone = audio_plan::end_tone(facts.direction, end).map(|tone| (tone, until));
            }
        }
        self.cx.event(facts.id, CallEventKind::State(state));
    }

    fn on_command(&mut self, command: Command) {
        if let Err(why) = self.check(&command) {
            tracing::debug!(%why, "a command has no effect");
            return;
        }
        match command {
            Command::Dial(dial) => self.dial(dial),
            Command::Accept(call) => self.accept(call),
            Command::Decline(call) => {
                self.update(call, |facts, cx, phase| facts.on_decline_command(cx, phase))
            }
            Command::HangUp(call) => self.update(call, |facts, cx, phase| facts.on_hang_up(cx, phase)),
            Command::SetMuted(call, muted) => {
                self.update(call, |facts, cx, phase| facts.on_set_muted(cx, phase, muted));
            }
            Command::SetHeld(call, held) => {
                if !held {
                    self.make_way(call, None);
                }
                self.update(call, |facts, cx, phase| facts.on_set_held(cx, phase, held));
            }
            Command::Message(call, data) => {
                self.update(call, |facts, cx, phase| facts.on_send_message(cx, phase, data));
            }
            Command::Announce { call, from, display } => self.announce(call, from, display),
            Command::Close => self.close(),
        }
    }

    /// Dialing somebody whose call waits here takes that call instead.
    fn dial(&mut self, dial: Dial) {
        if self.calls.contains_key(&dial.call) {
            return;
        }
        let waits = |call: &&Call| {
            matches!(call.phase, Phase::Ringing(_) | Phase::Announced(_)) && call.facts.peer == dial.to
        };
        let waiting = self.calls.values().find(waits).map(|call| call.facts.id);
        let id = dial.call;
        if waiting.is_none() {
            self.make_way(id, None);
        }
        let call = Call::dial(&mut self.cx, dial);
        self.admit(call);
        if let Some(by) = waiting {
            self.update(id, |facts, cx, phase| facts.end(cx, phase, EndReason::Replaced { by }, By::Local));
            self.accept(by);
        }
    }

    fn announce(&mut self, id: CallId, from: UserId, display: Option<String>) {
        let known = self.calls.contains_key(&id) || from == self.cx.config.user;
        let ringing =
            self.calls.values().filter(|call| matches!(call.phase, Phase::Ringing(_) | Phase::Announced(_)));
        if known || ringing.count() >= super::admission::MAX_RINGING {
            return;
        }
        let call = Call::announce(&mut self.cx, id, from, display);
        self.admit(call);
        self.attend_all();
    }

    fn close(&mut self) {
        self.closed = true;
        self.end_tone = None;
        self.lobby.clear();
        self.update_all(|facts, cx, phase| facts.on_close(cx, phase));
    }

    fn on_media(&mut self, conn: ConnId, event: crate::session::MediaEvent) {
        let Some(call) = self.call_of(conn) else { return };
        self.update(call, |facts, cx, phase| facts.on_media_event(cx, phase, conn, event));
    }

    fn on_resumed(&mut self, gap: Duration) {
        if gap > timers::GAP {
            self.distrust = self.cx.now() + timers::DISTRUST;
        }
        self.update_all(|facts, cx, phase| {
            facts.outbox.restart(cx);
            phase
        });
    }

    fn deadline(&self) -> Timestamp {
        let calls = self.calls.values().map(Call::deadline).min().unwrap_or(Timestamp::NEVER);
        let tone = self.end_tone.map_or(Timestamp::NEVER, |(_, until)| until);
        calls.min(tone).min(self.lobby.deadline())
    }

    /// Fires what is due until nothing is. Every firing moves its own timer ahead, so this ends.
    fn fire_timers(&mut self) {
        let now = self.cx.now();
        self.lobby.handle_timeout(now);
        if self.end_tone.is_some_and(|(_, until)| until <= now) {
            self.end_tone = None;
        }
        loop {
            self.calls.retain(|_, call| !call.phase.has_expired(now));
            let due = |call: &&Call| call.deadline() <= now;
            let due: Vec<CallId> = self.calls.values().filter(due).map(|call| call.facts.id).collect();
            if due.is_empty() {
                return;
            }
            for id in due {
                self.update(id, |facts, cx, phase| facts.on_timeout(cx, phase));
            }
        }
    }

    fn plan_audio(&mut self) {
        let tone = self.end_tone.map(|(tone, _)| tone);
        let plan = audio_plan::plan(self.calls.values(), tone);
        if plan != self.plan {
            self.plan = plan.clone();
            self.cx.out.push_back(Output::Audio(plan));
        }
    }
}

//! A phone: one real machine, its user, and what the app saw.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ringback_proto::call::{
    Admission, AudioPlan, BusyPolicy, CallEvent, CallEventKind, CallState, Calls, CallsConfig, Command,
    Delivery, Direction, Input, LegSend, Privacy,
};
use ringback_proto::session::MediaCommand;
use ringback_proto::signal::{Outgoing, Sender};
use ringback_proto::{CallId, ConnId, DeviceId, EndReason, Instance, Timestamp, UserId};

use super::{Act, Happening, Rng};

/// How a phone is made.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) user: &'static str,
    pub(crate) device: u8,
    pub(crate) busy_policy: BusyPolicy,
    pub(crate) privacy: Privacy,
    pub(crate) persona: Persona,
    pub(crate) verified: bool,
    pub(crate) refuses: Option<&'static str>,
}

/// How its user behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Persona {
    /// Of 100 incoming calls.
    pub(crate) accepts: u64,
    pub(crate) declines: u64,
    /// Of 100 calls, hung up at a random time.
    pub(crate) hangs_up: u64,
    pub(crate) after_ms: (u64, u64),
}

impl Persona {
    /// Touches nothing: the test does.
    pub(crate) const STILL: Persona = Persona { accepts: 0, declines: 0, hangs_up: 0, after_ms: (0, 0) };
}

impl Setup {
    pub(crate) fn new(user: &'static str, device: u8) -> Self {
        Self {
            user,
            device,
            busy_policy: BusyPolicy::Reject,
            privacy: Privacy::Open,
            persona: Persona::STILL,
            verified: true,
            refuses: None,
        }
    }
}

/// What the app saw of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) direction: Option<Direction>,
    pub(crate) peer: Option<UserId>,
    pub(crate) states: Vec<CallState>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) peer_media: Vec<(bool, bool)>,
    pub(crate) ended: usize,
    /// How often it began: an announced call that ended may begin again.
    pub(crate) begun: usize,
}

impl Log {
    pub(crate) fn state(&self) -> Option<&CallState> {
        self.states.last()
    }

    pub(crate) fn reason(&self) -> Option<&EndReason> {
        match self.states.last() {
            Some(CallState::Ended(end)) => Some(&end.reason),
            _ => None,
        }
    }
}

/// A phone.
pub(crate) struct Phone {
    pub(crate) setup: Setup,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) instance: Instance,
    pub(crate) boot: u32,
    pub(crate) calls: Calls,
    pub(crate) awake: bool,
    pub(crate) link_up: bool,
    pub(crate) timer: Timestamp,
    pub(crate) plan: AudioPlan,
    pub(crate) logs: BTreeMap<CallId, Log>,
    /// Calls that a restart took from this phone.
    pub(crate) lost: BTreeSet<CallId>,
    /// The same, also if they rang again afterwards: what this phone says of them is not the whole story.
    pub(crate) ever_lost: BTreeSet<CallId>,
    pub(crate) accepted: BTreeSet<CallId>,
    pub(crate) sent: Vec<Outgoing>,
    /// What the `may_ring` port was asked about.
    pub(crate) asked: Vec<CallId>,
    /// What the engine was told.
    pub(crate) told: Vec<(ConnId, MediaCommand)>,
    pub(crate) ended_at: BTreeMap<CallId, Timestamp>,
    pub(crate) rang_at: BTreeMap<CallId, Timestamp>,
    pub(crate) missed: Vec<Happening>,
    pub(crate) buffer: Vec<(&'static str, CallId, Rc<str>, Timestamp)>,
}

impl Phone {
    pub(crate) fn new(setup: Setup, now: Timestamp, rng: &mut Rng) -> Self {
        let user = UserId::new(setup.user).unwrap();
        let mut id = [0; 16];
        id[..setup.user.len().min(8)].copy_from_slice(&setup.user.as_bytes()[..setup.user.len().min(8)]);
        id[15] = setup.device;
        let device = DeviceId::from_random(id);
        let instance = Instance::from_random(rng.next());
        let calls = Calls::new(config(&setup, &user, device, instance, rng), now);
        Self {
            setup,
            user,
            device,
            instance,
            boot: 0,
            calls,
            awake: true,
            link_up: true,
            timer: Timestamp::NEVER,
            plan: AudioPlan::default(),
            logs: BTreeMap::new(),
            lost: BTreeSet::new(),
            ever_lost: BTreeSet::new(),
            accepted: BTreeSet::new(),
            sent: Vec::new(),
            asked: Vec::new(),
            told: Vec::new(),
            ended_at: BTreeMap::new(),
            rang_at: BTreeMap::new(),
            missed: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// The process dies and comes back.
    pub(crate) fn restart(&mut self, now: Timestamp, rng: &mut Rng) {
        self.ever_lost.extend(self.logs.keys().copied());
        self.lost.extend(std::mem::take(&mut self.logs).into_keys());
        self.boot += 1;
        self.instance = Instance::from_random(rng.next());
        self.calls = Calls::new(config(&self.setup, &self.user, self.device, self.instance, rng), now);
        self.awake = true;
        self.link_up = true;
        self.plan = AudioPlan::default();
        self.buffer.clear();
        self.missed.clear();
    }

    /// This phone, as a sender.
    pub(crate) fn sender(&self) -> Sender {
        Sender { user: self.user.clone(), device: self.device, instance: self.instance }
    }

    /// How often it sent this kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|outgoing| outgoing.kind == kind).count()
    }

    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.user, self.setup.device)
    }

    pub(crate) fn phase(&self, call: CallId) -> Option<&'static str> {
        self.calls.phases().find(|(id, _)| *id == call).map(|(_, name)| name)
    }

    pub(crate) fn log(&self, call: CallId) -> Log {
        self.logs.get(&call).cloned().unwrap_or_default()
    }

    pub(crate) fn state(&self, call: CallId) -> Option<CallState> {
        self.log(call).state().cloned()
    }

    pub(crate) fn reason(&self, call: CallId) -> Option<EndReason> {
        self.log(call).reason().cloned()
    }

    pub(crate) fn admission(&self, from: &UserId) -> Admission {
        if self.setup.refuses.is_some_and(|refused| refused == from.as_str()) {
            Admission::Refused
        } else if self.setup.verified {
            Admission::Verified
        } else {
            Admission::Unverified
        }
    }

    pub(crate) fn set_plan(&mut self, plan: AudioPlan, violations: &mut Vec<String>) {
        let answered = self.calls.snapshots().iter().any(|call| {
            matches!(call.state, CallState::Connecting | CallState::Active | CallState::Reconnecting)
        });
        if plan.capture && !answered {
            violations.push(format!("{}: the microphone is open without an answered call", self.name()));
        }
        let sounding = plan.legs.iter().filter(|leg| leg.play || leg.send == LegSend::Microphone).count();
        if sounding > 1 {
            violations.push(format!("{}: {sounding} calls carry sound at once", self.name()));
        }
        self.plan = plan;
    }

    /// The app sees an event; the user may react.
    pub(crate) fn on_event(
        &mut self,
        now: Timestamp,
        event: CallEvent,
        rng: &mut Rng,
        violations: &mut Vec<String>,
    ) -> Vec<(Duration, Act)> {
        let name = self.name();
        let CallEvent { call, kind } = event;
        let log = self.logs.entry(call).or_default();
        let over = log.ended >= log.begun && log.begun > 0;
        match &kind {
            CallEventKind::Incoming(_) | CallEventKind::Outgoing { .. } => {
                if log.begun > log.ended {
                    violations.push(format!("{name}: {call} begins twice"));
                }
            }
            CallEventKind::State(_)
            | CallEventKind::Delivery(_)
            | CallEventKind::PeerMedia { .. }
            | CallEventKind::Message(_) => {
                if over {
                    violations.push(format!("{name}: {call} has an event after Ended (R5): {kind:?}"));
                }
            }
        }
        let persona = self.setup.persona;
        let mut acts = Vec::new();
        let (from, to) = persona.after_ms;
        match kind {
            CallEventKind::Incoming(incoming) => {
                log.begun += 1;
                self.lost.remove(&call);
                log.direction = Some(Direction::Incoming);
                log.peer = Some(incoming.from);
                self.rang_at.insert(call, now);
                let die = rng.below(100);
                let after = rng.millis(from, to);
                if die < persona.accepts {
                    acts.push((after, Act::Input(Input::Command(Command::Accept(call)))));
                } else if die < persona.accepts + persona.declines {
                    acts.push((after, Act::Input(Input::Command(Command::Decline(call)))));
                }
            }
            CallEventKind::Outgoing { to } => {
                log.begun += 1;
                log.direction = Some(Direction::Outgoing);
                log.peer = Some(to);
            }
            CallEventKind::State(state) => {
                if let CallState::Ended(_) = state {
                    log.ended += 1;
                    self.ended_at.insert(call, now);
                }
                log.states.push(state);
            }
            CallEventKind::Delivery(delivery) => log.deliveries.push(delivery),
            CallEventKind::PeerMedia { muted, held, .. } => log.peer_media.push((muted, held)),
            CallEventKind::Message(data) => log.messages.push(data),
        }
        if log.states.len() == 1 && rng.chance(persona.hangs_up) {
            acts.push((rng.millis(0, 3 * to), Act::Input(Input::Command(Command::HangUp(call)))));
        }
        acts
    }
}

fn config(setup: &Setup, user: &UserId, device: DeviceId, instance: Instance, rng: &mut Rng) -> CallsConfig {
    CallsConfig {
        user: user.clone(),
        device,
        instance,
        seed: rng.bytes32(),
        ring_time: Duration::from_secs(45),
        busy_policy: setup.busy_policy,
        privacy: setup.privacy,
        durable: false,
        local_demo: false,
    }
}

//! A small world for the call machine: phones with a real machine each, a network that loses, doubles and delays, media
//! engines that can fail, users who press buttons, and virtual time. The same seed gives the same run.

#![allow(dead_code, reason = "each test binary uses its own part of the world")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test is wrong loudly, and a trace is printed"
)]

pub(crate) mod act;
pub(crate) mod chaos;
pub(crate) mod coverage;
pub(crate) mod engine;
pub(crate) mod net;
pub(crate) mod oracle;
pub(crate) mod phone;
pub(crate) mod plot;
pub(crate) mod rng;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use ringback_proto::call::{CallEvent, CallEventKind, Command, Dial, Input, Output, SignalingInput};
use ringback_proto::session::MediaEvent;
use ringback_proto::signal::{Body, Envelope, Outgoing, Sender, To};
use ringback_proto::{CallId, ConnId, DeviceId, MessageId, Timestamp, UserId};

pub(crate) use act::{Act, Condition, Happening};
pub(crate) use coverage::Coverage;
pub(crate) use engine::Engine;
pub(crate) use net::Net;
pub(crate) use phone::{Phone, Setup};
pub(crate) use rng::Rng;

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) net: Net,
    pub(crate) engine: Engine,
    pub(crate) phones: Vec<Phone>,
    pub(crate) coverage: Coverage,
    /// Who won each call, as its caller said.
    pub(crate) winners: BTreeMap<CallId, DeviceId>,
    pub(crate) dialed_at: BTreeMap<CallId, (Timestamp, UserId)>,
    /// Inputs handled so far.
    pub(crate) inputs: usize,
    pub(crate) violations: Vec<String>,
    pub(crate) trace: bool,
    /// If set, every (phase, public state) that is ever seen.
    pub(crate) seen: Option<BTreeSet<(String, String)>>,
    queue: BTreeMap<(Timestamp, u64), Happening>,
    order: u64,
}

impl World {
    pub(crate) fn new(seed: u64, setups: &[Setup]) -> Self {
        let mut rng = Rng::new(seed);
        let now = Timestamp::from_micros(3_600_000_000);
        let phones = setups.iter().map(|setup| Phone::new(setup.clone(), now, &mut rng)).collect();
        let mut world = Self {
            now,
            rng,
            net: Net::perfect(),
            engine: Engine::new(),
            phones,
            coverage: Coverage::default(),
            winners: BTreeMap::new(),
            dialed_at: BTreeMap::new(),
            inputs: 0,
            violations: Vec::new(),
            seen: None,
            trace: std::env::var_os("RINGBACK_TRACE").is_some(),
            queue: BTreeMap::new(),
            order: 0,
        };
        for phone in 0..world.phones.len() {
            world.drain(phone);
            world.input(phone, Input::Signaling(SignalingInput::Up { caught_up: true }));
        }
        world
    }

    /// Plans something.
    pub(crate) fn plan(&mut self, after: Duration, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + after, self.order), happening);
    }

    /// Plans an act of a phone.
    pub(crate) fn act(&mut self, after: Duration, phone: usize, act: Act) {
        self.plan(after, Happening::Act(phone, act));
    }

    /// A phone calls a user, now.
    pub(crate) fn dial(&mut self, phone: usize, to: &str) -> CallId {
        let dial = self.make_dial(to);
        let call = dial.call;
        self.input(phone, Input::Command(Command::Dial(dial)));
        call
    }

    pub(crate) fn make_dial(&mut self, to: &str) -> Dial {
        Dial {
            call: CallId::from_random(self.rng.bytes16()),
            to: UserId::new(to).unwrap(),
            display: None,
            context: None,
            order: Default::default(),
        }
    }

    /// A command, now.
    pub(crate) fn command(&mut self, phone: usize, command: Command) {
        self.input(phone, Input::Command(command));
    }

    /// A message reaches a phone, made by hand.
    pub(crate) fn forge(&mut self, to: usize, from: Sender, call: CallId, age: Option<Duration>, body: Body) {
        let phone = &self.phones[to];
        let envelope = Envelope {
            id: MessageId::from_random(self.rng.bytes16()),
            call,
            ttl: Duration::from_secs(30),
            from,
            to: To { user: phone.user.clone(), device: Some(phone.device), instance: Some(phone.instance) },
            body,
        };
        self.hear(to, envelope.body.kind(), call, age, &envelope.encode());
    }

    /// Loses what is under way from a phone.
    pub(crate) fn drop_deliveries_from(&mut self, from: &Sender) {
        let is_from = |text: &str| Envelope::decode(text).is_ok_and(|envelope| envelope.from == *from);
        self.queue.retain(|_, happening| match happening {
            Happening::Deliver { text, .. } => !is_from(text),
            Happening::Media { .. }
            | Happening::Admit { .. }
            | Happening::Act(..)
            | Happening::MediaNetwork { .. } => true,
        });
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until nothing is planned and no timer is set before `most` has passed. Says whether it got quiet.
    pub(crate) fn run_to_quiet(&mut self, most: Duration) -> bool {
        let end = self.now + most;
        while self.step(end) {}
        self.queue.is_empty() && self.phones.iter().all(|phone| phone.timer == Timestamp::NEVER)
    }

    fn step(&mut self, end: Timestamp) -> bool {
        let planned = self.queue.keys().next().copied().map_or(Timestamp::NEVER, |(at, _)| at);
        let awake = self.phones.iter().enumerate().filter(|(_, phone)| phone.awake);
        let (timer, phone) =
            awake.map(|(index, phone)| (phone.timer, index)).min().unwrap_or((Timestamp::NEVER, 0));
        let next = planned.min(timer);
        if next > end || next == Timestamp::NEVER {
            return false;
        }
        self.now = self.now.max(next);
        if timer <= planned {
            self.input(phone, Input::Tick);
        } else if let Some((_, happening)) = self.queue.pop_first() {
            self.happen(happening);
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        if let Happening::Media { phone, .. } | Happening::Admit { phone, .. } = &happening
            && !self.phones[*phone].awake
        {
            // The whole process sleeps: it hears of it when it wakes.
            self.phones[*phone].missed.push(happening);
            return;
        }
        match happening {
            Happening::Deliver { to, kind, call, text, sent } => self.deliver(to, kind, call, text, sent),
            Happening::Media { phone, boot, conn, event, only_if } => {
                if self.phones[phone].boot == boot && self.engine.holds(phone, conn, &event, only_if) {
                    self.media(phone, conn, event);
                }
            }
            Happening::Admit { phone, boot, call, admission } => {
                if self.phones[phone].boot == boot {
                    self.input(phone, Input::Admitted(call, admission));
                }
            }
            Happening::Act(phone, act) => self.do_act(phone, act),
            Happening::MediaNetwork { up, break_paths } => engine::set_network(self, up, break_paths),
        }
    }

    fn deliver(&mut self, to: usize, kind: &'static str, call: CallId, text: Rc<str>, sent: Timestamp) {
        let phone = &mut self.phones[to];
        if !phone.link_up {
            return;
        }
        if !phone.awake {
            phone.buffer.push((kind, call, text, sent));
            return;
        }
        let age = Some(self.now - sent);
        self.hear(to, kind, call, age, &text);
    }

    pub(crate) fn hear(
        &mut self,
        to: usize,
        kind: &'static str,
        call: CallId,
        age: Option<Duration>,
        text: &str,
    ) {
        let phase = self.phones[to].phase(call);
        self.coverage.message(phase, kind);
        let message = SignalingInput::Message { age, text: text.to_owned() };
        self.raw_input(to, Input::Signaling(message));
    }

    fn media(&mut self, phone: usize, conn: ConnId, event: MediaEvent) {
        self.input(phone, Input::Media(conn, event));
    }

    /// Gives an input to a phone and does what it wants.
    pub(crate) fn input(&mut self, phone: usize, input: Input) {
        if !self.phones[phone].awake {
            return;
        }
        let call = match &input {
            Input::Media(conn, _) => self.engine.call_of(phone, *conn),
            Input::Command(_)
            | Input::Signaling(_)
            | Input::Audio(_)
            | Input::Admitted(..)
            | Input::NetworkChanged
            | Input::Resumed { .. }
            | Input::Tick => None,
        };
        self.coverage.input(&self.phones[phone], call, &input);
        if let Input::Command(Command::Accept(call)) = &input {
            self.phones[phone].accepted.insert(*call);
        }
        self.raw_input(phone, input);
    }

    fn raw_input(&mut self, phone: usize, input: Input) {
        if self.trace {
            println!("{:?} {} <- {}", self.now, self.phones[phone].name(), short(&input));
        }
        self.inputs += 1;
        let now = self.now;
        self.phones[phone].calls.handle_input(now, input);
        self.drain(phone);
    }

    fn drain(&mut self, phone: usize) {
        loop {
            let output = self.phones[phone].calls.poll_output();
            if self.trace && !matches!(output, Output::Timeout(_)) {
                println!("{:?} {} -> {}", self.now, self.phones[phone].name(), short(&output));
            }
            match output {
                Output::Send(outgoing) => self.send(phone, outgoing),
                Output::Media(conn, command) => {
                    self.phones[phone].told.push((conn, command.clone()));
                    engine::command(self, phone, conn, command);
                }
                Output::Audio(plan) => {
                    self.phones[phone].set_plan(plan, &mut self.violations);
                    engine::flow_from(self, phone);
                }
                Output::Ask(incoming) => {
                    self.phones[phone].asked.push(incoming.call);
                    let admission = self.phones[phone].admission(&incoming.from);
                    let boot = self.phones[phone].boot;
                    let after = Duration::from_millis(self.net.port_ms);
                    self.plan(after, Happening::Admit { phone, boot, call: incoming.call, admission });
                }
                Output::Event(event) => {
                    let now = self.now;
                    self.check_age(phone, &event);
                    let acts = self.phones[phone].on_event(now, event, &mut self.rng, &mut self.violations);
                    for (after, act) in acts {
                        self.act(after, phone, act);
                    }
                }
                Output::Timeout(at) => {
                    if at <= self.now {
                        let who = self.phones[phone].name();
                        self.violations.push(format!("{who}: a timer in the past after a drain (R2)"));
                    }
                    self.phones[phone].timer = at;
                    self.note_states(phone);
                    return;
                }
            }
        }
    }

    fn note_states(&mut self, phone: usize) {
        let Some(seen) = &mut self.seen else { return };
        let phone = &self.phones[phone];
        for call in phone.calls.snapshots() {
            let state: String =
                format!("{:?}", call.state).chars().take_while(char::is_ascii_alphanumeric).collect();
            seen.insert((phone.phase(call.call).unwrap_or("none").to_owned(), state));
        }
    }

    /// No phone rings for a call that is older than its ring (R9): 45 s, and 5 s that a clock may jump unnoticed.
    fn check_age(&mut self, phone: usize, event: &CallEvent) {
        let CallEventKind::Incoming(incoming) = &event.kind else { return };
        let Some((dialed, _)) = self.dialed_at.get(&event.call).filter(|(_, user)| *user == incoming.from)
        else {
            return;
        };
        if self.phones[phone].phase(event.call) == Some("Ringing")
            && self.now - *dialed > Duration::from_secs(50)
        {
            self.violations.push(format!(
                "{}: {} rings too late (R9)",
                self.phones[phone].name(),
                event.call
            ));
        }
    }

    fn send(&mut self, phone: usize, outgoing: Outgoing) {
        match outgoing.kind {
            "invite" => {
                let user = self.phones[phone].user.clone();
                self.dialed_at.entry(outgoing.call).or_insert((self.now, user));
            }
            "settled" => {
                if let Ok(Envelope { body: Body::Settled(settled), .. }) = Envelope::decode(&outgoing.text) {
                    let first = *self.winners.entry(outgoing.call).or_insert(settled.winner);
                    if first != settled.winner {
                        self.violations.push(format!("{}: two winners (R8)", outgoing.call));
                    }
                }
            }
            _ => {}
        }
        if self.phones[phone].link_up {
            let text: Rc<str> = outgoing.text.as_str().into();
            self.carry(&outgoing, text);
        }
        self.phones[phone].sent.push(outgoing);
    }

    /// Puts a message on the network.
    pub(crate) fn carry(&mut self, outgoing: &Outgoing, text: Rc<str>) {
        let to: BTreeSet<usize> = (0..self.phones.len())
            .filter(|index| {
                let phone = &self.phones[*index];
                phone.user == outgoing.to.user
                    && outgoing.to.device.is_none_or(|device| device == phone.device)
            })
            .collect();
        for phone in to {
            for delay in self.net.fate(&mut self.rng) {
                let happening = Happening::Deliver {
                    to: phone,
                    kind: outgoing.kind,
                    call: outgoing.call,
                    text: text.clone(),
                    sent: self.now,
                };
                self.plan(delay, happening);
            }
        }
    }
}

fn short(what: &impl std::fmt::Debug) -> String {
    let text = format!("{what:?}");
    text.chars().take(420).collect()
}

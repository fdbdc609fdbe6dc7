//! What the screen shows, as a value: events and keys go in, wishes come out, and drawing only reads it.
//!
//! ```text
//!   phone events, keys, time --> Model::update --> wishes --> screen.rs does them
//!                                   |
//!                                 view::draw
//! ```
//!
//! It shows one call, as the phone's policy answers "busy" to a second. It knows no clock, no phone and no terminal.

mod keys;
mod talk;
mod words;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crossterm::event::KeyEvent;
use ringback::audio::{AudioDevice, DeviceChoice, DeviceKind};
use ringback::proto::call::{CallSnapshot, CallState, Direction};
use ringback::proto::{CallId, Language, UserId};
use ringback::signaling::SignalingHealth;
use ringback::signaling::supabase::Online;
use ringback::{CallEvent, CallStats, Event, EventKind};
use ringback_examples::terminal::harmless;

pub(crate) use self::talk::{Meter, Talk};
pub(crate) use self::words::{path_words, state_words, took};
use crate::sound::{Trouble, way_out};

/// Everything that can happen to the screen.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Key(KeyEvent),
    Paste(String),
    Phone(Event),
    /// The calls that have not ended, before the event that follows.
    Calls(Vec<CallSnapshot>),
    Online(Vec<Online>),
    Health(SignalingHealth),
    Stats(CallId, Box<CallStats>),
    Devices(Vec<AudioDevice>),
    /// A device was chosen, and is there.
    Chosen(DeviceKind, DeviceChoice),
    /// Something that was wished for cannot be.
    Refused(String),
    /// A device does not open, as a trial before any call shows.
    Trouble(Trouble),
    /// Something the person should read.
    Note(String),
    /// Time since the start.
    Tick(Duration),
}

/// What the person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    Call(String),
    Accept(CallId),
    Decline(CallId),
    HangUp(CallId),
    Mute(CallId, bool),
    Hold(CallId, bool),
    ListDevices,
    Choose(DeviceKind, DeviceChoice),
    Quit,
}

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Over {
    Nothing,
    /// A name is being typed.
    Typing(String),
    /// The list of devices, and which row is chosen.
    Devices(usize),
    Help,
}

/// A phone in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Somebody {
    pub(crate) user: UserId,
    pub(crate) apps: Vec<String>,
    pub(crate) is_echo: bool,
}

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) at: Duration,
    pub(crate) text: String,
}

/// A row of the device list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRow {
    pub(crate) kind: DeviceKind,
    pub(crate) name: String,
    pub(crate) choice: DeviceChoice,
}

/// What the screen shows.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) me: UserId,
    pub(crate) server: String,
    pub(crate) echo: Option<String>,
    pub(crate) now: Duration,
    pub(crate) health: SignalingHealth,
    pub(crate) people: Vec<Somebody>,
    pub(crate) selected: usize,
    pub(crate) over: Over,
    pub(crate) talk: Option<Talk>,
    /// How the last call ended.
    pub(crate) last_end: Option<String>,
    pub(crate) microphone: Meter,
    pub(crate) in_use: BTreeMap<DeviceKind, String>,
    pub(crate) devices: Vec<DeviceRow>,
    pub(crate) chosen: BTreeMap<DeviceKind, DeviceChoice>,
    pub(crate) log: VecDeque<Logged>,
}

impl Model {
    pub(crate) fn new(me: UserId, server: &str, echo: Option<String>) -> Self {
        Self {
            me,
            server: server.trim_start_matches("http://").trim_start_matches("https://").to_owned(),
            echo,
            now: Duration::ZERO,
            health: SignalingHealth::Connecting,
            people: Vec::new(),
            selected: 0,
            over: Over::Nothing,
            talk: None,
            last_end: None,
            microphone: Meter::default(),
            in_use: BTreeMap::new(),
            devices: Vec::new(),
            chosen: BTreeMap::new(),
            log: VecDeque::new(),
        }
    }

    pub(crate) fn update(&mut self, input: Input) -> Vec<Wish> {
        match input {
            Input::Key(key) => return self.handle_key(key),
            Input::Paste(text) => self.handle_paste(&text),
            Input::Phone(event) => self.handle_event(event),
            Input::Calls(calls) => self.handle_calls(calls),
            Input::Online(list) => self.handle_online(&list),
            Input::Health(health) => self.handle_health(health),
            Input::Stats(call, stats) => {
                if let Some(talk) = self.talk.as_mut().filter(|talk| talk.call == call) {
                    talk.stats = Some(*stats);
                }
            }
            Input::Devices(devices) => self.handle_devices(&devices),
            Input::Chosen(kind, choice) => {
                self.chosen.insert(kind, choice);
            }
            Input::Refused(why) => self.say(format!("Not done: {why}.")),
            Input::Trouble(trouble) => {
                let which = words::device_word(trouble.kind);
                self.say(format!("The {which} cannot be opened. {}", trouble.explain()));
                self.say(way_out(trouble.kind).into());
            }
            Input::Note(text) => self.say(text),
            Input::Tick(now) => self.now = now,
        }
        Vec::new()
    }

    /// An incoming call that waits for an answer.
    pub(crate) fn rings(&self) -> Option<&Talk> {
        self.talk.as_ref().filter(|talk| {
            talk.direction == Direction::Incoming
                && matches!(talk.state, CallState::Initiated | CallState::Ringing)
        })
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Call(event) => self.handle_call_event(&event),
            Event::Signaling(health) => self.handle_health(health),
            Event::DeviceInUse { kind, name } => {
                let name = name.as_deref().map(harmless);
                self.log_device(kind, name.as_deref());
                match name {
                    Some(name) => self.in_use.insert(kind, name),
                    None => self.in_use.remove(&kind),
                };
            }
            Event::DeviceFailed { kind, error } => {
                let which = words::device_word(kind);
                self.say(format!("The {which} cannot be used: {error}."));
                self.say(way_out(kind).into());
            }
            Event::MicrophoneLevel { level_dbov } => self.microphone.set(self.now, level_dbov),
            Event::Lagged(calls) => self.handle_lag(&calls),
        }
    }

    fn handle_call_event(&mut self, event: &CallEvent) {
        if let Some(text) = words::event_words(&event.kind, self.talk.as_ref().map(|talk| talk.peer.as_str()))
        {
            self.say(text);
        }
        let now = self.now;
        let Some(talk) = self.talk.as_mut().filter(|talk| talk.call == event.call) else { return };
        match &event.kind {
            EventKind::State(CallState::Ended(end)) => {
                self.end_talk(end.reason.explain(Language::En));
            }
            EventKind::State(state) => talk.set_state(now, state.clone()),
            EventKind::Incoming(incoming) => {
                if let Some(display) = &incoming.display {
                    talk.display = Some(harmless(display));
                }
            }
            EventKind::PeerMedia { muted, held, .. } => (talk.peer_muted, talk.peer_held) = (*muted, *held),
            EventKind::PeerLevel { level_dbov } => talk.level.set(now, *level_dbov),
            EventKind::Path(path) => talk.path = Some(*path),
            EventKind::Outgoing | EventKind::Delivery(_) | EventKind::Message(_) | EventKind::FirstSound => {}
        }
    }

    /// Events are missing. An end among them comes no more: neither the phone nor the gap knows the call.
    fn handle_lag(&mut self, calls: &[CallSnapshot]) {
        let Some(talk) = &self.talk else { return };
        if !talk.is_listed && calls.iter().all(|snapshot| snapshot.call != talk.call) {
            self.say(LOST_END.into());
            self.end_talk(LOST_END);
        }
    }

    fn end_talk(&mut self, why: &str) {
        let Some(talk) = self.talk.take() else { return };
        let took = talk.active_since.map(|since| self.now.saturating_sub(since));
        self.last_end = Some(words::end_words(&talk.peer, took, why));
        self.microphone = Meter::default();
    }

    /// Mute and hold as the phone has them; a call that is new here. What lies over the screen stays: the keys of
    /// whoever types a name are not meant for the call.
    fn handle_calls(&mut self, calls: Vec<CallSnapshot>) {
        let now = self.now;
        if let Some(talk) = &mut self.talk {
            talk.is_listed = calls.iter().any(|snapshot| snapshot.call == talk.call);
        }
        for snapshot in calls {
            match &mut self.talk {
                Some(talk) if talk.call == snapshot.call => talk.take(now, &snapshot),
                Some(_) => {}
                None => {
                    let mut talk = Talk::new(now, &snapshot);
                    talk.take(now, &snapshot);
                    self.last_end = None;
                    self.talk = Some(talk);
                }
            }
        }
    }

    fn handle_online(&mut self, list: &[Online]) {
        let before = self.people.get(self.selected).map(|somebody| somebody.user.clone());
        self.people.clear();
        for online in list.iter().filter(|online| online.user != self.me) {
            let app = harmless(&online.app);
            let is_echo = self.echo.as_deref() == Some(online.user.as_str()) || app == "echo";
            match self.people.last_mut().filter(|last| last.user == online.user) {
                Some(last) if last.apps.contains(&app) => {}
                Some(last) => last.apps.push(app),
                None => {
                    let (user, apps) = (online.user.clone(), vec![app]);
                    self.people.push(Somebody { user, apps, is_echo });
                }
            }
        }
        let same = before.and_then(|user| self.people.iter().position(|somebody| somebody.user == user));
        self.selected = same.unwrap_or(self.selected.min(self.people.len().saturating_sub(1)));
    }

    fn handle_health(&mut self, health: SignalingHealth) {
        if self.health != health {
            self.say(words::health_words(&health));
            self.health = health;
        }
    }

    fn handle_devices(&mut self, devices: &[AudioDevice]) {
        self.devices.clear();
        for kind in [DeviceKind::Capture, DeviceKind::Playback] {
            let default =
                DeviceRow { kind, name: "the system's default".into(), choice: DeviceChoice::Default };
            self.devices.push(default);
            let of_kind = devices.iter().filter(|device| device.kind == kind);
            self.devices.extend(of_kind.map(|device| DeviceRow {
                kind,
                name: harmless(&device.name),
                choice: DeviceChoice::Id(device.id.clone()),
            }));
        }
    }

    fn log_device(&mut self, kind: DeviceKind, name: Option<&str>) {
        match name {
            Some(name) if self.in_use.get(&kind).is_some_and(|known| known == name) => {}
            Some(name) => self.say(format!("The {} is {name}.", words::device_word(kind))),
            None => self.say(format!("The {} is gone; looking for it.", words::device_word(kind))),
        }
    }

    fn say(&mut self, text: String) {
        if self.log.len() >= LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(Logged { at: self.now, text: harmless(&text) });
    }
}

/// What is said of an end that nobody saw.
const LOST_END: &str = "It ended while this screen stood still.";
/// More than the tallest terminal shows.
const LOG_LINES: usize = 200;

#[cfg(test)]
mod tests;

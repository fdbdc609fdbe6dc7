//! The smallest signaling that connects two media engines, without call control: for tests and benchmarks of the
//! engine itself.
//!
//! A [`Party`] forwards what its engine reports to the other party and the other way round, feeds frames of silence
//! every 20 ms, and counts what it hears. It runs until it is dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ringback::media::link::{EncodedFrame, SoundLink};
use ringback::media::{ConnId, EngineEvent, MediaEngine, SelectedPath};
use ringback::proto::CallId;
use ringback::proto::session::{LocalCandidate, MediaCommand, MediaEvent, PathState, RemoteCandidate};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::sim::{Mailbox, Sender, describe, lock};

/// What parties tell each other.
#[derive(Debug, Clone)]
pub enum Note {
    /// An offer.
    Offer {
        /// The round.
        round: u32,
        /// The description.
        sdp: String,
    },
    /// An answer.
    Answer {
        /// The round.
        round: u32,
        /// The description.
        sdp: String,
    },
    /// A candidate.
    Candidate(LocalCandidate),
}

/// One side of an exchange.
pub struct Party {
    name: String,
    engine: Arc<dyn MediaEngine>,
    conn: ConnId,
    call: CallId,
    relay_only: bool,
    candidates: Candidates,
    opened: bool,
    out: Sender<Note>,
    inbox: Mailbox<Note>,
    shared: Arc<Shared>,
    sound: Option<SoundLink>,
}

/// What the other party gets of our candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Candidates {
    /// Themselves.
    Whole,
    /// This name in the place of their address.
    Named(String),
    /// Nothing.
    None,
}

/// What a party has seen; outlives it.
#[derive(Clone)]
pub struct Watcher {
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
    log: Box<dyn Fn(String) + Send + Sync>,
}

/// What a party has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Events of the engine, with when they came, but for candidates.
    pub events: Vec<(Instant, MediaEvent)>,
    /// Our candidates.
    pub candidates: Vec<(Instant, String)>,
    /// Frames given to the engine.
    pub sent: u64,
    /// Sequence numbers of frames that arrived.
    pub received: Vec<u16>,
    /// The pair in use.
    pub path: Option<SelectedPath>,
}

impl Seen {
    /// When `event` first came.
    pub fn when(&self, event: &MediaEvent) -> Option<Instant> {
        self.events.iter().find(|(_, seen)| seen == event).map(|(at, _)| *at)
    }

    /// Did `event` come?
    pub fn has(&self, event: &MediaEvent) -> bool {
        self.when(event).is_some()
    }

    /// When media was up: secured, and something arrived.
    pub fn up(&self) -> Option<Instant> {
        Some(self.when(&MediaEvent::Secured)?.max(self.when(&MediaEvent::Arrived)?))
    }

    /// Did ICE say so?
    pub fn path_was(&self, state: PathState) -> bool {
        self.has(&MediaEvent::Path(state))
    }
}

impl Party {
    /// A party of `engine`, and what it sees.
    pub fn new(
        name: &str,
        engine: Arc<dyn MediaEngine>,
        mail: (Sender<Note>, Mailbox<Note>),
        log: impl Fn(String) + Send + Sync + 'static,
    ) -> (Self, Watcher) {
        let shared = Arc::new(Shared { seen: Mutex::default(), changed: Notify::new(), log: Box::new(log) });
        let watcher = Watcher { shared: shared.clone() };
        let party = Self {
            name: name.to_owned(),
            engine,
            conn: CONN,
            call: CallId::from_random([7; 16]),
            relay_only: false,
            candidates: Candidates::Whole,
            opened: false,
            out: mail.0,
            inbox: mail.1,
            shared,
            sound: None,
        };
        (party, watcher)
    }

    /// Gathers relay candidates only.
    pub fn relay_only(mut self) -> Self {
        self.relay_only = true;
        self
    }

    /// Gives `name` for its address, as browsers do.
    pub fn named(mut self, name: &str) -> Self {
        self.candidates = Candidates::Named(name.to_owned());
        self
    }

    /// Tells no candidates: the other party does not know where to send its checks.
    pub fn keeps_candidates(mut self) -> Self {
        self.candidates = Candidates::None;
        self
    }

    /// Opens a connection and offers. The other party opens its own when the first note comes.
    pub fn offer(&mut self) {
        self.open();
        self.command(MediaCommand::CreateOffer { round: 1, ice_restart: false });
    }

    /// Runs until it is dropped. Never returns.
    pub async fn run(mut self) {
        let mut frames = interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                (_, event) = self.engine.next() => self.handle_event(event),
                note = self.inbox.recv() => self.handle_note(note),
                _ = frames.tick() => self.handle_tick(),
            }
            self.shared.changed.notify_waiters();
        }
    }

    fn open(&mut self) {
        if !self.opened {
            self.opened = true;
            self.command(MediaCommand::Open { call: self.call, relay_only: self.relay_only });
        }
    }

    fn command(&self, command: MediaCommand) {
        let queued = self.engine.command(self.conn, command);
        assert!(queued.is_ok(), "{}: the queue of commands is full", self.name);
    }

    fn handle_event(&mut self, event: EngineEvent) {
        (self.shared.log)(format!("{} {}", self.name, describe(&event)));
        let event = match event {
            EngineEvent::Sound(link) => {
                self.sound = Some(link);
                return;
            }
            EngineEvent::PathChanged(path) => {
                lock(&self.shared.seen).path = Some(path);
                return;
            }
            EngineEvent::Session(event) => event,
        };
        let now = Instant::now();
        match &event {
            MediaEvent::OfferReady { round, sdp } => {
                self.out.send(Note::Offer { round: *round, sdp: sdp.clone() });
            }
            MediaEvent::AnswerReady { round, sdp } => {
                self.out.send(Note::Answer { round: *round, sdp: sdp.clone() });
            }
            MediaEvent::Candidate(candidate) => {
                lock(&self.shared.seen).candidates.push((now, candidate.candidate.clone()));
                self.send_candidate(candidate.clone());
                return;
            }
            MediaEvent::Opened { .. }
            | MediaEvent::GatheringDone
            | MediaEvent::Path(_)
            | MediaEvent::Secured
            | MediaEvent::Arrived
            | MediaEvent::Missing
            | MediaEvent::Back
            | MediaEvent::PeerClosed
            | MediaEvent::Failed(_) => {}
        }
        lock(&self.shared.seen).events.push((now, event));
    }

    fn send_candidate(&mut self, candidate: LocalCandidate) {
        let candidate = match &self.candidates {
            Candidates::Whole => candidate,
            Candidates::Named(name) => {
                let mut words: Vec<&str> = candidate.candidate.split(' ').collect();
                // The fifth word is the address (RFC 8839 section 5.1).
                if let Some(address) = words.get_mut(4) {
                    *address = name;
                }
                LocalCandidate { candidate: words.join(" "), ..candidate }
            }
            Candidates::None => return,
        };
        self.out.send(Note::Candidate(candidate));
    }

    fn handle_note(&mut self, note: Note) {
        match note {
            Note::Offer { round, sdp } => {
                self.open();
                self.command(MediaCommand::TakeOffer { round, sdp });
            }
            Note::Answer { round, sdp } => self.command(MediaCommand::TakeAnswer { round, sdp }),
            Note::Candidate(LocalCandidate { candidate, mid }) => {
                // It may come before the offer, and the engine keeps it.
                self.open();
                self.command(MediaCommand::AddCandidates {
                    candidates: vec![RemoteCandidate { candidate, mid }],
                });
            }
        }
    }

    fn handle_tick(&mut self) {
        let Some(sound) = &mut self.sound else { return };
        let frame = EncodedFrame { payload: Bytes::from_static(&SILENCE), advance: 960, marker: false };
        let mut seen = lock(&self.shared.seen);
        seen.sent += u64::from(sound.outgoing.try_send(frame).is_ok());
        while let Ok(frame) = sound.incoming.pop() {
            seen.received.push(frame.sequence);
        }
    }
}

impl Watcher {
    /// What the party has seen until now.
    pub fn seen(&self) -> Seen {
        lock(&self.shared.seen).clone()
    }

    /// Waits until `holds`. To be bounded by the caller.
    pub async fn wait(&self, holds: impl Fn(&Seen) -> bool) -> Seen {
        loop {
            let changed = self.shared.changed.notified();
            let seen = self.seen();
            if holds(&seen) {
                return seen;
            }
            changed.await;
        }
    }

    /// Waits until media is up.
    pub async fn wait_up(&self) -> Instant {
        let seen = self.wait(|seen| seen.up().is_some()).await;
        seen.up().unwrap_or_else(Instant::now)
    }
}

/// The connection of every party.
pub const CONN: ConnId = ConnId(1);
const FRAME: Duration = Duration::from_millis(20);
/// Opus, 20 ms of CELT silence with something to count: 60 bytes, as speech has.
const SILENCE: [u8; 60] = [0x78; 60];

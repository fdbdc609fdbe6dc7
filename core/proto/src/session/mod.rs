//! Media negotiation: connections, offers, candidates, the restart ladder.
//!
//! A `Session` belongs to one call and owns its connections: the current one and, during a rebuild, the one that
//! retires. The call machine feeds it and drains `Step`s; the session never sends and never ends a call by itself.
//!
//! ```text
//!  caller:  Open, CreateOffer --OfferReady--> offered --answer--> TakeAnswer ... restart: CreateOffer(round + 1)
//!  callee:  Open, TakeOffer   --AnswerReady-> answered <--offer-- (a new round, or a new connection)
//! ```
//!
//! - The caller owns offers and rounds; the callee asks by `wanted` and `rebuild`. One offer is outstanding at most, a
//!   newer round replaces it, and an answer to another round is discarded (R7).
//! - Round 1 of connection 1 travels in `invite` and `answer` (order `offer_first`), or as `negotiate` (`after_accept`).
//! - Candidates go out as complete lists, 50 ms after the first new one or when gathering is done. A *generation* is the
//!   round whose description carries the ICE credentials; lists of a generation that is not here yet wait.
//! - One certificate a side and call: the first fingerprint is pinned, a description with another is refused.
//! - The ladder: path lost or media missing -> ICE restart at once, restarts 1 s apart; no DTLS 7 s after the path, or no
//!   media 7 s after a restart -> a new connection.
//!
//! Not here: who may ring, deadlines of the call, resends (see [`crate::call`]); a path over another transport.

mod candidates;
mod conn;
mod ladder;
mod media;
mod negotiation;

/// The times of the ladder and of batches, for the table in [`crate::call`].
#[cfg(test)]
pub(crate) mod timing {
    pub(crate) use super::candidates::BATCH;
    pub(crate) use super::ladder::{RESTART_APART, RUNG};
    pub(crate) use super::{MISSING, MISSING_QUIET, PEER_CLOSED_WAIT};
}

pub use media::{LocalCandidate, MediaCommand, MediaEvent, MediaFailure, PathState, RemoteCandidate};

use std::collections::VecDeque;
use std::time::Duration;

use crate::signal::{Candidates, Negotiate, WireCandidate, check_sdp};
use crate::{CallId, ConnId, ConnectFailure, Timestamp};
use candidates::EarlyLists;
use conn::{Conn, Exchange};
use ladder::Pace;

/// The negotiation of one call.
#[derive(Debug)]
pub(crate) struct Session {
    call: CallId,
    side: SessionSide,
    relay_only: bool,
    local_demo: bool,
    conn: Conn,
    /// The connection that a rebuild replaces, kept until the peer has the new one.
    retiring: Option<ConnId>,
    stage: SessionStage,
    local_fingerprint: Option<[u8; 32]>,
    remote_fingerprint: Option<[u8; 32]>,
    early: EarlyLists,
    pace: Pace,
    /// Media was up once: from now on its absence is `Missing`.
    was_up: bool,
    missing: bool,
    /// A restart brings direct paths once relayed media is up.
    upgrade: bool,
    /// The peer or we are silent on purpose.
    quiet: bool,
    peer_closed: Option<Timestamp>,
    explanation: Option<ConnectFailure>,
    steps: VecDeque<Step>,
}

/// Which side of the negotiation we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionSide {
    Caller,
    Callee,
}

/// How far the first description is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionStage {
    /// Being made, to travel in `invite` or `answer`.
    FirstDescription,
    /// There is none to travel: only the fingerprint is awaited.
    Bare,
    /// Handed out; the caller waits for an answer.
    Described,
    /// The other side is known: everything may be sent.
    Open,
}

/// What a session wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Tell the engine.
    Media(ConnId, MediaCommand),
    /// The first description (or, `after_accept`, only the fingerprint) is ready to travel.
    Ready(Ready),
    /// Send this list; it replaces the one before.
    Candidates(Candidates),
    /// Send this; an offer replaces the one before.
    Negotiate(Negotiate),
    /// The outstanding offer was answered.
    OfferProved,
    /// What we asked for by `wanted` or `rebuild` has come.
    WishProved,
    /// Send the last answer again.
    RepeatAnswer,
    /// Send the outstanding offer again, now.
    RepeatOffer,
    /// Media is up, for the first time or again.
    Up,
    /// Media is missing.
    Missing,
    /// The peer closed its only connection and stayed away.
    PeerGone,
    /// The session cannot go on.
    Broken(MediaFailure),
}

/// The first description of this side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) sdp: Option<String>,
    pub(crate) candidates: Vec<WireCandidate>,
    pub(crate) fingerprint: [u8; 32],
}

/// What a session needs to know of its phone.
#[derive(Debug)]
pub(crate) struct SessionEnv {
    pub(crate) now: Timestamp,
    pub(crate) local_demo: bool,
    pub(crate) last_conn: u64,
}

impl SessionEnv {
    fn next_conn(&mut self) -> ConnId {
        self.last_conn += 1;
        ConnId(self.last_conn)
    }
}

impl Session {
    /// The caller's session; `offer_first` asks the engine for the offer at once.
    pub(crate) fn caller(env: &mut SessionEnv, call: CallId, relay_only: bool, offer_first: bool) -> Self {
        let mut session = Self::new(env, call, SessionSide::Caller, relay_only, offer_first);
        session.open_conn();
        if offer_first {
            session.create_offer(false);
        }
        session
    }

    /// The callee's session, after Accept. The offer has passed the allow-list.
    pub(crate) fn callee(
        env: &mut SessionEnv,
        call: CallId,
        relay_only: bool,
        offer: Option<(String, [u8; 32])>,
        candidates: &[WireCandidate],
    ) -> Self {
        let mut session = Self::new(env, call, SessionSide::Callee, relay_only, offer.is_some());
        session.open_conn();
        match offer {
            Some((sdp, fingerprint)) => {
                session.remote_fingerprint = Some(fingerprint);
                session.take_offer(1, sdp, true);
                session.add_candidates(candidates);
            }
            None => session.keep_early(1, 1, candidates),
        }
        session
    }

    fn new(
        env: &mut SessionEnv,
        call: CallId,
        side: SessionSide,
        relay_only: bool,
        offer_first: bool,
    ) -> Self {
        let stage = if offer_first { SessionStage::FirstDescription } else { SessionStage::Bare };
        Self {
            call,
            side,
            relay_only,
            local_demo: env.local_demo,
            conn: Conn::new(env.next_conn(), 1),
            retiring: None,
            stage,
            local_fingerprint: None,
            remote_fingerprint: None,
            early: EarlyLists::default(),
            pace: Pace::default(),
            was_up: false,
            missing: false,
            upgrade: false,
            quiet: false,
            peer_closed: None,
            explanation: None,
            steps: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub(crate) fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Whether the connection belongs to this session.
    pub(crate) fn owns(&self, conn: ConnId) -> bool {
        self.conn.id == conn || self.retiring == Some(conn)
    }

    /// The connection that carries sound, once its keys are there.
    pub(crate) fn sounding(&self) -> Option<ConnId> {
        self.conn.secured.then_some(self.conn.id)
    }

    /// The current connection.
    pub(crate) fn conn(&self) -> ConnId {
        self.conn.id
    }

    /// The certificate that the peer promised.
    pub(crate) fn remote_fingerprint(&self) -> Option<[u8; 32]> {
        self.remote_fingerprint
    }

    /// The engine's best explanation for what does not work.
    pub(crate) fn explanation(&self) -> ConnectFailure {
        let no_dtls = self.conn.path_up && !self.conn.secured;
        self.explanation.unwrap_or(if no_dtls { ConnectFailure::Dtls } else { ConnectFailure::Timeout })
    }

    /// The caller took an answer. `allow_direct` lifts relay-only for what comes next.
    pub(crate) fn handle_answered(
        &mut self,
        now: Timestamp,
        sdp: Option<String>,
        fingerprint: [u8; 32],
        candidates: &[WireCandidate],
        allow_direct: bool,
    ) {
        self.remote_fingerprint = Some(fingerprint);
        self.stage = SessionStage::Open;
        if allow_direct {
            self.relay_only = false;
            self.upgrade = true;
            self.tell(MediaCommand::AllowDirect);
        }
        match sdp {
            Some(sdp) => {
                self.take_answer(now, sdp);
                self.add_candidates(candidates);
                self.send_candidates();
            }
            None => self.create_offer(false),
        }
    }

    /// The callee's answer is on its way: candidates may follow.
    pub(crate) fn open_up(&mut self) {
        self.stage = SessionStage::Open;
    }

    /// Either side is silent on purpose, or no longer.
    pub(crate) fn set_quiet(&mut self, quiet: bool) {
        if self.quiet != quiet {
            self.quiet = quiet;
            if self.conn.arrived {
                self.expect_media();
            }
        }
    }

    /// Takes an event of the engine; those of a connection that retires mean nothing any more.
    pub(crate) fn handle_event(&mut self, env: &mut SessionEnv, conn: ConnId, event: MediaEvent) {
        if conn != self.conn.id {
            return;
        }
        let now = env.now;
        match event {
            MediaEvent::Opened { fingerprint } => self.on_fingerprint(fingerprint),
            MediaEvent::OfferReady { round, sdp } => self.on_offer_ready(round, sdp),
            MediaEvent::AnswerReady { round, sdp } => self.on_answer_ready(now, round, sdp),
            MediaEvent::Candidate(candidate) => self.on_local_candidate(now, candidate),
            MediaEvent::GatheringDone => self.on_gathering_done(),
            MediaEvent::Path(state) => self.on_path(now, state),
            MediaEvent::Secured => self.on_secured(),
            MediaEvent::Arrived => self.on_arrived(now),
            MediaEvent::Missing => self.on_missing(now),
            MediaEvent::Back => self.on_back(),
            MediaEvent::PeerClosed => {
                if self.retiring.is_none() && self.peer_closed.is_none() {
                    self.peer_closed = Some(now + PEER_CLOSED_WAIT);
                }
            }
            MediaEvent::Failed(failure) => self.on_failed(env, failure),
        }
    }

    /// The network changed: the path is to be renewed even if media still flows.
    pub(crate) fn handle_network_change(&mut self, now: Timestamp) {
        self.want_restart(now);
    }

    /// The next time at which something is due.
    pub(crate) fn deadline(&self) -> Timestamp {
        [self.batch_due(), self.peer_closed, self.pace.restart_due(), self.pace.rung_due()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Timestamp::NEVER)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, env: &mut SessionEnv) {
        let now = env.now;
        if self.batch_due().is_some_and(|at| at <= now) {
            self.send_candidates();
        }
        if self.peer_closed.is_some_and(|at| at <= now) {
            self.peer_closed = None;
            self.steps.push_back(Step::PeerGone);
        }
        self.climb(env);
    }

    /// Closes every connection.
    pub(crate) fn close(&mut self) {
        self.steps.clear();
        self.tell(MediaCommand::Close);
        if let Some(conn) = self.retiring.take() {
            self.steps.push_back(Step::Media(conn, MediaCommand::Close));
        }
    }

    /// When new candidates leave; those of a description that is being made leave with it.
    fn batch_due(&self) -> Option<Timestamp> {
        match self.conn.exchange {
            Exchange::Creating { .. } | Exchange::Taking { .. } => None,
            Exchange::Idle | Exchange::Offered { .. } | Exchange::Answered => self.conn.batch,
        }
    }

    fn open_conn(&mut self) {
        self.tell(MediaCommand::Open { call: self.call, relay_only: self.relay_only });
    }

    fn tell(&mut self, command: MediaCommand) {
        self.steps.push_back(Step::Media(self.conn.id, command));
    }

    fn on_fingerprint(&mut self, fingerprint: [u8; 32]) {
        self.local_fingerprint = Some(fingerprint);
        if self.stage == SessionStage::Bare {
            self.stage = SessionStage::Described;
            self.steps.push_back(Step::Ready(Ready { sdp: None, candidates: Vec::new(), fingerprint }));
        }
    }

    /// Hands out the first description, or says that it is none.
    fn hand_out(&mut self, sdp: String) {
        let Ok(facts) = check_sdp(&sdp) else {
            self.steps.push_back(Step::Broken(MediaFailure::Engine));
            return;
        };
        self.local_fingerprint = Some(facts.fingerprint);
        self.stage = SessionStage::Described;
        self.conn.batch = None;
        let candidates = self.conn.local.clone();
        self.steps.push_back(Step::Ready(Ready {
            sdp: Some(sdp),
            candidates,
            fingerprint: facts.fingerprint,
        }));
    }

    fn expect_media(&mut self) {
        let within = if self.quiet { MISSING_QUIET } else { MISSING };
        self.tell(MediaCommand::ExpectMedia { within });
    }
}

/// No RTP or RTCP for this long: media is missing. Twice the longest gap of silence frames.
pub(crate) const MISSING: Duration = Duration::from_millis(400);
/// The same while a side is silent on purpose: one lost silence frame in four must not matter.
pub(crate) const MISSING_QUIET: Duration = Duration::from_secs(1);
/// After the peer's close_notify: its hang-up, or an offer for a new connection, may be on the way.
pub(crate) const PEER_CLOSED_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;

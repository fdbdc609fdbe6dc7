//! The ladder: ICE restart, then a new connection.
//!
//! | event | the caller | the callee |
//! |---|---|---|
//! | path disconnected or failed, media missing, network changed | restarts ICE, at once or 1 s after the last | asks by `wanted` |
//! | no DTLS 7 s after the path, no media 7 s after a restart's answer | builds a new connection | asks by `rebuild` |
//! | no path 7 s after the first answer | restarts ICE | nothing: the caller does |
//! | the engine fails | builds a new connection | asks by `rebuild` |

use std::collections::VecDeque;
use std::time::Duration;

use super::{Exchange, MediaFailure, PathState, Session, SessionEnv, SessionSide, SessionStage, Step};
use crate::Timestamp;
use crate::signal::Negotiation;

/// When the next rung may be tried.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the last generations began, ours at the caller, the peer's at the callee.
    begun: VecDeque<Timestamp>,
    last_restart: Option<Timestamp>,
    restart: Option<Timestamp>,
    rebuild: bool,
    /// When the rung that we stand on has failed.
    rung: Option<Timestamp>,
    /// The callee waits for an offer that it asked for.
    asked: bool,
}

impl Pace {
    pub(super) fn restart_due(&self) -> Option<Timestamp> {
        self.restart
    }

    pub(super) fn rung_due(&self) -> Option<Timestamp> {
        self.rung
    }

    /// A restart as soon as the distance to the last one allows.
    pub(super) fn want_restart(&mut self, now: Timestamp) {
        if self.restart.is_none() {
            self.restart = Some(self.next_slot(now));
        }
    }

    /// A new connection, at the same distance.
    pub(super) fn want_rebuild(&mut self, now: Timestamp) {
        self.rebuild = true;
        self.want_restart(now);
    }

    /// Whether the peer may begin another generation now.
    pub(super) fn admit_generation(&mut self, now: Timestamp) -> bool {
        self.begun.retain(|at| now - *at < WINDOW);
        let room = self.begun.len() < GENERATIONS;
        if room {
            self.begun.push_back(now);
        }
        room
    }

    pub(super) fn wish_granted(&mut self) {
        self.asked = false;
    }

    fn next_slot(&self, now: Timestamp) -> Timestamp {
        let apart = self.last_restart.map_or(now, |last| last + RESTART_APART);
        // One place less than the peer admits: its window starts later than ours.
        let recent = self.begun.len().checked_sub(GENERATIONS - 1).and_then(|i| self.begun.get(i));
        let window = recent.map_or(now, |at| *at + WINDOW);
        now.max(apart).max(window)
    }

    fn step(&mut self, now: Timestamp) {
        self.last_restart = Some(now);
        self.begun.retain(|at| now - *at < WINDOW);
        self.begun.push_back(now);
        self.restart = None;
        self.rebuild = false;
    }
}

impl Session {
    pub(super) fn on_path(&mut self, now: Timestamp, state: PathState) {
        match state {
            PathState::Checking => {}
            PathState::Connected => {
                self.explanation = None;
                if !self.conn.path_up && !self.conn.secured {
                    self.pace.rung = Some(now + RUNG);
                }
                self.conn.path_up = true;
            }
            PathState::Disconnected => self.want_restart(now),
            PathState::Failed(why) => {
                self.explanation = Some(why);
                self.want_restart(now);
            }
        }
    }

    pub(super) fn on_secured(&mut self) {
        self.conn.secured = true;
        if !self.missing {
            self.pace.rung = None;
        }
    }

    pub(super) fn on_arrived(&mut self, now: Timestamp) {
        if self.conn.arrived {
            return;
        }
        self.conn.arrived = true;
        self.conn.path_up = true;
        self.conn.secured = true;
        self.recovered();
        self.expect_media();
        self.steps.push_back(Step::Up);
        if std::mem::take(&mut self.upgrade) {
            self.want_restart(now);
        }
    }

    pub(super) fn on_missing(&mut self, now: Timestamp) {
        if self.conn.arrived {
            self.lose_media();
            self.want_restart(now);
        }
    }

    pub(super) fn on_back(&mut self) {
        if self.conn.arrived {
            self.recovered();
            self.steps.push_back(Step::Up);
        }
    }

    pub(super) fn on_failed(&mut self, env: &mut SessionEnv, failure: MediaFailure) {
        match failure {
            MediaFailure::Description | MediaFailure::Overflow => {
                self.steps.push_back(Step::Broken(failure));
            }
            MediaFailure::Dtls | MediaFailure::Engine if self.stage != SessionStage::Open => {
                self.steps.push_back(Step::Broken(failure));
            }
            MediaFailure::Dtls | MediaFailure::Engine => {
                if failure == MediaFailure::Dtls {
                    self.explanation = Some(crate::ConnectFailure::Dtls);
                }
                self.lose_media();
                self.pace.want_rebuild(env.now);
            }
        }
    }

    /// Media that was up is gone.
    pub(super) fn lose_media(&mut self) {
        if self.was_up && !self.missing {
            self.missing = true;
            self.steps.push_back(Step::Missing);
        }
    }

    /// A restart, unless the peer has hung up or is not known yet.
    pub(super) fn want_restart(&mut self, now: Timestamp) {
        let known = match self.stage {
            SessionStage::Open => true,
            SessionStage::FirstDescription | SessionStage::Bare | SessionStage::Described => false,
        };
        if known && self.peer_closed.is_none() && self.conn.remote_generation != 0 && !self.pace.asked {
            self.pace.want_restart(now);
        }
    }

    /// A round is complete: if media does not come now, the next rung is due.
    pub(super) fn start_rung(&mut self, now: Timestamp) {
        if self.missing || !self.conn.arrived {
            self.pace.rung = Some(now + RUNG);
        }
    }

    /// Takes the rung that is due.
    pub(super) fn climb(&mut self, env: &mut SessionEnv) {
        let now = env.now;
        if self.pace.rung.is_some_and(|at| at <= now) {
            self.pace.rung = None;
            let no_keys = self.conn.path_up && !self.conn.secured;
            match self.side {
                _ if self.stage != SessionStage::Open => {}
                _ if no_keys || self.missing => self.pace.want_rebuild(now),
                SessionSide::Caller => self.pace.want_restart(now),
                SessionSide::Callee => {}
            }
        }
        if self.pace.restart.is_some_and(|at| at <= now) {
            let rebuild = self.pace.rebuild;
            self.pace.step(now);
            match self.side {
                SessionSide::Caller => self.restart(env, rebuild),
                SessionSide::Callee => {
                    let wish = if rebuild { Negotiation::Rebuild } else { Negotiation::Wanted };
                    self.pace.asked = true;
                    self.pace.rung = Some(now + RUNG);
                    self.negotiate(wish, None, !rebuild);
                }
            }
        }
    }

    fn restart(&mut self, env: &mut SessionEnv, rebuild: bool) {
        if rebuild {
            self.replace_conn(env, self.conn.wire.saturating_add(1));
            self.create_offer(false);
            return;
        }
        match self.conn.exchange {
            Exchange::Creating { ice_restart: true } => {}
            Exchange::Creating { ice_restart: false }
            | Exchange::Idle
            | Exchange::Offered { .. }
            | Exchange::Taking { .. }
            | Exchange::Answered => self.create_offer(true),
        }
    }

    fn recovered(&mut self) {
        self.was_up = true;
        self.missing = false;
        self.pace.rung = None;
        self.pace.asked = false;
        self.peer_closed = None;
    }
}

/// Between two restarts: a restart over a path of 300 ms round trip takes about as long.
pub(crate) const RESTART_APART: Duration = Duration::from_secs(1);
/// How long a rung may take: the DTLS flights of a mended handshake are repeated for 6.6 s.
pub(crate) const RUNG: Duration = Duration::from_secs(7);
/// Generations a peer may begin within [`WINDOW`].
const GENERATIONS: usize = 4;
const WINDOW: Duration = Duration::from_secs(10);

//! Rounds: who offers, who answers, and which answer still counts.

use super::{Conn, Exchange, MediaCommand, Session, SessionEnv, SessionSide, SessionStage, Step};
use crate::Timestamp;
use crate::signal::{Negotiate, Negotiation, check_sdp};

impl Session {
    /// Takes a `negotiate` of the peer. What makes no sense is dropped: whoever needs a reply sends again.
    pub(crate) fn handle_negotiate(&mut self, env: &mut SessionEnv, step: Negotiate) {
        let Negotiate { conn, round, what, sdp, ice_restart } = step;
        match (self.side, what) {
            (SessionSide::Caller, Negotiation::Answer) => {
                if let Some(sdp) = sdp {
                    self.on_peer_answer(env.now, conn, round, sdp);
                }
            }
            (SessionSide::Callee, Negotiation::Offer) => {
                if let Some(sdp) = sdp {
                    self.on_peer_offer(env, conn, round, sdp, ice_restart);
                }
            }
            (SessionSide::Caller, Negotiation::Wanted) => self.on_wish(env, conn, round, false),
            (SessionSide::Caller, Negotiation::Rebuild) => self.on_wish(env, conn, round, true),
            (SessionSide::Caller, Negotiation::Offer)
            | (SessionSide::Callee, Negotiation::Answer | Negotiation::Wanted | Negotiation::Rebuild) => {}
        }
    }

    /// Asks the engine for the offer of the next round. It replaces the one that is outstanding.
    pub(super) fn create_offer(&mut self, ice_restart: bool) {
        self.conn.round = self.conn.round.saturating_add(1);
        self.conn.exchange = Exchange::Creating { ice_restart };
        if ice_restart {
            self.conn.begin_generation(self.conn.round);
        }
        self.tell(MediaCommand::CreateOffer { round: self.conn.round, ice_restart });
    }

    pub(super) fn on_offer_ready(&mut self, round: u32, sdp: String) {
        let Exchange::Creating { ice_restart } = self.conn.exchange else { return };
        if round != self.conn.round {
            return;
        }
        self.conn.exchange = Exchange::Offered { ice_restart };
        self.describe(Negotiation::Offer, sdp, ice_restart);
    }

    pub(super) fn take_offer(&mut self, round: u32, sdp: String, ice_restart: bool) {
        self.conn.round = round;
        self.conn.exchange = Exchange::Taking { ice_restart };
        self.tell(MediaCommand::TakeOffer { round, sdp });
        if ice_restart {
            self.conn.begin_generation(round);
            self.begin_remote_generation(round);
        }
    }

    pub(super) fn on_answer_ready(&mut self, now: Timestamp, round: u32, sdp: String) {
        let Exchange::Taking { ice_restart } = self.conn.exchange else { return };
        if round != self.conn.round {
            return;
        }
        self.conn.exchange = Exchange::Answered;
        self.describe(Negotiation::Answer, sdp, ice_restart);
        self.start_rung(now);
    }

    /// Our description is ready: it travels in `invite` or `answer` the first time, else as `negotiate`, and the
    /// candidates that are known go right after it.
    fn describe(&mut self, what: Negotiation, sdp: String, ice_restart: bool) {
        if self.stage == SessionStage::FirstDescription {
            self.hand_out(sdp);
        } else {
            self.negotiate(what, Some(sdp), ice_restart);
            if self.conn.batch.is_some() {
                self.send_candidates();
            }
        }
    }

    /// The answer to our outstanding offer, checked.
    pub(super) fn take_answer(&mut self, now: Timestamp, sdp: String) {
        let Exchange::Offered { ice_restart } = self.conn.exchange else { return };
        self.conn.exchange = Exchange::Idle;
        self.tell(MediaCommand::TakeAnswer { round: self.conn.round, sdp });
        if self.conn.round == 1 || ice_restart {
            self.begin_remote_generation(self.conn.round);
        }
        if let Some(old) = self.retiring.take() {
            self.steps.push_back(Step::Media(old, MediaCommand::Close));
        }
        self.start_rung(now);
    }

    /// Sends a `negotiate` for the current connection and round.
    pub(super) fn negotiate(&mut self, what: Negotiation, sdp: Option<String>, ice_restart: bool) {
        let Conn { wire, round, .. } = self.conn;
        self.steps.push_back(Step::Negotiate(Negotiate { conn: wire, round, what, sdp, ice_restart }));
    }

    fn on_peer_answer(&mut self, now: Timestamp, conn: u32, round: u32, sdp: String) {
        let outstanding = matches!(self.conn.exchange, Exchange::Offered { .. });
        if conn != self.conn.wire || round != self.conn.round || !outstanding {
            return;
        }
        let Some(sdp) = self.trusted(&sdp) else { return };
        self.steps.push_back(Step::OfferProved);
        self.take_answer(now, sdp);
    }

    fn on_peer_offer(&mut self, env: &mut SessionEnv, conn: u32, round: u32, sdp: String, ice_restart: bool) {
        if (conn, round) == (self.conn.wire, self.conn.round) {
            if self.conn.exchange == Exchange::Answered {
                self.steps.push_back(Step::RepeatAnswer);
            }
            return;
        }
        if (conn, round) < (self.conn.wire, self.conn.round) {
            return;
        }
        let Some(sdp) = self.trusted(&sdp) else { return };
        if !self.pace.admit_generation(env.now) {
            tracing::debug!(call = %self.call, "the peer renegotiates too fast");
            return;
        }
        if self.stage == SessionStage::Described {
            self.stage = SessionStage::Open;
        }
        self.steps.push_back(Step::WishProved);
        self.pace.wish_granted();
        self.peer_closed = None;
        if conn != self.conn.wire {
            self.replace_conn(env, conn);
            if let Some(old) = self.retiring.take() {
                self.steps.push_back(Step::Media(old, MediaCommand::Close));
            }
        }
        let first = self.conn.remote_generation == 0;
        self.take_offer(round, sdp, ice_restart || first);
    }

    /// Another connection takes over; the one before retires.
    pub(super) fn replace_conn(&mut self, env: &mut SessionEnv, wire: u32) {
        if let Some(older) = self.retiring.replace(self.conn.id) {
            self.steps.push_back(Step::Media(older, MediaCommand::Close));
        }
        self.conn = Conn::new(env.next_conn(), wire);
        self.peer_closed = None;
        self.open_conn();
        self.lose_media();
    }

    /// The peer asks for an offer. One that is under way, or newer than the peer knows, is the reply.
    fn on_wish(&mut self, env: &mut SessionEnv, conn: u32, round: u32, rebuild: bool) {
        if self.stage != SessionStage::Open {
            return;
        }
        match self.conn.exchange {
            Exchange::Creating { .. } => {}
            Exchange::Offered { .. } => self.steps.push_back(Step::RepeatOffer),
            Exchange::Idle | Exchange::Taking { .. } | Exchange::Answered => {
                if (conn, round) != (self.conn.wire, self.conn.round) {
                    return;
                }
                if rebuild {
                    self.pace.want_rebuild(env.now);
                } else {
                    self.pace.want_restart(env.now);
                }
            }
        }
    }

    /// What the allow-list leaves of a description, if it promises the certificate that this call began with. The first
    /// certificate is pinned.
    fn trusted(&mut self, sdp: &str) -> Option<String> {
        let Ok(facts) = check_sdp(sdp) else {
            tracing::debug!(call = %self.call, "a description does not pass the allow-list");
            return None;
        };
        let pinned = *self.remote_fingerprint.get_or_insert(facts.fingerprint);
        (pinned == facts.fingerprint).then_some(facts.clean)
    }
}

//! What the `may_ring` port is asked: a few questions at a time, and none twice in a row about whom it has just refused.

use std::collections::VecDeque;
use std::time::Duration;

use super::Admission;
use super::admission::MAX_RINGING;
use crate::{CallId, Timestamp, UserId};

/// Questions that are open, and refusals that still stand.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: Vec<(CallId, UserId)>,
    refused: VecDeque<(UserId, Timestamp)>,
}

/// Whether the port may be asked about a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Now.
    Now,
    /// Once another answer has come.
    Later,
    /// It is being asked, for another device of the same user.
    UnderWay,
}

impl Questions {
    pub(super) fn turn(&self, call: CallId, user: &UserId) -> Turn {
        if self.open.iter().any(|(asked, _)| *asked == call) {
            return Turn::UnderWay;
        }
        let of_user = self.open.iter().any(|(_, asked)| asked == user);
        if of_user || self.open.len() >= OPEN { Turn::Later } else { Turn::Now }
    }

    pub(super) fn ask(&mut self, call: CallId, user: UserId) {
        self.open.push((call, user));
    }

    /// The port answered: there is room for another question.
    pub(super) fn answered(&mut self, now: Timestamp, call: CallId, admission: Admission) {
        let Some(index) = self.open.iter().position(|(asked, _)| *asked == call) else { return };
        let (_, user) = self.open.swap_remove(index);
        if admission == Admission::Refused {
            if self.refused.len() >= REFUSALS {
                self.refused.pop_front();
            }
            self.refused.push_back((user, now));
        }
    }

    /// Whether the port has just refused this user.
    pub(super) fn was_refused(&mut self, now: Timestamp, user: &UserId) -> bool {
        self.refused.retain(|(_, at)| now - *at < STANDS);
        self.refused.iter().any(|(refused, _)| refused == user)
    }
}

/// As many as may ring: more answers would be of no use.
const OPEN: usize = MAX_RINGING;
/// Long enough to slow a flood down to a few questions a minute, short enough that a call that the app lets through on
/// second thought rings with the next resend of its invite.
const STANDS: Duration = Duration::from_secs(10);
/// With four open questions that each take 100 ms, refusals of more than six seconds.
const REFUSALS: usize = 256;

//! The call on the screen.

use std::time::Duration;

use ringback::CallStats;
use ringback::media::SelectedPath;
use ringback::proto::CallId;
use ringback::proto::call::{CallSnapshot, CallState, Direction};
use ringback_examples::terminal::harmless;

/// The call on the screen.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) call: CallId,
    pub(crate) peer: String,
    /// The name that the caller asks to show: a claim.
    pub(crate) display: Option<String>,
    pub(crate) direction: Direction,
    /// When it showed up.
    since: Duration,
    pub(crate) state: CallState,
    /// The phone has it still. A call that is gone from there ends here with its event.
    pub(crate) is_listed: bool,
    pub(crate) active_since: Option<Duration>,
    pub(crate) muted: bool,
    pub(crate) held: bool,
    pub(crate) peer_muted: bool,
    pub(crate) peer_held: bool,
    pub(crate) level: Meter,
    pub(crate) path: Option<SelectedPath>,
    pub(crate) stats: Option<CallStats>,
}

/// A level that falls to silence when nothing renews it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    last: Option<(Duration, i8)>,
}

impl Talk {
    pub(crate) fn new(now: Duration, snapshot: &CallSnapshot) -> Self {
        Self {
            call: snapshot.call,
            peer: snapshot.peer.to_string(),
            display: snapshot.display.as_deref().map(harmless),
            direction: snapshot.direction,
            since: now,
            state: CallState::Initiated,
            is_listed: true,
            active_since: None,
            muted: false,
            held: false,
            peer_muted: false,
            peer_held: false,
            level: Meter::default(),
            path: None,
            stats: None,
        }
    }

    pub(crate) fn take(&mut self, now: Duration, snapshot: &CallSnapshot) {
        (self.muted, self.held) = (snapshot.muted, snapshot.held);
        // The end comes with its event, which tells more.
        if !matches!(snapshot.state, CallState::Ended(_)) {
            self.set_state(now, snapshot.state.clone());
        }
    }

    /// Whether a key may answer it: whoever pressed one just now had not seen it.
    pub(crate) fn may_be_answered(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= SEEN_AFTER
    }

    pub(crate) fn set_state(&mut self, now: Duration, state: CallState) {
        if state == CallState::Active && self.active_since.is_none() {
            self.active_since = Some(now);
        }
        self.state = state;
    }
}

impl Meter {
    pub(crate) fn set(&mut self, now: Duration, level_dbov: i8) {
        self.last = Some((now, level_dbov));
    }

    /// In dBov; -127 if nothing came for a while.
    pub(crate) fn level(self, now: Duration) -> i8 {
        match self.last {
            Some((at, level)) if now.saturating_sub(at) < STALE => level,
            Some(_) | None => SILENCE,
        }
    }
}

/// Levels come every 100 ms; five that are missing mean that there are none.
const STALE: Duration = Duration::from_millis(600);
const SILENCE: i8 = -127;
/// Twice the time in which a person reacts to what they see.
const SEEN_AFTER: Duration = Duration::from_millis(500);

//! Which calls are on, learnt by watching the envelopes that pass the hub.
//!
//! ```text
//!  invite            ringing             answer               settled to the winner
//! ---------> initiated -----> ringing --------> connecting ----------------------> active
//!     decline, hangup, cancel from any of them: ended, counted by its code
//! ```
//!
//! The hub sees signaling, never sound: `active` says that both sides agreed, not that they hear each other. A side that
//! dies without a word leaves its call here until it is [`CALL_LIFE`] old; an unanswered one goes when its invite can
//! no longer ring. Both end as `unknown`.
//!
//! Watching is passive and never slows the hub: broadcasts of the event `rb1` go through a queue of 1,024, and what does
//! not fit is not seen, which is counted. Whoever has the API key can forge envelopes, so the table is for people to look
//! at; it holds [`MOST_CALLS`] calls at most, then the oldest gives way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringback_proto::signal::{Body, CancelReason, Envelope};
use ringback_proto::{CallId, EndReason, UserId};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::realtime::Passed;

/// A call that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCall {
    /// Its id.
    pub call: CallId,
    /// Who calls.
    pub from: UserId,
    /// Who is called.
    pub to: UserId,
    /// How far it got.
    pub state: SeenState,
    /// How long ago the invite passed.
    pub age: Duration,
}

/// How far a call got, as far as signaling tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenState {
    /// The invite passed.
    Initiated,
    /// A device of the callee rings.
    Ringing,
    /// A device of the callee accepted.
    Connecting,
    /// The caller settled on that device.
    Active,
}

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub struct CallsSnapshot {
    /// The calls that have not ended, the oldest first.
    pub calls: Vec<SeenCall>,
    /// How many calls ended, by the code of the reason at the caller; `unknown` if no end was seen.
    pub ended: BTreeMap<&'static str, u64>,
}

/// The calls that were seen. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenCalls(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    calls: BTreeMap<CallId, Entry>,
    /// Calls that are over, so that late messages do not bring them back; the oldest are forgotten.
    over: VecDeque<CallId>,
    ended: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Entry {
    from: UserId,
    to: UserId,
    state: SeenState,
    rang: bool,
    since: Instant,
}

impl SeenCalls {
    /// Reads what passed the hub until the hub is gone.
    pub(crate) async fn watch(self, mut passed: mpsc::Receiver<Passed>) {
        while let Some(passed) = passed.recv().await {
            let Some(envelope) = passed.payload().and_then(|text| Envelope::decode(&text).ok()) else {
                continue;
            };
            self.lock().see(Instant::now(), &envelope);
        }
    }

    pub(crate) fn snapshot(&self) -> CallsSnapshot {
        let now = Instant::now();
        let mut table = self.lock();
        table.expire(now);
        let mut calls: Vec<_> = table.calls.iter().map(|(&call, entry)| entry.show(call, now)).collect();
        calls.sort_by(|a, b| b.age.cmp(&a.age).then(a.call.cmp(&b.call)));
        CallsSnapshot { calls, ended: table.ended.clone() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn see(&mut self, now: Instant, envelope: &Envelope) {
        let call = envelope.call;
        match &envelope.body {
            Body::Invite(_) => self.see_invite(now, envelope),
            Body::Ringing(_) => {
                if let Some(entry) = self.calls.get_mut(&call) {
                    entry.rang = true;
                }
                self.reach(call, SeenState::Ringing);
            }
            Body::Answer(_) => self.reach(call, SeenState::Connecting),
            // The copy for the winner carries the caller's half of the safety code.
            Body::Settled(settled) if settled.nonce.is_some() => self.reach(call, SeenState::Active),
            Body::Decline(_) => self.end(call, EndReason::Declined.code().as_ref()),
            Body::Cancel(cancel) => {
                let rang = self.calls.get(&call).is_some_and(|entry| entry.rang);
                self.end(call, cancel_code(cancel.reason, rang));
            }
            Body::Hangup(hangup) => self.end(call, &hangup.reason),
            // `busy` speaks for one device; the caller's `cancel` says how the call ended.
            Body::Busy {}
            | Body::Settled(_)
            | Body::Candidates(_)
            | Body::Negotiate(_)
            | Body::Media(_)
            | Body::Message(_)
            | Body::Ack(_)
            | Body::Error(_) => {}
        }
    }

    fn see_invite(&mut self, now: Instant, envelope: &Envelope) {
        if self.calls.contains_key(&envelope.call) || self.over.contains(&envelope.call) {
            return;
        }
        self.expire(now);
        if self.calls.len() >= MOST_CALLS
            && let Some((&oldest, _)) = self.calls.iter().min_by_key(|(_, entry)| entry.since)
        {
            self.end(oldest, UNKNOWN);
        }
        let entry = Entry {
            from: envelope.from.user.clone(),
            to: envelope.to.user.clone(),
            state: SeenState::Initiated,
            rang: false,
            since: now,
        };
        self.calls.insert(envelope.call, entry);
    }

    fn reach(&mut self, call: CallId, state: SeenState) {
        if let Some(entry) = self.calls.get_mut(&call) {
            entry.state = entry.state.max(state);
        }
    }

    fn end(&mut self, call: CallId, code: &str) {
        if self.calls.remove(&call).is_none() {
            return;
        }
        if self.over.len() >= MOST_OVER {
            self.over.pop_front();
        }
        self.over.push_back(call);
        *self.ended.entry(label(code)).or_default() += 1;
    }

    fn expire(&mut self, now: Instant) {
        let old: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, entry)| now.duration_since(entry.since) > entry.life())
            .map(|(&call, _)| call)
            .collect();
        for call in old {
            self.end(call, UNKNOWN);
        }
    }
}

impl Entry {
    fn life(&self) -> Duration {
        match self.state {
            SeenState::Initiated | SeenState::Ringing => RING_LIFE,
            SeenState::Connecting | SeenState::Active => CALL_LIFE,
        }
    }

    fn show(&self, call: CallId, now: Instant) -> SeenCall {
        SeenCall {
            call,
            from: self.from.clone(),
            to: self.to.clone(),
            state: self.state,
            age: now.duration_since(self.since),
        }
    }
}

/// How a call ended at its caller that sends this `cancel`.
fn cancel_code(reason: CancelReason, rang: bool) -> &'static str {
    match reason {
        CancelReason::User => "cancelled",
        CancelReason::Timeout if rang => "no_answer",
        CancelReason::Timeout => "unreachable",
        CancelReason::Glare => "replaced",
        CancelReason::Declined => "declined",
        CancelReason::Busy => "busy",
        CancelReason::Gone => "connect_failed",
    }
}

/// A code as a label: one of a fixed set, whatever a stranger wrote.
fn label(code: &str) -> &'static str {
    let stem = code.split('.').next().unwrap_or_default();
    LABELS.iter().find(|&&label| label == stem).copied().unwrap_or("other")
}

/// The stems of `EndReason::code`, and the end that nobody saw.
const LABELS: [&str; 19] = [
    "hung_up",
    "declined",
    "cancelled",
    "no_answer",
    "unreachable",
    "busy",
    "elsewhere",
    "missed",
    "offline",
    "not_allowed",
    "connect_failed",
    "connection_lost",
    "microphone",
    "replaced",
    "resumed",
    "unsupported",
    "ended_by_server",
    "internal",
    UNKNOWN,
];
const UNKNOWN: &str = "unknown";
/// 100 are a busy day of a test team; a forger fills what there is.
const MOST_CALLS: usize = 1000;
const MOST_OVER: usize = 1000;
/// The longest ring time is 120 s; its ending travels for another moment.
const RING_LIFE: Duration = Duration::from_secs(130);
/// Nobody talks longer than a day.
const CALL_LIFE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;

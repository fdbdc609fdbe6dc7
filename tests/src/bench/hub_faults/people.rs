//! People with phones: each does what it likes, and writes down how every call ended.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::proto::call::{CallState, Direction};
use ringback::proto::{CallId, EndReason};
use ringback::{Call, IncomingCalls, Phone};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::dice::Dice;
use crate::bench::{BoxError, pair};

/// How a call ended on one side.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) call: CallId,
    pub(super) direction: Direction,
    pub(super) outcome: Outcome,
}

/// What came of a call on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It ended.
    Ended(EndReason),
    /// It stayed in this state longer than the timer of that state lets it.
    Outlived(CallState),
    /// Nobody ever learned its end.
    Unknown,
}

/// Somebody with a phone.
pub(super) struct Person {
    phone: Phone,
    incoming: IncomingCalls,
    number: usize,
    people: usize,
    dice: Dice,
    calls: BTreeMap<CallId, (Direction, Outcome)>,
    /// One for each call that has not ended.
    watches: JoinSet<(CallId, Outcome)>,
}

impl Person {
    pub(super) async fn start(hub: &str, number: usize, people: usize, dice: Dice) -> Result<Self, BoxError> {
        let devices = Arc::new(ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Null));
        let phone = pair::phone(hub, &user(number), devices).await?;
        let incoming = phone.incoming();
        Ok(Self { phone, incoming, number, people, dice, calls: BTreeMap::new(), watches: JoinSet::new() })
    }

    /// Calls, answers and hangs up at random until then; hangs up for good, and tells how every call ended.
    pub(super) async fn live(mut self, until: Instant) -> Vec<Record> {
        while Instant::now() < until {
            let pause = self.dice.pause(300, 3000);
            tokio::select! {
                call = self.incoming.next() => {
                    let Some(call) = call else { break };
                    self.note(call);
                }
                () = sleep(pause) => self.do_something().await,
            }
        }
        self.leave().await
    }

    async fn do_something(&mut self) {
        let calls = self.phone.calls();
        // One that rings may be answered before `incoming` tells of it.
        calls.iter().for_each(|call| self.note(call.clone()));
        let flag = self.dice.below(2) == 0;
        let Some(call) = self.dice.pick(&calls) else { return self.dial().await };
        // A verb in the wrong state is an error of its own type and changes nothing.
        match (self.dice.below(12), call.state()) {
            (0..6, CallState::Ringing) => drop(call.accept().await),
            (6 | 7, CallState::Ringing) => drop(call.decline().await),
            (0..3, _) => call.hang_up(),
            (3, _) => drop(call.set_muted(flag).await),
            (4, _) => drop(call.set_held(flag).await),
            (5, _) => drop(call.send(b"hello".to_vec()).await),
            (6, _) => self.dial().await,
            (7.., _) => {}
        }
    }

    async fn dial(&mut self) {
        let others: Vec<usize> = (0..self.people).filter(|other| *other != self.number).collect();
        let Some(other) = self.dice.pick(&others) else { return };
        // Refused while as many calls are up as may be.
        if let Ok(call) = self.phone.call(&user(*other)).await {
            self.note(call);
        }
    }

    fn note(&mut self, call: Call) {
        while let Some(ended) = self.watches.try_join_next() {
            self.write_down(ended);
        }
        let entry = self.calls.entry(call.id());
        if let Entry::Vacant(entry) = entry {
            entry.insert((call.direction(), Outcome::Unknown));
            self.watches.spawn(async move { (call.id(), outcome(&call).await) });
        }
    }

    /// A watch that panicked leaves its call unknown.
    fn write_down(&mut self, ended: Result<(CallId, Outcome), JoinError>) {
        let Ok((call, outcome)) = ended else { return };
        if let Some((_, known)) = self.calls.get_mut(&call) {
            *known = outcome;
        }
    }

    /// Everybody hangs up at once, again and again: what is still on its way rings a little later.
    async fn leave(mut self) -> Vec<Record> {
        let until = Instant::now() + LEAVING;
        while Instant::now() < until {
            self.phone.calls().iter().for_each(Call::hang_up);
            if let Ok(Some(call)) = timeout(AGAIN, self.incoming.next()).await {
                self.note(call);
            }
        }
        self.phone.close();
        self.phone.closed().await;
        while let Ok(Some(ended)) = timeout(ENDED, self.watches.join_next()).await {
            self.write_down(ended);
        }
        self.watches.shutdown().await;
        self.calls
            .into_iter()
            .map(|(call, (direction, outcome))| Record { call, direction, outcome })
            .collect()
    }
}

/// What comes of a call.
async fn outcome(call: &Call) -> Outcome {
    tokio::select! {
        end = call.ended() => Outcome::Ended(end.reason),
        state = outlived(call) => Outcome::Outlived(state),
    }
}

/// The state that a call does not leave in time; never, if there is none.
async fn outlived(call: &Call) -> CallState {
    loop {
        let state = call.state();
        let next = call.wait_for(|now| *now != state);
        let next = match longest(&state) {
            None => next.await,
            Some(longest) => match timeout(longest + GRACE, next).await {
                Ok(next) => next,
                Err(_) => return state,
            },
        };
        if next == state || matches!(next, CallState::Ended(_)) {
            return std::future::pending().await;
        }
    }
}

/// How long a call may stay in a state by the table of timers in the docs of `call`.
fn longest(state: &CallState) -> Option<Duration> {
    match state {
        CallState::Initiated | CallState::Ringing => Some(DEFAULT_RING + RING_EXTRA),
        CallState::Connecting => Some(CONNECT),
        CallState::Reconnecting => Some(RECONNECT),
        CallState::Active | CallState::Ended(_) => None,
    }
}

fn user(number: usize) -> String {
    format!("person-{number}")
}

/// What these phones ring for, and how much longer a caller waits, or a callee whose invite is announced first.
const DEFAULT_RING: Duration = Duration::from_secs(45);
const RING_EXTRA: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(15);
const RECONNECT: Duration = Duration::from_secs(30);
/// A busy machine looks at its timers late.
const GRACE: Duration = Duration::from_secs(5);
/// Longer than a message is late, and than a phone takes to be online again.
const LEAVING: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(250);
/// Calls of a closed phone have ended; their watches end at once.
const ENDED: Duration = Duration::from_secs(5);

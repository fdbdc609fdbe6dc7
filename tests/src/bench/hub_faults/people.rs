//! People with phones: each does what it likes, and writes down how every call ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::proto::call::{CallState, Direction};
use ringback::proto::{CallId, EndReason};
use ringback::{Call, IncomingCalls, Phone};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::dice::Dice;
use crate::bench::{BoxError, pair};

/// How a call ended on one side.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) call: CallId,
    pub(super) direction: Direction,
    /// `None`: it did not.
    pub(super) reason: Option<EndReason>,
}

/// Somebody with a phone.
pub(super) struct Person {
    phone: Phone,
    incoming: IncomingCalls,
    number: usize,
    people: usize,
    dice: Dice,
    records: JoinSet<Record>,
}

impl Person {
    pub(super) async fn start(hub: &str, number: usize, people: usize, dice: Dice) -> Result<Self, BoxError> {
        let devices = Arc::new(ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Null));
        let phone = pair::phone(hub, &user(number), devices).await?;
        let incoming = phone.incoming();
        Ok(Self { phone, incoming, number, people, dice, records: JoinSet::new() })
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
        self.records.spawn(async move {
            let end = timeout(LONGEST, call.ended()).await.ok();
            Record { call: call.id(), direction: call.direction(), reason: end.map(|end| end.reason) }
        });
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
        let mut records = Vec::new();
        while let Ok(Some(Ok(record))) = timeout(ENDED, self.records.join_next()).await {
            records.push(record);
        }
        self.records.abort_all();
        records
    }
}

fn user(number: usize) -> String {
    format!("person-{number}")
}

/// Longer than any call here is left alone: people hang up within a minute.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// Longer than a message is late, and than a phone takes to be online again.
const LEAVING: Duration = Duration::from_secs(15);
const AGAIN: Duration = Duration::from_millis(250);
/// Calls of a closed phone have ended; their records are written at once.
const ENDED: Duration = Duration::from_secs(5);

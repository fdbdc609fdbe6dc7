//! `hub-faults`: phones that call each other at random through a hub that does everything wrong.
//!
//! The hub and the phones live in this process, with real sockets and real media over loopback. Every call is written
//! down on both sides; in the end every pair of reasons has to stand in the table of pairs in the docs of `call`, every
//! call has to have ended, and tasks, sockets and threads have to be as many as before. The same seed rolls the same
//! faults and the same wishes of the users; what comes of them depends on the machine.

mod dice;
mod pairs;
mod people;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ringback::proto::call::Direction;
use ringback::proto::{CallId, EndReason};
use ringback_server::{Hub, HubConfig, HubSnapshot, RunningHub};
use tokio::task::JoinSet;

use self::dice::Dice;
use self::people::{Outcome, Person, Record};
use super::left::Held;
use super::metric::percentile;
use super::{BoxError, Metric, process};

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Calls that were dialed.
    pub calls: usize,
    /// Those that were answered: a side hung up an answered call, or its media ended.
    pub answered: usize,
    /// Pairs of reasons that the table does not have, and calls that one side alone knows and should not, in words.
    pub bad_pairs: Vec<String>,
    /// Calls that did not end, or not when the timer of their state was over, in words.
    pub stuck: Vec<String>,
    /// How often each pair came, the caller's reason first; `-` where the callee never heard of the call.
    pub pairs: BTreeMap<(String, String), usize>,
    /// `tasks_left`, `sockets_left`, `threads_left`, `hub_sockets_left`, `hub_topics_left`.
    pub left: Vec<Metric>,
    /// The median of the last tenth of the time over that of the fourth, in KiB.
    pub memory_growth_kb: f64,
}

impl Report {
    /// As figures.
    pub fn metrics(&self) -> Vec<Metric> {
        let metric = |name: &str, ours, unit| Metric {
            name: name.to_owned(),
            ours,
            peer: None,
            unit,
            count: self.calls,
        };
        let mut metrics = vec![
            metric("calls", self.calls as f64, "calls"),
            metric("calls_answered", self.answered as f64, "calls"),
            metric("bad_pairs", self.bad_pairs.len() as f64, "calls"),
            metric("stuck_calls", self.stuck.len() as f64, "calls"),
            metric("memory_growth_kb", self.memory_growth_kb, "KiB"),
        ];
        metrics.extend(self.left.clone());
        metrics
    }
}

/// Lets `phones` call at random for `time`.
///
/// # Errors
/// The hub or a phone could not be started, or `/proc` cannot be read.
pub async fn measure(phones: usize, time: Duration, seed: u64) -> Result<Report, BoxError> {
    let before = Held::now()?;
    let hub = Hub::start(HubConfig::default()).await?;
    let until = Instant::now() + time;
    let mut people = JoinSet::new();
    for number in 0..phones {
        let person = Person::start(&hub.url(), number, phones, Dice::new(seed, number as u64)).await?;
        people.spawn(person.live(until));
    }
    let mut memory = Vec::new();
    let (weather, watch) =
        tokio::join!(weather::blow(&hub, Dice::new(seed, WEATHER), until), watch(until, &mut memory));
    tracing::info!(faults = weather, "the weather is fine again");
    watch?;
    let mut records = Vec::new();
    while let Some(person) = people.join_next().await {
        records.extend(person?);
    }
    let mut report = judge(records);
    report.left = emptied(&hub).await;
    hub.stop().await;
    let left = Held::settled(&before).await?;
    report.left.extend(left.left_since(&before, report.calls));
    report.memory_growth_kb = growth(&memory);
    Ok(report)
}

fn judge(records: Vec<Record>) -> Report {
    #[derive(Default)]
    struct Ends {
        caller: Option<EndReason>,
        callee: Option<EndReason>,
    }
    let mut calls: BTreeMap<CallId, Ends> = BTreeMap::new();
    let (mut stuck, mut lost) = (Vec::new(), BTreeSet::new());
    for Record { call, direction, outcome } in records {
        let reason = match outcome {
            Outcome::Ended(reason) => reason,
            Outcome::Outlived(_) | Outcome::Unknown => {
                stuck.push(format!("{call} {direction:?}: {outcome:?}"));
                lost.insert(call);
                continue;
            }
        };
        let ends = calls.entry(call).or_default();
        match direction {
            Direction::Outgoing => ends.caller = Some(reason),
            Direction::Incoming => ends.callee = Some(reason),
        }
    }
    let (mut pairs, mut bad_pairs, mut answered) = (BTreeMap::new(), Vec::new(), 0);
    for (call, Ends { caller, callee }) in &calls {
        answered += usize::from(matches!(caller, Some(EndReason::HungUp | EndReason::ConnectionLost)));
        let name = |side: &Option<EndReason>| side.as_ref().map_or_else(|| "-".to_owned(), pairs::name);
        *pairs.entry((name(caller), name(callee))).or_insert(0) += 1;
        let good = match (caller, callee) {
            (Some(caller), Some(callee)) => pairs::may_pair(caller, callee),
            // The other side is told as stuck.
            _ if lost.contains(call) => true,
            (Some(caller), None) => pairs::may_be_alone(caller),
            (None, _) => false,
        };
        if !good {
            bad_pairs.push(format!("{call}: {caller:?} at the caller, {callee:?} at the callee"));
        }
    }
    let calls = calls.keys().chain(&lost).collect::<BTreeSet<_>>().len();
    Report { calls, answered, bad_pairs, stuck, pairs, left: Vec::new(), memory_growth_kb: 0.0 }
}

/// Waits until nobody is at the hub any more, and tells what stays.
async fn emptied(hub: &RunningHub) -> Vec<Metric> {
    let until = Instant::now() + EMPTIED;
    loop {
        let HubSnapshot { sockets, topics, .. } = hub.snapshot();
        if (sockets == 0 && topics.is_empty()) || Instant::now() > until {
            let metric = |name: &str, ours, unit, count| Metric {
                name: name.to_owned(),
                ours,
                peer: None,
                unit,
                count,
            };
            return vec![
                metric("hub_sockets_left", sockets as f64, "sockets", 1),
                metric("hub_topics_left", topics.len() as f64, "topics", 1),
            ];
        }
        tokio::time::sleep(EMPTY_LOOK).await;
    }
}

async fn watch(until: Instant, memory: &mut Vec<f64>) -> Result<(), BoxError> {
    while Instant::now() < until {
        memory.push(process::resident_kb()? as f64);
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn growth(memory: &[f64]) -> f64 {
    let tenth = |n: usize| {
        let range = memory.len() * n / 10..memory.len() * (n + 1) / 10;
        percentile(&mut memory.get(range).unwrap_or_default().to_vec(), 50.0)
    };
    tenth(9) - tenth(3)
}

/// The weather rolls dice of its own, beside those of each person.
const WEATHER: u64 = u64::MAX;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A closed phone takes its socket along within a second or two.
const EMPTIED: Duration = Duration::from_secs(15);
const EMPTY_LOOK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use ringback::proto::call::CallState;

    use super::*;

    fn record(call: u8, direction: Direction, outcome: Outcome) -> Record {
        Record { call: CallId::from_random([call; 16]), direction, outcome }
    }

    #[test]
    fn pairs_that_the_table_lacks_and_calls_without_an_end_are_told() {
        let report = judge(vec![
            record(1, Direction::Outgoing, Outcome::Ended(EndReason::HungUp)),
            record(1, Direction::Incoming, Outcome::Ended(EndReason::HungUp)),
            record(2, Direction::Outgoing, Outcome::Ended(EndReason::Declined)),
            record(2, Direction::Incoming, Outcome::Ended(EndReason::ConnectionLost)),
            record(3, Direction::Outgoing, Outcome::Unknown),
            record(4, Direction::Outgoing, Outcome::Ended(EndReason::Unreachable)),
        ]);
        assert_eq!((report.calls, report.answered), (4, 1));
        assert_eq!((report.bad_pairs.len(), report.stuck.len()), (1, 1), "{report:?}");
        assert_eq!(report.pairs[&("Unreachable".to_owned(), "-".to_owned())], 1);
    }

    #[test]
    fn a_call_that_one_side_alone_knows_is_judged_by_what_that_side_says() {
        let ended = |call, direction, reason| record(call, direction, Outcome::Ended(reason));
        let report = judge(vec![
            ended(1, Direction::Outgoing, EndReason::HungUp),
            ended(2, Direction::Incoming, EndReason::Missed),
            ended(3, Direction::Outgoing, EndReason::Cancelled),
            ended(4, Direction::Outgoing, EndReason::HungUp),
            record(4, Direction::Incoming, Outcome::Outlived(CallState::Reconnecting)),
        ]);
        assert_eq!((report.bad_pairs.len(), report.stuck.len()), (2, 1), "{report:?}");
    }

    #[test]
    fn growth_compares_the_last_tenth_with_the_fourth() {
        let memory: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(growth(&memory), 60.0);
    }
}

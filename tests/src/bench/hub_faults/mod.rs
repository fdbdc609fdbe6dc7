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

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringback::proto::call::Direction;
use ringback::proto::{CallId, EndReason};
use ringback_server::{Hub, HubConfig};
use tokio::task::JoinSet;

use self::dice::Dice;
use self::people::{Person, Record};
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
    /// Pairs of reasons that the table does not have, in words.
    pub bad_pairs: Vec<String>,
    /// Calls that did not end, in words.
    pub stuck: Vec<String>,
    /// How often each pair came, the caller's reason first; `-` where the callee never heard of the call.
    pub pairs: BTreeMap<(String, String), usize>,
    /// `tasks_left`, `sockets_left`, `threads_left`.
    pub left: [Metric; 3],
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
    hub.stop().await;
    let left = Held::settled(&before).await?;
    let mut report = judge(records);
    report.left = left.left_since(&before, report.calls);
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
    let mut stuck = Vec::new();
    for Record { call, direction, reason } in records {
        let ends = calls.entry(call).or_default();
        let Some(reason) = reason else {
            stuck.push(format!("{call} {direction:?}"));
            continue;
        };
        match direction {
            Direction::Outgoing => ends.caller = Some(reason),
            Direction::Incoming => ends.callee = Some(reason),
        }
    }
    let (mut pairs, mut bad_pairs, mut answered) = (BTreeMap::new(), Vec::new(), 0);
    for (call, Ends { caller, callee }) in &calls {
        let Some(caller) = caller else { continue };
        answered += usize::from(matches!(caller, EndReason::HungUp | EndReason::ConnectionLost));
        let callee_name = callee.as_ref().map_or_else(|| "-".to_owned(), pairs::name);
        *pairs.entry((pairs::name(caller), callee_name)).or_insert(0) += 1;
        if callee.as_ref().is_some_and(|callee| !pairs::may_pair(caller, callee)) {
            bad_pairs.push(format!("{call}: {caller:?} at the caller, {callee:?} at the callee"));
        }
    }
    let left = ["tasks_left", "sockets_left", "threads_left"].map(|name| Metric {
        name: name.to_owned(),
        ours: 0.0,
        peer: None,
        unit: "",
        count: 0,
    });
    Report { calls: calls.len(), answered, bad_pairs, stuck, pairs, left, memory_growth_kb: 0.0 }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(call: u8, direction: Direction, reason: Option<EndReason>) -> Record {
        Record { call: CallId::from_random([call; 16]), direction, reason }
    }

    #[test]
    fn pairs_that_the_table_lacks_and_calls_without_an_end_are_told() {
        let report = judge(vec![
            record(1, Direction::Outgoing, Some(EndReason::HungUp)),
            record(1, Direction::Incoming, Some(EndReason::HungUp)),
            record(2, Direction::Outgoing, Some(EndReason::Declined)),
            record(2, Direction::Incoming, Some(EndReason::ConnectionLost)),
            record(3, Direction::Outgoing, None),
            record(4, Direction::Outgoing, Some(EndReason::Unreachable)),
        ]);
        assert_eq!((report.calls, report.answered), (4, 1));
        assert_eq!((report.bad_pairs.len(), report.stuck.len()), (1, 1), "{report:?}");
        assert_eq!(report.pairs[&("Unreachable".to_owned(), "-".to_owned())], 1);
    }

    #[test]
    fn growth_compares_the_last_tenth_with_the_fourth() {
        let memory: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(growth(&memory), 60.0);
    }
}

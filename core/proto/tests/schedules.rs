//! Random schedules: whatever phones, users, networks and strangers do, every call converges.
//!
//! `RINGBACK_SEED` chooses the run (default 1), `RINGBACK_SCHEDULES` how many schedules (default 100,000). A failure
//! prints the seed of its schedule; `RINGBACK_ONLY=<seed> RINGBACK_TRACE=1` replays that one with every input and output.
//!
//! Four of five schedules are judged by the whole table of pairs, some with a hostile stranger who knows the ids of calls
//! and speaks under his own name. In the fifth anything at all may happen to a phone, also from its peer; there only what
//! a phone promises by itself is judged: no panic, one `Ended`, no timer in the past, no call stuck.

mod world;

use std::time::Duration;

use world::chaos;
use world::plot;
use world::{Coverage, Rng};

#[test]
fn every_random_schedule_converges() {
    if let Some(seed) = number("RINGBACK_ONLY") {
        let outcome = run(seed);
        assert!(outcome.wrong.is_empty(), "seed {seed}: {:#?}", outcome.wrong);
        return;
    }
    let seed = number("RINGBACK_SEED").unwrap_or(1);
    let count = number("RINGBACK_SCHEDULES").unwrap_or(100_000);
    println!("RINGBACK_SEED={seed} RINGBACK_SCHEDULES={count}");
    let mut seeds = Rng::new(seed);
    let seeds: Vec<u64> = (0..count).map(|_| seeds.next()).collect();
    let (first, second) = seeds.split_at(seeds.len() / 2);
    let (mut one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run_all(second));
        (run_all(first), other.join().unwrap())
    });
    one.join(other);
    println!(
        "{} schedules, {} inputs, fewest {}, cells missing {}",
        count,
        one.inputs,
        one.fewest,
        one.coverage.missing().len()
    );
    for (seed, wrong) in one.failures.iter().take(20) {
        println!("seed {seed}: {wrong:#?}");
    }
    assert!(
        one.failures.is_empty(),
        "{} schedules are wrong; RINGBACK_ONLY=<seed> replays one",
        one.failures.len()
    );
    assert!(one.fewest >= 20, "a schedule had only {} inputs", one.fewest);
    // A short run cannot reach everything.
    if count >= 20_000 {
        assert_eq!(one.coverage.missing(), Vec::new(), "cells (phase, input) that no schedule reached");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let runs: Vec<(usize, Vec<String>)> = (0..2)
        .map(|_| {
            let mut world = plot::make(77);
            world.run_to_quiet(PATIENCE);
            let sent: Vec<String> =
                world.phones.iter().flat_map(|phone| phone.sent.iter().map(|out| out.text.clone())).collect();
            (world.inputs, sent)
        })
        .collect();
    assert_eq!(runs[0], runs[1]);
}

struct Outcome {
    inputs: usize,
    wrong: Vec<String>,
    coverage: Coverage,
}

#[derive(Default)]
struct Tally {
    inputs: usize,
    fewest: usize,
    failures: Vec<(u64, Vec<String>)>,
    coverage: Coverage,
}

impl Tally {
    fn join(&mut self, other: Tally) {
        self.inputs += other.inputs;
        self.fewest = self.fewest.min(other.fewest);
        self.failures.extend(other.failures);
        self.coverage.join(&other.coverage);
    }
}

fn run_all(seeds: &[u64]) -> Tally {
    let mut tally = Tally { fewest: usize::MAX, ..Tally::default() };
    for seed in seeds {
        let outcome = run(*seed);
        tally.inputs += outcome.inputs;
        tally.fewest = tally.fewest.min(outcome.inputs);
        tally.coverage.join(&outcome.coverage);
        if !outcome.wrong.is_empty() {
            tally.failures.push((*seed, outcome.wrong));
        }
    }
    tally
}

fn run(seed: u64) -> Outcome {
    let anything_goes = seed.is_multiple_of(5);
    let mut world = if anything_goes { chaos::make(seed) } else { plot::make(seed) };
    let quiet = if anything_goes { chaos::run(&mut world) } else { world.run_to_quiet(PATIENCE) };
    let mut wrong =
        if anything_goes { world::oracle::judge_alone(&world) } else { world::oracle::judge(&world) };
    if !quiet {
        wrong.push("still not quiet".to_owned());
    }
    Outcome { inputs: world.inputs, wrong, coverage: std::mem::take(&mut world.coverage) }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Longer than every deadline in a row: two rings, a connect, a reconnect, a tombstone.
const PATIENCE: Duration = Duration::from_secs(900);

//! The table of test suites. A new suite is a new row.
//!
//! The order fails fast: cheap and broad first, what needs devices last. Every suite selects the whole workspace,
//! because cargo builds the dependencies again for another selection of packages.

use std::time::{Duration, Instant};

use crate::{
    browser, check, demo_suite, hub_suite, mutants,
    setup::{self, Need},
    tally::Tally,
    web_suite,
};

/// A test suite.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// The most time that its tests may take; then their processes are killed. What [`Step::Build`] and the builds
    /// before [`Step::Cargo`] take is not counted: it depends on what was built before.
    pub(crate) budget: Duration,
    pub(crate) covers: &'static str,
    /// What it needs beyond [`setup::BUILD`].
    pub(crate) needs: &'static [Need],
    pub(crate) steps: &'static [Step],
}

/// A part of a suite.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// `cargo` with these arguments, which only builds.
    Build(&'static [&'static str]),
    /// `cargo` with these arguments, built first where that is a step of its own. The results of libtest are read from its output.
    Cargo(&'static [&'static str]),
    /// A function of xtask that fetches or builds what the cache lacks, which is not counted either.
    Prepare(fn() -> anyhow::Result<()>),
    /// A function of xtask that counts for itself and ends by the deadline.
    Own(fn(&mut Tally, Instant)),
}

pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "check",
        budget: minutes(8),
        covers: "format, clippy, documentation, dependencies, spelling and the repository's own rules",
        needs: &[],
        steps: &[
            Step::Own(check::quick),
            Step::Build(&["check", "--workspace", "--all-targets"]),
            Step::Own(check::compiled),
        ],
    },
    Suite {
        name: "unit",
        budget: minutes(8),
        covers: "tests beside the code, of whole phones without media, and every documentation example",
        needs: &[],
        steps: &[
            Step::Cargo(&[
                "test",
                "--no-fail-fast",
                "--workspace",
                "--lib",
                "--bins",
                "--examples",
                "--test=audio_files",
                "--test=audio_pair",
                "--test=audio_thread",
                "--test=phone_handles",
                "--test=hub",
                "--test=stack",
            ]),
            Step::Cargo(&["test", "--no-fail-fast", "--workspace", "--doc"]),
        ],
    },
    Suite {
        name: "proto",
        budget: minutes(8),
        covers: "the pure machines: rules, behaviour, vectors and property tests over random schedules",
        needs: &[],
        steps: &[Step::Cargo(&[
            "test",
            "--no-fail-fast",
            "--workspace",
            "--test=rules",
            "--test=behaviour",
            "--test=vectors",
            "--test=schedules",
        ])],
    },
    Suite {
        name: "fuzz",
        budget: minutes(3),
        covers: "the corpus of every fuzz target, replayed",
        needs: &[],
        steps: &[Step::Cargo(&["test", "--no-fail-fast", "--workspace", "--test=corpus"])],
    },
    Suite {
        name: "supabase",
        budget: minutes(5),
        covers: "the Supabase adapter against the hub, over real sockets",
        needs: &[],
        steps: &[Step::Cargo(&["test", "--no-fail-fast", "--workspace", "--test=supabase*"])],
    },
    Suite {
        name: "web",
        budget: minutes(2),
        covers: "the browser phone's decoders, call machine and types in Node",
        needs: web_suite::NEEDS,
        steps: &[Step::Prepare(web_suite::prepare), Step::Own(web_suite::suite)],
    },
    Suite {
        name: "hub",
        budget: minutes(6),
        covers: "the official clients in JavaScript and Python, a Rust crate and a raw websocket against the hub",
        needs: setup::HUB,
        steps: &[
            // The example brings the features that the dependencies have in tests: they are not built twice.
            Step::Build(&[
                "build",
                "--workspace",
                "--bin=ringback-server",
                "--bin=hub_stand",
                "--bin=bench_hub_faults",
                "--example=phone",
            ]),
            Step::Prepare(hub_suite::prepare),
            Step::Own(hub_suite::suite),
        ],
    },
    Suite {
        name: "terminal",
        budget: minutes(4),
        covers: "the terminal phone in a real pseudo-terminal and on a pipe, and the doctor, against the server",
        needs: &[],
        steps: &[
            Step::Build(&["build", "--workspace", "--example=phone", "--example=doctor"]),
            Step::Cargo(&["test", "--no-fail-fast", "--workspace", "--test=terminal*"]),
        ],
    },
    Suite {
        name: "scenarios",
        budget: minutes(12),
        covers: "the real core and the real engine in virtual time and simulated networks",
        needs: &[],
        steps: &[Step::Cargo(&[
            "test",
            "--no-fail-fast",
            "--workspace",
            "--test=engine*",
            "--test=scenario*",
        ])],
    },
    Suite {
        name: "turn",
        budget: minutes(4),
        covers: "TURN over UDP, TCP and TLS and calls through it, against the embedded server and coturn alike",
        needs: setup::RELAY,
        steps: &[Step::Cargo(&["test", "--no-fail-fast", "--workspace", "--test=turn"])],
    },
    Suite {
        name: "devices",
        budget: minutes(5),
        covers: "sound devices and whole calls through PulseAudio's null sinks, and callbacks that do not allocate",
        needs: setup::SOUND,
        steps: &[Step::Cargo(&[
            "test",
            "--no-fail-fast",
            "--workspace",
            "--test=devices*",
            "--test=audio_callbacks*",
            "--",
            "--show-output",
        ])],
    },
    Suite {
        name: "browser",
        budget: minutes(6),
        covers: "Chromium on the served page against native phones, the echo bot and itself; screens and accessibility",
        needs: browser::NEEDS,
        steps: &[Step::Build(browser::BUILD), Step::Prepare(browser::prepare), Step::Own(browser::suite)],
    },
    Suite {
        name: "mutants",
        budget: minutes(12),
        covers: "one deliberate fault for each of the rules R1-R15, which its test must catch",
        needs: &[],
        steps: &[Step::Own(mutants::suite)],
    },
    Suite {
        name: "demo",
        budget: minutes(6),
        covers: "the demo for real: good calls succeed and their figures are computed again; muted and crossed calls fail",
        needs: setup::SOUND,
        steps: &[Step::Build(&["build", "--workspace", "--all-targets"]), Step::Own(demo_suite::suite)],
    },
];

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_the_budgets_fit_a_ci_run() {
        let names: BTreeSet<_> = SUITES.iter().map(|suite| suite.name).collect();
        assert_eq!(names.len(), SUITES.len());
        let total: Duration = SUITES.iter().map(|suite| suite.budget).sum();
        assert!(total <= minutes(100), "{total:?}");
    }
}

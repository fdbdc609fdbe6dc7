//! Every developer command of Ringback: `cargo xtask demo`, `test`, `bench`, `fuzz` and `check`.
//!
//! This crate depends on none that needs a C compiler or a system library: it installs those first, then runs cargo.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod check;
mod demo;
mod demo_suite;
mod mutants;
mod process;
mod rules;
mod setup;
mod suites;
mod tally;
mod test;
mod tools;
mod workspace;

use std::{
    process::{ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Every developer command of Ringback", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Two phones call each other through a hub; shows what each heard.
    Demo(demo::Options),
    /// Runs the test suites, all of them if none is named.
    Test {
        /// Names of suites.
        suites: Vec<String>,
        /// Lists the suites with their time budgets, and runs none.
        #[arg(long)]
        list: bool,
        /// Installs what is missing without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Measures, in release mode: `setup`, `soak` or `call`; what follows the name goes to the benchmark.
    Bench {
        /// Name of the benchmark; all if absent.
        name: Option<String>,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },
    /// Feeds the decoders of remote bytes with inputs grown from the corpus.
    Fuzz {
        /// Name of the target; all in turn if absent.
        target: Option<String>,
        /// How long to explore each target.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Format, clippy, documentation, dependencies, spelling and the repository's own rules.
    Check,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Action) -> Result<bool> {
    process::stop_children_on_signal()?;
    match command {
        Action::Demo(options) => demo::run(&options),
        Action::Test { list: true, .. } => {
            test::list();
            Ok(true)
        }
        Action::Test { suites, list: false, yes } => test::run(&suites, yes),
        Action::Bench { name, rest } => {
            let mut arguments = BENCH.to_vec();
            arguments.extend(name.as_deref());
            arguments.extend(rest.iter().map(String::as_str));
            pass_through(&arguments)
        }
        Action::Fuzz { target, seconds } => {
            let seconds = seconds.to_string();
            let mut arguments = FUZZ.to_vec();
            arguments.extend(target.as_deref());
            arguments.extend(["--seconds", &seconds]);
            pass_through(&arguments)
        }
        Action::Check => {
            setup::ensure(setup::BUILD, false)?;
            Ok(check::run())
        }
    }
}

/// Runs a program of the test crate with our own output; it has no time limit.
fn pass_through(arguments: &[&str]) -> Result<bool> {
    setup::ensure(setup::BUILD, false)?;
    let ended = process::run(
        workspace::cargo(arguments).stdin(Stdio::null()),
        Instant::now() + Duration::from_secs(24 * 60 * 60),
        |line| match line {
            process::Line::Out(text) => println!("{text}"),
            process::Line::Err(text) => eprintln!("{text}"),
        },
    )?;
    Ok(ended.success())
}

const BENCH: &[&str] = &["run", "--release", "--quiet", "--package=ringback-tests", "--bin=bench", "--"];

const FUZZ: &[&str] = &["run", "--release", "--quiet", "--package=ringback-tests", "--bin=fuzz", "--"];

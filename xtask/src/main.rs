//! Every developer command of Ringback: `cargo xtask demo`, `test`, `bench`, `fuzz` and `check`.
//!
//! This crate depends on none that needs a C compiler or a system library: it installs those first, then runs cargo.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod bench;
mod browser;
mod check;
mod demo;
mod demo_suite;
mod fuzz;
mod hub_suite;
mod mutants;
mod node;
mod packages;
mod process;
mod python;
mod rules;
mod script;
mod server;
mod setup;
mod suites;
mod tally;
mod test;
mod tools;
mod web_suite;
mod workspace;

use std::process::ExitCode;

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
        /// A Supabase project, or a hub that runs already, for the suite `hub`.
        #[command(flatten)]
        project: hub_suite::Project,
    },
    /// Measures, in release mode, and prints the figures as lines of JSON.
    Bench {
        /// Name of the benchmark, such as `setup`, `soak` or `call`; all if absent.
        name: Option<String>,
        /// `setup` over simulated paths that lose packets.
        #[arg(long)]
        loss: bool,
        /// Who is measured beside us; without it the stock engine, where there is one.
        #[arg(long, value_enum)]
        peer: Option<bench::Peer>,
        /// What follows `--` goes to the benchmark.
        #[arg(last = true)]
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
        Action::Test { suites, list: false, yes, project } => {
            hub_suite::aim(project, &suites)?;
            test::run(&suites, yes)
        }
        Action::Bench { name, loss, peer, rest } => bench::run(name.as_deref(), loss, peer, &rest),
        Action::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Action::Check => {
            setup::ensure(setup::BUILD, false)?;
            Ok(check::run())
        }
    }
}

//! `cargo xtask check`, which is also the suite `check`: everything about the code that needs no run.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    process::{self, Line},
    rules,
    tally::Tally,
    tools, workspace,
};

/// Runs all checks and prints the totals. Returns whether nothing failed.
pub(crate) fn run() -> bool {
    tools::prepare();
    let mut tally = Tally::default();
    let deadline = Instant::now() + Duration::from_secs(40 * 60);
    quick(&mut tally, deadline);
    compiled(&mut tally, deadline);
    println!("{}", tally.total());
    tally.failed.is_empty()
}

/// What needs no compiler.
pub(crate) fn quick(tally: &mut Tally, deadline: Instant) {
    for (name, rule) in rules::RULES {
        tally.record(&format!("rule {name}"), rule());
    }
    if tools::component("rustfmt") {
        tally.record("format", command(&mut workspace::cargo(&["fmt", "--all", "--check"]), deadline));
    } else {
        tally.skip("format", "this toolchain has no rustfmt; add it with `rustup component add rustfmt`");
    }
    match tools::typos() {
        Ok(program) => {
            let mut typos = Command::new(program);
            typos.args(["--config", "typos.toml"]).current_dir(workspace::root());
            tally.record("spelling", command(&mut typos, deadline));
        }
        Err(error) => tally.skip("spelling", &format!("{error:#}")),
    }
    dependencies(tally, deadline);
}

/// Clippy and the documentation.
pub(crate) fn compiled(tally: &mut Tally, deadline: Instant) {
    if tools::component("clippy") {
        let mut clippy =
            workspace::cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]);
        tally.record("clippy", command(&mut clippy, deadline));
        for features in FEATURES {
            let mut library = workspace::cargo(&["clippy", "--package", "ringback", "--no-default-features"]);
            library.args(["--features", features, "--", "--deny", "warnings"]);
            let name = if features.is_empty() { "no feature" } else { features };
            tally.record(&format!("clippy of the library with {name}"), command(&mut library, deadline));
        }
    } else {
        tally.skip("clippy", "this toolchain has no clippy; add it with `rustup component add clippy`");
    }
    let mut doc = workspace::cargo(&["doc", "--workspace", "--no-deps"]);
    tally.record("documentation", command(doc.env("RUSTDOCFLAGS", "--deny warnings"), deadline));
}

/// Licences, sources and bans always; advisories where their database can be fetched.
fn dependencies(tally: &mut Tally, deadline: Instant) {
    let program = match tools::cargo_deny() {
        Ok(program) => program,
        Err(error) => {
            tally.skip("dependencies", &format!("{error:#}"));
            tally.skip("advisories", "no cargo-deny");
            return;
        }
    };
    let deny = |checks: &[&str]| {
        let mut deny = Command::new(&program);
        deny.args(["--color", "never", "check", "--hide-inclusion-graph"]).args(checks);
        deny.current_dir(workspace::root());
        deny
    };
    tally.record("dependencies", command(&mut deny(&["bans", "licenses", "sources"]), deadline));
    // A database that cannot be reached must not cost more than a minute.
    let limit = deadline.min(Instant::now() + Duration::from_secs(60));
    match command(&mut deny(&["advisories"]), limit) {
        Err(error) if unreachable_database(&format!("{error:#}")) => {
            tally.skip("advisories", "the advisory database cannot be fetched here");
        }
        result => tally.record("advisories", result),
    }
}

fn unreachable_database(error: &str) -> bool {
    ["failed to fetch advisory database", "time limit"].iter().any(|sign| error.contains(sign))
}

/// Runs `command` quietly; its output is shown, as the error, only if it fails.
fn command(command: &mut Command, deadline: Instant) -> Result<()> {
    let mut output = String::new();
    let ended = process::run(command, deadline, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        output.push_str("\n  ");
        output.push_str(text);
    })?;
    match ended {
        process::Ended::Exited(status) if status.success() => Ok(()),
        process::Ended::Exited(_) => bail!("{output}"),
        process::Ended::TimedOut => bail!("killed at its time limit{output}"),
    }
}

/// What apps leave out: everything, and what the server does without.
const FEATURES: &[&str] = &["", "supabase,webrtc", "diagnose"];

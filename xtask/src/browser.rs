//! Chromium against native phones: the suite `browser` and the benchmarks with `--peer chromium`.
//!
//! The programs that drive Chromium lie in `tests/interop/browser`.

use std::{path::PathBuf, process::Command, time::Instant};

use anyhow::{Result, bail};

use crate::{node, process, script::Script, setup, setup::Need, tally::Tally, workspace};

/// What the suite and the benchmarks need beyond [`setup::BUILD`].
pub(crate) const NEEDS: &[Need] = &[Need::Node, Need::Npm, Need::Chromium];

/// Arguments for cargo that build the server and the phone, with the features that the tests build with.
pub(crate) const BUILD: &[&str] = &["build", "--workspace", "--bin=ringback-server", "--example=phone"];

/// Fetches the packages of the programs.
pub(crate) fn prepare() -> Result<()> {
    node::modules(&folder()).map(drop)
}

/// The suite `browser`. Pictures of every screen go to `artifacts/test/browser`.
pub(crate) fn suite(tally: &mut Tally, deadline: Instant) {
    let artifacts = workspace::root().join("artifacts/test/browser");
    match program("suite.mjs", "debug") {
        Ok(mut command) => {
            command.arg("--artifacts").arg(artifacts);
            tally.add(Script::new("browser", command).run(deadline));
        }
        Err(error) => tally.fail("browser", &format!("{error:#}")),
    }
}

/// Whether there is a benchmark `name` with Chromium as the peer.
pub(crate) fn has_bench(name: &str) -> bool {
    BENCHES.contains(&name)
}

/// Runs the benchmark `name` with Chromium as the peer. Returns whether it ended well and every bar of it holds.
///
/// # Errors
/// Something is missing that cannot be installed, or a program cannot be built.
pub(crate) fn bench(name: &str, rest: &[String]) -> Result<bool> {
    if !has_bench(name) {
        bail!("there is no benchmark `{name}` with Chromium; there are: {}", BENCHES.join(", "));
    }
    let mut needs = setup::BUILD.to_vec();
    needs.extend(NEEDS);
    setup::ensure(&needs, false)?;
    eprintln!("== {name}, with Chromium");
    let build = [BUILD, &["--release", "--quiet"]].concat();
    if !process::run(&mut workspace::cargo(&build), process::far(), process::print)?.success() {
        bail!("the server and the phone could not be built");
    }
    let mut command = program(&format!("{name}.mjs"), "release")?;
    command.args(rest);
    Ok(process::run(&mut command, process::far(), process::print)?.success())
}

/// A program of the folder, told where the built programs of `profile` are.
fn program(file: &str, profile: &str) -> Result<Command> {
    let mut command = node::script(&folder(), file)?;
    command.arg("--programs").arg(workspace::target().join(profile));
    if let Some(chromium) = setup::chromium() {
        command.env("CHROMIUM", chromium);
    }
    Ok(command)
}

fn folder() -> PathBuf {
    workspace::root().join("tests/interop/browser")
}

const BENCHES: &[&str] = &["calls", "setup"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_benchmark_has_its_program() {
        for name in BENCHES {
            assert!(folder().join(format!("{name}.mjs")).is_file(), "{name}");
        }
        assert!(folder().join("suite.mjs").is_file());
    }
}

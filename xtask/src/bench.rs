//! `cargo xtask bench`: runs the benchmarks, which are the programs `tests/src/bin/bench_*.rs`, in release mode.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use crate::{browser, process, setup, workspace};

/// Who is measured beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    /// A real Chromium, driven from `tests/interop/browser`.
    Chromium,
}

/// Runs the benchmark `name`, or all but those that run by name only. Returns whether all ended well.
pub(crate) fn run(name: Option<&str>, loss: bool, peer: Option<Peer>, rest: &[String]) -> Result<bool> {
    if peer == Some(Peer::Chromium) {
        return browser::bench(name.unwrap_or("setup"), rest);
    }
    let known = names()?;
    let chosen = match name {
        None => known.into_iter().filter(|name| !ONLY_BY_NAME.contains(&name.as_str())).collect(),
        Some(name) => {
            // Programs have underscores where commands have hyphens.
            let name = name.replace('-', "_");
            let name = if loss { format!("{name}_loss") } else { name };
            if !known.contains(&name) {
                bail!("there is no benchmark `{name}`; there are: {}", known.join(", "));
            }
            vec![name]
        }
    };
    let mut needs = setup::BUILD.to_vec();
    if chosen.iter().any(|name| name == "setup") {
        needs.extend(setup::SOUND);
    }
    setup::ensure(&needs, false)?;
    let mut good = true;
    for name in chosen {
        let program = format!("bench_{name}");
        eprintln!("== {name}");
        // The whole workspace's selection of features, as the tests have it: another one would build everything twice.
        let mut build = vec!["build", "--release", "--quiet", "--workspace", "--bin", &program];
        if name == "hub" {
            // It runs as a process of its own.
            build.extend(["--bin", "ringback-server"]);
        }
        if !process::run(&mut workspace::cargo(&build), process::far(), process::print)?.success() {
            bail!("{program} could not be built");
        }
        let mut bench = Command::new(workspace::target().join("release").join(&program));
        bench.args(rest).current_dir(workspace::root());
        good &= process::run(&mut bench, process::far(), process::print)?.success();
    }
    Ok(good)
}

fn names() -> Result<Vec<String>> {
    let folder = workspace::root().join("tests/src/bin");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some(name.strip_prefix("bench_")?.trim_end_matches(".rs").to_owned())
        })
        .collect();
    names.sort();
    Ok(names)
}

/// They take an hour.
const ONLY_BY_NAME: &[&str] = &["hub_faults"];

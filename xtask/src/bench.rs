//! `cargo xtask bench`: runs the benchmarks, which are the programs `tests/src/bin/bench_*.rs`, in release mode.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{process, setup, workspace};

/// Runs the benchmark `name`, or all. Returns whether all ended well.
pub(crate) fn run(name: Option<&str>, loss: bool, rest: &[String]) -> Result<bool> {
    let known = names()?;
    let chosen = match name {
        None => known,
        Some(name) => {
            let name = if loss { format!("{name}_loss") } else { name.to_owned() };
            if !known.contains(&name) {
                bail!("there is no benchmark `{name}`; there are: {}", known.join(", "));
            }
            vec![name]
        }
    };
    setup::ensure(setup::BUILD, false)?;
    let mut good = true;
    for name in chosen {
        let program = format!("--bin=bench_{name}");
        let mut arguments = vec!["run", "--release", "--quiet", "--package=ringback-tests", &program, "--"];
        arguments.extend(rest.iter().map(String::as_str));
        eprintln!("== {name}");
        good &= process::run(&mut workspace::cargo(&arguments), far(), process::print)?.success();
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

/// Whoever measures decides how long.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}

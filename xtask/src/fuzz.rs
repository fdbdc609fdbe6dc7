//! `cargo xtask fuzz`: explores the fuzz targets of `tests/fuzz` with cargo-fuzz.
//!
//! No nightly toolchain is needed: the targets are safe code, for which the address sanitizer would find nothing, and
//! the coverage of libFuzzer alone is had from the stable compiler with `RUSTC_BOOTSTRAP`.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{process, setup, tools, workspace};

/// Explores `target`, or all in turn, for `seconds` each. Returns whether nothing was found.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<bool> {
    let known = targets()?;
    let chosen = match target {
        None => known,
        Some(target) if known.iter().any(|name| name == target) => vec![target.to_owned()],
        Some(target) => bail!("there is no fuzz target `{target}`; there are: {}", known.join(", ")),
    };
    setup::ensure(setup::BUILD, false)?;
    let program = tools::cargo_fuzz()?;
    let limit = format!("-max_total_time={seconds}");
    let mut good = true;
    for target in chosen {
        eprintln!("== {target}, {seconds} s");
        // The first corpus takes what is found, the committed one is only read.
        let found = workspace::target().join("fuzz-corpus").join(&target);
        fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let committed = workspace::root().join("tests/fuzz/corpus").join(&target);
        let mut command = std::process::Command::new(&program);
        command.args(["run", "--sanitizer=none", "--fuzz-dir=tests/fuzz", &target]);
        command.arg(&found).arg(&committed).args(["--", &limit]);
        command.current_dir(workspace::root()).env("RUSTC_BOOTSTRAP", "1");
        // Building takes minutes the first time.
        let deadline = Instant::now() + Duration::from_secs(seconds) + Duration::from_secs(30 * 60);
        good &= process::run(&mut command, deadline, process::print)?.success();
    }
    Ok(good)
}

fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join("tests/fuzz/fuzz_targets");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

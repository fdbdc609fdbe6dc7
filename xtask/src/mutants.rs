//! The suite `mutants`: a deliberate fault for each rule, which the test that guards the rule must catch.
//!
//! `tests/mutants/*.json` hold one object or a list: `{"rule", "file", "find", "replace", "caught_by"}`. `find` occurs
//! exactly once in `file`; `caught_by` is a cargo command (`test` or `clippy`). The workspace is copied below the target
//! folder and built there, next to what is built already; the working tree is never touched. Each `caught_by` must pass on
//! the unchanged copy, and each mutant must fail it: by a failed test, or by a lint for `clippy`. A mutant that does
//! not compile proves nothing and is a failure, and so is one that runs into the time limit.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    process::{self, Ended, Line},
    tally::{Libtest, Tally},
    tools, workspace,
};

/// Runs every mutant.
pub(crate) fn suite(tally: &mut Tally, deadline: Instant) {
    let mutants = match load() {
        Ok(mutants) => mutants,
        Err(error) => return tally.fail("mutants", &format!("{error:#}")),
    };
    let copy = workspace::target().join("mutants");
    if let Err(error) = copy_workspace(&copy) {
        return tally.fail("copy of the workspace", &format!("{error:#}"));
    }
    let clippy = tools::component("clippy");
    let mut guards: BTreeMap<&[String], bool> = BTreeMap::new();
    for mutant in &mutants {
        let name = format!("mutant {} in {}", mutant.rule, mutant.file);
        if mutant.is_lint() && !clippy {
            tally.skip(&name, "this toolchain has no clippy");
            continue;
        }
        let passes = *guards.entry(&mutant.caught_by).or_insert_with(|| {
            let result = guard(&copy, &mutant.caught_by, deadline).and_then(|verdict| match verdict {
                Verdict::Passed { tests: 1.. } => Ok(()),
                Verdict::Passed { tests: 0 } if mutant.is_lint() => Ok(()),
                Verdict::Passed { tests: 0 } => bail!("it runs no test"),
                Verdict::TestFailed => bail!("it fails without a mutant"),
                Verdict::LintFailed | Verdict::NotCompiled => bail!("it does not compile without a mutant"),
            });
            let good = result.is_ok();
            tally.record(&format!("unchanged: cargo {}", mutant.caught_by.join(" ")), result);
            good
        });
        if passes {
            tally.record(&name, is_caught(mutant, &copy, deadline));
        } else {
            tally.fail(&name, "what should catch it fails by itself");
        }
    }
}

#[derive(Debug)]
struct Mutant {
    rule: String,
    file: String,
    find: String,
    replace: String,
    /// Arguments for cargo.
    caught_by: Vec<String>,
}

impl Mutant {
    fn is_lint(&self) -> bool {
        self.caught_by.first().is_some_and(|first| first == "clippy")
    }
}

/// What a guard said.
#[derive(Debug)]
enum Verdict {
    Passed { tests: usize },
    TestFailed,
    LintFailed,
    NotCompiled,
}

fn load() -> Result<Vec<Mutant>> {
    let folder = workspace::root().join("tests/mutants");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut mutants = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let value: Value = serde_json::from_str(&fs::read_to_string(&file)?).with_context(|| name.clone())?;
        let list = if let Value::Array(list) = value { list } else { vec![value] };
        for entry in &list {
            mutants.push(parse(entry).with_context(|| name.clone())?);
        }
    }
    if mutants.is_empty() {
        bail!("tests/mutants holds no mutant");
    }
    Ok(mutants)
}

fn parse(entry: &Value) -> Result<Mutant> {
    let field = |name: &str| {
        entry[name].as_str().map(str::to_owned).with_context(|| format!("`{name}` is missing or no text"))
    };
    let caught_by = field("caught_by")?;
    let mut words = caught_by.split_whitespace().map(str::to_owned);
    if words.next().as_deref() != Some("cargo") {
        bail!("`caught_by` must be a cargo command, not `{caught_by}`");
    }
    Ok(Mutant {
        rule: field("rule")?,
        file: field("file")?,
        find: field("find")?,
        replace: field("replace")?,
        caught_by: words.collect(),
    })
}

/// Brings `tree` to the state of the working tree. Files that are equal already keep their time, so cargo reuses builds.
fn copy_workspace(tree: &Path) -> Result<()> {
    let root = workspace::root();
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .stdin(Stdio::null())
        .output()
        .context("git ls-files")?;
    let listing = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    let files: Vec<&str> =
        listing.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file()).collect();
    if files.is_empty() {
        bail!("git ls-files lists nothing");
    }
    for path in &files {
        put(&tree.join(path), &fs::read(root.join(path))?)?;
    }
    remove_strays(tree, tree, &files)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// A file that was deleted from the workspace must not live on as a test of the copy.
fn remove_strays(tree: &Path, folder: &Path, files: &[&str]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_strays(tree, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(tree)
            && relative != Path::new("Cargo.lock")
            && !files.iter().any(|file| Path::new(file) == relative)
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn is_caught(mutant: &Mutant, copy: &Path, deadline: Instant) -> Result<()> {
    let path = copy.join(&mutant.file);
    let original = fs::read_to_string(&path).with_context(|| mutant.file.clone())?;
    let occurrences = original.matches(&mutant.find).count();
    if occurrences != 1 {
        bail!("`find` occurs {occurrences} times, not once");
    }
    if mutant.find == mutant.replace {
        bail!("it changes nothing");
    }
    fs::write(&path, original.replacen(&mutant.find, &mutant.replace, 1))?;
    let limit = deadline.min(Instant::now() + MUTANT_LIMIT);
    let verdict = guard(copy, &mutant.caught_by, limit);
    fs::write(&path, original)?;
    match verdict? {
        Verdict::TestFailed => Ok(()),
        Verdict::LintFailed if mutant.is_lint() => Ok(()),
        Verdict::Passed { .. } => bail!("it survives `cargo {}`", mutant.caught_by.join(" ")),
        Verdict::LintFailed | Verdict::NotCompiled => bail!("it does not compile, which proves nothing"),
    }
}

fn guard(copy: &Path, arguments: &[String], deadline: Instant) -> Result<Verdict> {
    let mut cargo = workspace::cargo(arguments);
    // The libraries below are shared with the ordinary builds; cargo tells our own crates apart by their path.
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", workspace::target());
    let mut libtest = Libtest::default();
    let (mut test_failed, mut lint_failed) = (false, false);
    let ended = process::run(&mut cargo, deadline, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        test_failed |= text.starts_with("test result: FAILED");
        lint_failed |= text.contains("clippy::");
        libtest.line(text);
    })?;
    match ended {
        Ended::TimedOut => bail!("`cargo {}` ran into its time limit", arguments.join(" ")),
        Ended::Exited(status) if status.success() => {
            Ok(Verdict::Passed { tests: libtest.finish("guard", true).passed })
        }
        Ended::Exited(_) if test_failed => Ok(Verdict::TestFailed),
        Ended::Exited(_) if lint_failed => Ok(Verdict::LintFailed),
        Ended::Exited(_) => Ok(Verdict::NotCompiled),
    }
}

/// A build of the crate and its property tests; a mutant that loops for ever is a mutant to rewrite.
const MUTANT_LIMIT: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guard_must_be_a_cargo_command() {
        let entry =
            json!({"rule": "R1", "file": "a", "find": "b", "replace": "c", "caught_by": "rm -rf target"});
        assert!(parse(&entry).is_err());
    }

    #[test]
    fn a_guard_is_split_into_arguments() {
        let entry = json!({"rule": "R11", "file": "a", "find": "b", "replace": "c",
            "caught_by": "cargo clippy -p ringback-proto -- -D warnings"});
        let mutant = parse(&entry).unwrap();
        assert!(mutant.is_lint());
        assert_eq!(mutant.caught_by.len(), 6);
    }
}

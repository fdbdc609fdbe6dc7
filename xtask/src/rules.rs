//! The repository's own rules, for which no ready tool exists.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::workspace;

type Rule = fn() -> Result<()>;

/// Every rule, by name.
pub(crate) const RULES: &[(&str, Rule)] = &[
    ("file length", file_length),
    ("forbidden words", forbidden_words),
    ("no unsafe", no_unsafe),
    ("no ignored test", no_ignored_test),
];

/// A hand-written file of more than 400 lines is listed with its reason; none has more than 700.
fn file_length() -> Result<()> {
    let list = fs::read_to_string(workspace::root().join(LONG_FILES)).context(LONG_FILES)?;
    let mut listed: Vec<(&str, bool)> = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((path, reason)) = line.split_once(" | ") else {
            bail!("{LONG_FILES}: `{line}` is not `path | reason`")
        };
        if reason.trim().is_empty() {
            bail!("{LONG_FILES}: {path} has no reason");
        }
        listed.push((path.trim(), false));
    }

    let mut wrong = Vec::new();
    for (path, text) in hand_written()? {
        let lines = text.lines().count();
        let entry = listed.iter_mut().find(|(listed, _)| *listed == path);
        if lines > 700 {
            wrong.push(format!("{path} has {lines} lines; 700 is a bug"));
        } else if lines > 400 {
            match entry {
                Some(entry) => entry.1 = true,
                None => wrong.push(format!("{path} has {lines} lines and no reason in {LONG_FILES}")),
            }
        }
    }
    for (path, used) in listed {
        if !used {
            wrong.push(format!("{LONG_FILES} names {path}, which is gone or short"));
        }
    }
    report(&wrong)
}

/// No path of somebody's machine, and no word that marks unfinished work.
fn forbidden_words() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in hand_written()? {
        for (number, line) in text.lines().enumerate() {
            for word in FORBIDDEN {
                if line.contains(word) {
                    wrong.push(format!("{path}:{}: `{word}`", number + 1));
                }
            }
        }
    }
    report(&wrong)
}

/// The core and its pure part forbid unsafe code at the root of the crate.
fn no_unsafe() -> Result<()> {
    let mut wrong = Vec::new();
    for file in ["core/src/lib.rs", "core/proto/src/lib.rs"] {
        let text = fs::read_to_string(workspace::root().join(file)).context(file)?;
        if !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
            wrong.push(format!("{file} lacks #![forbid(unsafe_code)]"));
        }
    }
    report(&wrong)
}

/// A test either runs or says at run time why it cannot.
fn no_ignored_test() -> Result<()> {
    let mut wrong = Vec::new();
    for (path, text) in hand_written()?.into_iter().filter(|(path, _)| path.ends_with(".rs")) {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            let example = line.trim_start_matches(['/', '!', ' ']).starts_with("```ignore");
            if line.starts_with("#[ignore") || (line.starts_with("//") && example) {
                wrong.push(format!("{path}:{}", number + 1));
            }
        }
    }
    report(&wrong)
}

fn report(wrong: &[String]) -> Result<()> {
    if wrong.is_empty() { Ok(()) } else { bail!("\n  {}", wrong.join("\n  ")) }
}

/// Path and text of every file that somebody wrote: known to git or new, neither ignored nor generated.
fn hand_written() -> Result<Vec<(String, String)>> {
    let root = workspace::root();
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .stdin(Stdio::null())
        .output()
        .context("git ls-files")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let mut files = Vec::new();
    for path in String::from_utf8_lossy(&output.stdout).split('\0').filter(|path| is_hand_written(path)) {
        // A file that was deleted and not yet committed is still listed.
        if let Ok(text) = fs::read_to_string(root.join(path)) {
            files.push((path.to_owned(), text));
        }
    }
    if files.is_empty() {
        bail!("git ls-files lists no source");
    }
    Ok(files)
}

fn is_hand_written(path: &str) -> bool {
    let known = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| EXTENSIONS.contains(&extension));
    let own_name = path.starts_with(".ci/") || path.starts_with("LICENSE");
    (known || own_name) && !GENERATED.iter().any(|folder| path.starts_with(folder))
}

/// What people write. JSON is data: vectors, corpora, mutants.
const EXTENSIONS: &[&str] = &[
    "rs", "toml", "md", "sh", "py", "sql", "ts", "js", "mjs", "html", "css", "dart", "kt", "swift", "yml",
    "yaml",
];

const GENERATED: &[&str] = &["tests/assets/", "tests/fuzz/corpus/"];

/// One `path | reason` a line.
const LONG_FILES: &str = "xtask/long-files.txt";

/// In two halves each, so that this file keeps its own rule.
const FORBIDDEN: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("sha", "red/design"),
    concat!("sha", "red/facts"),
    concat!("sha", "red/tools"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_hand_written_and_data_is_not() {
        assert!(is_hand_written("core/src/lib.rs"));
        assert!(is_hand_written(".ci/run"));
        assert!(is_hand_written("tests/interop/browser/lib/row.mjs"));
        assert!(!is_hand_written("Cargo.lock"));
        assert!(!is_hand_written("tests/assets/speech/english.wav"));
        assert!(!is_hand_written("tests/vectors/envelope.json"));
    }

    #[test]
    fn this_repository_keeps_the_rules_that_never_wait_for_other_work() {
        no_unsafe().unwrap();
        no_ignored_test().unwrap();
    }
}

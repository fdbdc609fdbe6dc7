//! Packages of other languages: where they lie in the cache, and the program that fetches them.

use std::{
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, Line},
    workspace,
};

/// Where the packages of `folder` lie; another place for everything that changes what is installed.
pub(crate) fn place(language: &str, folder: &Path, depends_on: &impl Hash) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    depends_on.hash(&mut hasher);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    workspace::cache().join(format!("{language}-{name}-{:016x}", hasher.finish()))
}

/// Keeps other runs away from `place` until the file is dropped.
///
/// # Errors
/// Another run still has it after as long as an installation may take.
pub(crate) fn lock(place: &Path) -> Result<File> {
    fs::create_dir_all(workspace::cache())?;
    let path = place.with_extension("lock");
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::park_timeout(POLL),
            Err(error) => bail!("{}: {error}", path.display()),
        }
    }
}

/// Runs a program that installs, and returns what it said.
///
/// # Errors
/// It does not start, takes too long or ends badly; the text has what it said.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let mut said = String::new();
    let ended = process::run(command, Instant::now() + LIMIT, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        said.push_str("\n  ");
        said.push_str(text);
    })?;
    if !ended.success() {
        bail!("{} did not end well:{said}", command.get_program().to_string_lossy());
    }
    Ok(said)
}

/// A few packages arrive in seconds; longer than this the registry hangs.
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// How often a lock is tried.
const POLL: Duration = Duration::from_millis(100);

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_changed_lock_file_has_another_place() {
        let place = |lock: &str| place("node", Path::new("tests/web"), &lock);
        assert_eq!(place("one"), place("one"));
        assert_ne!(place("one"), place("two"));
        assert!(place("one").file_name().is_some_and(|name| name.to_string_lossy().starts_with("node-web-")));
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let mut shell = Command::new("sh");
        let error =
            run(shell.args(["-c", "echo no such package; exit 1"])).map_err(|error| error.to_string());
        assert_eq!(error, Err("sh did not end well:\n  no such package".into()));
    }
}

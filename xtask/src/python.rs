//! Python test programs: a virtual environment in the cache for each `requirements.txt`, which names exact versions.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    process::{self, Line},
    workspace,
};

/// The environment's Python with the script `file` of `folder`, whose packages are installed first if the cache lacks them.
///
/// # Errors
/// The environment cannot be made; the text says what pip said.
pub(crate) fn script(folder: &Path, file: &str) -> Result<Command> {
    let mut command = Command::new(environment(folder)?);
    // Lines arrive as they are printed, and the sources stay free of compiled files.
    command.args(["-u", "-B"]).arg(folder.join(file)).current_dir(folder);
    Ok(command)
}

/// The `python` of the environment for `requirements.txt` in `folder`, made first if the cache lacks it.
fn environment(folder: &Path) -> Result<PathBuf> {
    let requirements = folder.join(REQUIREMENTS);
    let text = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    // An environment belongs to the interpreter that made it.
    let mut version = String::new();
    run(Command::new("python3").arg("--version"), |text| version.push_str(text))?;
    let mut hasher = DefaultHasher::new();
    (&text, &version).hash(&mut hasher);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let place = workspace::cache().join(format!("python-{name}-{:016x}", hasher.finish()));
    let python = place.join("bin/python");
    // Scripts of an environment know its path, so it is made in place; the mark says that it is complete.
    let complete = place.join("complete");
    if complete.is_file() && python.is_file() {
        return Ok(python);
    }
    eprintln!("Fetching the packages of {} into {}", requirements.display(), place.display());
    let mut said = String::new();
    let mut keep = |text: &str| {
        said.push_str("\n  ");
        said.push_str(text);
    };
    let made =
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place), &mut keep).and_then(|()| {
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
            run(pip.arg(&requirements), &mut keep)
        });
    if let Err(error) = made {
        bail!("{}: {error:#}{said}", requirements.display());
    }
    fs::write(&complete, "").with_context(|| complete.display().to_string())?;
    Ok(python)
}

fn run(command: &mut Command, mut on_text: impl FnMut(&str)) -> Result<()> {
    let ended = process::run(command, Instant::now() + INSTALL_LIMIT, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        on_text(text);
    })?;
    if !ended.success() {
        bail!("{} did not end well", command.get_program().to_string_lossy());
    }
    Ok(())
}

/// Every package that is needed, those that others need included, as `name==version`.
const REQUIREMENTS: &str = "requirements.txt";

/// A few packages arrive in seconds; longer than this the registry hangs.
const INSTALL_LIMIT: Duration = Duration::from_secs(5 * 60);

//! Python test programs: a virtual environment in the cache for each `requirements.txt`, which names exact versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::packages;

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
    let version = packages::run(Command::new("python3").arg("--version"))?;
    let place = packages::place("python", folder, &(&text, version));
    let python = place.join("bin/python");
    // Scripts of an environment know its path, so it is made in place; the mark says that it is complete.
    let complete = place.join("complete");
    let _lock = packages::lock(&place)?;
    if complete.is_file() && python.is_file() {
        return Ok(python);
    }
    eprintln!("Fetching the packages of {} into {}", requirements.display(), place.display());
    let make = || {
        packages::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
        packages::run(pip.arg(&requirements))
    };
    make().with_context(|| requirements.display().to_string())?;
    fs::write(&complete, "").with_context(|| complete.display().to_string())?;
    Ok(python)
}

/// Every package that is needed, those that others need included, as `name==version`.
const REQUIREMENTS: &str = "requirements.txt";

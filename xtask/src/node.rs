//! JavaScript test programs: Node's packages, installed from a lock file into the cache, and `node` itself.
//!
//! A folder of JavaScript has `package.json` and `package-lock.json`. Its packages lie in the cache under a name that
//! changes with the lock file, and `node_modules` in the folder is a link there, which git ignores: so a script, an
//! editor and `npx` find them as usual, a fresh clone finds what another has fetched, and an empty cache is filled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::packages;

/// `node` with the script `file` of `folder`, whose packages are installed first if the cache lacks them.
///
/// # Errors
/// The packages cannot be installed; the text says what npm said.
pub(crate) fn script(folder: &Path, file: &str) -> Result<Command> {
    modules(folder)?;
    let mut command = Command::new("node");
    command.arg(folder.join(file)).current_dir(folder);
    Ok(command)
}

/// Installs the packages of `folder` if the cache lacks them, and links them there. Returns their `node_modules`.
///
/// # Errors
/// The packages cannot be installed; the text says what npm said.
pub(crate) fn modules(folder: &Path) -> Result<PathBuf> {
    let lock = fs::read(folder.join(LOCK)).with_context(|| format!("{}: {LOCK}", folder.display()))?;
    let place = packages::place("node", folder, &lock);
    if !place.is_dir() {
        install(folder, &place)?;
    }
    let modules = place.join("node_modules");
    link(&modules, &folder.join("node_modules"))?;
    Ok(modules)
}

/// Installs beside `place` and renames, so that a folder of that name is always complete.
fn install(folder: &Path, place: &Path) -> Result<()> {
    let fresh = place.with_extension(format!("{}.new", std::process::id()));
    fs::create_dir_all(&fresh).with_context(|| fresh.display().to_string())?;
    for file in [MANIFEST, LOCK] {
        fs::copy(folder.join(file), fresh.join(file)).with_context(|| file.to_owned())?;
    }
    eprintln!("Fetching the packages of {} into {}", folder.display(), place.display());
    let mut npm = Command::new("npm");
    // No script of a package runs on the developer's machine.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&fresh);
    let result = packages::run(&mut npm).and_then(|_| match fs::rename(&fresh, place) {
        // Another run may have been faster.
        Err(error) if !place.is_dir() => Err(error).with_context(|| place.display().to_string()),
        Ok(()) | Err(_) => Ok(()),
    });
    // Gone unless another run was faster.
    let _ = fs::remove_dir_all(&fresh);
    result.with_context(|| format!("the packages of {}", folder.display()))
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|there| there == to) {
        return Ok(());
    }
    if at.is_symlink() {
        fs::remove_file(at).with_context(|| at.display().to_string())?;
    } else if at.exists() {
        bail!("{} is no link: remove it, and it will be made one to {}", at.display(), to.display());
    }
    std::os::unix::fs::symlink(to, at).with_context(|| at.display().to_string())
}

#[cfg(not(unix))]
fn link(_to: &Path, at: &Path) -> Result<()> {
    bail!("{}: links to the cache are made on Unix only", at.display())
}

const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";

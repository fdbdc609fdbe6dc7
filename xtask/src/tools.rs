//! Tools that are neither part of the toolchain nor of the repository, kept by version in the cache.
//!
//! cargo-deny is built from crates.io (minutes, once). typos comes as a Python wheel where pip is at hand (seconds)
//! and is built from crates.io elsewhere. A tool that cannot be had makes its check skipped by name.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{process, workspace};

const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
const TYPOS: &str = "1.52.0";

/// Fetches or builds what is missing, saying so. Failures are reported when the tool is asked for.
pub(crate) fn prepare() {
    for tool in [cargo_deny, typos] {
        if let Err(error) = tool() {
            eprintln!("{error:#}");
        }
    }
    component("clippy");
    component("rustfmt");
}

/// Path of cargo-deny, built first if the cache lacks it.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_install("cargo-deny", "cargo-deny", CARGO_DENY)
}

/// Path of cargo-fuzz, built first if the cache lacks it.
pub(crate) fn cargo_fuzz() -> Result<PathBuf> {
    cargo_install("cargo-fuzz", "cargo-fuzz", CARGO_FUZZ)
}

/// Path of typos, fetched first if the cache lacks it.
pub(crate) fn typos() -> Result<PathBuf> {
    let folder = workspace::cache().join(format!("typos-{TYPOS}"));
    let program = folder.join("bin/typos");
    if program.is_file() {
        return Ok(program);
    }
    if workspace::program("python3").is_some() {
        eprintln!("Fetching typos {TYPOS} into {}", folder.display());
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
        pip.arg(&folder).arg(format!("typos=={TYPOS}"));
        let ended = process::run(&mut pip, Instant::now() + Duration::from_secs(120), |_| {});
        if ended.is_ok_and(|ended| ended.success()) && program.is_file() {
            return Ok(program);
        }
    }
    cargo_install("typos-cli", "typos", TYPOS)
}

/// Whether the toolchain's `clippy` or `rustfmt` is there; rustup is asked for a missing one.
pub(crate) fn component(name: &str) -> bool {
    let subcommand = if name == "rustfmt" { "fmt" } else { name };
    let works = || {
        let mut probe = workspace::cargo(&[subcommand, "--version"]);
        process::run(&mut probe, Instant::now() + Duration::from_secs(60), |_| {})
            .is_ok_and(|ended| ended.success())
    };
    if works() {
        return true;
    }
    if workspace::program("rustup").is_none() {
        return false;
    }
    eprintln!("Adding {name} to the Rust toolchain");
    let mut rustup = Command::new("rustup");
    rustup.args(["component", "add", name]).current_dir(workspace::root());
    let _ = process::run(&mut rustup, Instant::now() + Duration::from_secs(300), |_| {});
    works()
}

fn cargo_install(package: &str, program: &str, version: &str) -> Result<PathBuf> {
    let folder = workspace::cache().join(format!("{program}-{version}"));
    let path = folder.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    eprintln!("Building {package} {version} into {} (some minutes, once)", folder.display());
    let mut cargo =
        workspace::cargo(&["install", "--locked", "--quiet", "--version", version, package, "--root"]);
    cargo.arg(&folder).env_remove("CARGO_TARGET_DIR");
    let mut last = String::new();
    let ended = process::run(&mut cargo, Instant::now() + BUILD_LIMIT, |line| {
        let (process::Line::Out(text) | process::Line::Err(text)) = line;
        if !text.trim().is_empty() {
            last.clone_from(text);
        }
    })?;
    if !ended.success() || !path.is_file() {
        bail!("{package} {version} cannot be built from crates.io: {last}");
    }
    Ok(path)
}

/// cargo-deny takes about eight minutes on two cores.
const BUILD_LIMIT: Duration = Duration::from_secs(25 * 60);

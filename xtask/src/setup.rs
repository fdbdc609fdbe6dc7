//! What a fresh machine lacks: found, named with its reason, and installed by apt.
//!
//! Debian and Ubuntu are served by `apt-get` as root or through `sudo`. Elsewhere the user is told what to install.
//! Only an interactive run asks first; `--yes`, `CI` or a standard input that is no terminal mean yes.

use std::{
    env, fs,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    process::{self, Line},
    workspace,
};

/// A thing that some command needs on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Compiler,
    Make,
    Cmake,
    PkgConfig,
    Alsa,
    PulseServer,
    PulseClients,
    AlsaPulse,
    Coturn,
    Node,
    Npm,
    Chromium,
    PythonVenv,
    OpenSsl,
}

impl Need {
    /// The Debian package, and what it is for.
    fn package(self) -> (&'static str, &'static str) {
        match self {
            Need::Compiler => ("g++", "compiles libopus, which the crate opus brings along"),
            Need::Make => ("make", "runs the build of libopus"),
            Need::Cmake => ("cmake", "configures the build of libopus"),
            Need::PkgConfig => ("pkg-config", "finds ALSA for the crate cpal"),
            Need::Alsa => ("libasound2-dev", "ALSA, which cpal links to on Linux"),
            Need::PulseServer => ("pulseaudio", "virtual sound devices"),
            Need::PulseClients => {
                ("pulseaudio-utils", "plays into virtual microphones and records virtual speakers")
            }
            Need::AlsaPulse => ("libasound2-plugins", "shows PulseAudio's devices to ALSA programs"),
            Need::Coturn => ("coturn", "a TURN server to relay through"),
            Need::Node => ("nodejs", "runs test programs in JavaScript"),
            Need::Npm => ("npm", "fetches their packages"),
            Need::Chromium => ("chromium", "a real browser on the served page"),
            Need::OpenSsl => (
                "libssl-dev",
                "OpenSSL, which the crate supabase-realtime-rs links to (the product does not)",
            ),
            Need::PythonVenv => ("python3-venv", "runs test programs in Python, with packages of their own"),
        }
    }

    fn present(self) -> bool {
        match self {
            Need::Compiler => has("cc") && has("c++"),
            Need::Make => has("make"),
            Need::Cmake => has("cmake"),
            Need::PkgConfig => has("pkg-config") || has("pkgconf"),
            Need::Alsa => pkg_config_knows("alsa"),
            Need::PulseServer => has("pulseaudio"),
            Need::PulseClients => has("parec") && has("pacat") && has("pactl"),
            Need::AlsaPulse => alsa_module_present("libasound_module_pcm_pulse.so"),
            Need::Coturn => has("turnserver"),
            Need::Node => node_is_recent(),
            Need::Npm => has("npm"),
            Need::Chromium => chromium().is_some(),
            Need::PythonVenv => python_has("ensurepip"),
            Need::OpenSsl => pkg_config_knows("openssl"),
        }
    }
}

/// What every build needs.
pub(crate) const BUILD: &[Need] = &[Need::Compiler, Need::Make, Need::Cmake, Need::PkgConfig, Need::Alsa];

/// What virtual sound devices need on top.
pub(crate) const SOUND: &[Need] = &[Need::PulseServer, Need::PulseClients, Need::AlsaPulse];

/// What calls through a relay need on top.
pub(crate) const RELAY: &[Need] = &[Need::Coturn];

/// What the third parties that meet the hub need on top.
pub(crate) const HUB: &[Need] = &[Need::Node, Need::Npm, Need::PythonVenv, Need::OpenSsl];

/// Whether all of `needs` are there.
pub(crate) fn present(needs: &[Need]) -> bool {
    cfg!(not(target_os = "linux")) || needs.iter().all(|need| need.present())
}

/// Makes sure that `needs` are there, installing what is missing.
///
/// # Errors
/// When something is missing and cannot be installed, or the user says no; the text says what to do.
pub(crate) fn ensure(needs: &[Need], yes: bool) -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        return elsewhere();
    }
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Missing on this machine:");
    for need in &missing {
        let (package, purpose) = need.package();
        eprintln!("  {package:<20} {purpose}");
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package().0).collect();
    let by_hand = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if workspace::program("apt-get").is_none() {
        bail!(
            "this is not Debian or Ubuntu: install what matches these packages and run again: {}",
            packages.join(" ")
        );
    }
    let sudo = !is_root();
    if sudo && workspace::program("sudo").is_none() {
        bail!("installing needs root and there is no sudo; run as root: {by_hand}");
    }
    if !yes && env::var_os("CI").is_none() && io::stdin().is_terminal() && !agreed(&by_hand, sudo)? {
        bail!("nothing was installed; to do it by hand: {by_hand}");
    }
    install(&packages, sudo);
    if let Some(need) = missing.iter().find(|need| !need.present()) {
        bail!("{} is still missing after apt-get; to do it by hand: {by_hand}", need.package().0);
    }
    Ok(())
}

fn elsewhere() -> Result<()> {
    let missing: Vec<&str> = ["cmake"].into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "install {} and a C compiler first (macOS: `brew install cmake`, `xcode-select --install`)",
        missing.join(", ")
    )
}

fn agreed(by_hand: &str, sudo: bool) -> Result<bool> {
    let prefix = if sudo { "sudo " } else { "" };
    eprint!("Run `{prefix}{by_hand}` now? [Y/n] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Runs apt-get. Its success is judged by the caller, who looks for what was missing.
fn install(packages: &[&str], sudo: bool) {
    let apt = |arguments: &[&str]| {
        let mut command = if sudo { Command::new("sudo") } else { Command::new("apt-get") };
        if sudo {
            command.args(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        eprintln!("$ {}apt-get {}", if sudo { "sudo " } else { "" }, arguments.join(" "));
        if sudo && io::stdin().is_terminal() {
            // sudo may ask for a password, which it reads from the terminal of its own process group.
            let _ = command.stdout(Stdio::null()).status();
            return;
        }
        let ended = process::run(&mut command, Instant::now() + APT_LIMIT, |line| {
            if let Line::Err(text) = line {
                eprintln!("  {text}");
            }
        });
        if let Err(error) = ended {
            eprintln!("  {error:#}");
        }
    };
    // A fresh machine has no package lists; a failed update may still leave usable ones.
    apt(&["update", "-qq"]);
    // One by one: a package that apt does not find would keep the others out.
    for package in packages {
        apt(&["install", "-y", "-qq", "--no-install-recommends", package]);
    }
}

/// The browser: what `CHROMIUM` names, or the first that is installed under one of its names.
pub(crate) fn chromium() -> Option<PathBuf> {
    match env::var_os("CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)).filter(|named| named.is_file()),
        None => CHROMIUMS.iter().find_map(|name| workspace::program(name)),
    }
}

fn has(program: &str) -> bool {
    workspace::program(program).is_some()
}

fn pkg_config_knows(library: &str) -> bool {
    Command::new("pkg-config").args(["--exists", library]).status().is_ok_and(|status| status.success())
}

fn node_is_recent() -> bool {
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| node_major(&String::from_utf8_lossy(&output.stdout)) >= Some(OLDEST_NODE))
}

/// Of what `node --version` prints, such as `v18.20.4`.
fn node_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn python_has(module: &str) -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", &format!("import {module}")]).stdin(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// ALSA's plug-ins lie in a folder named after the machine's architecture.
fn alsa_module_present(file: &str) -> bool {
    let Ok(folders) = fs::read_dir("/usr/lib") else { return false };
    folders.flatten().any(|folder| folder.path().join("alsa-lib").join(file).is_file())
        || Path::new("/usr/lib/alsa-lib").join(file).is_file()
}

#[cfg(unix)]
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Debian's, Ubuntu's, Google's.
const CHROMIUMS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// What Debian 12 has, and what the packages of the test programs ask for.
const OLDEST_NODE: u32 = 18;

/// A slow mirror may take minutes for 100 MB; longer than this it hangs.
const APT_LIMIT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_node_is_no_node() {
        assert_eq!(node_major("v18.20.4\n"), Some(18));
        assert!(node_major("v16.20.2") < Some(OLDEST_NODE));
        assert!(node_major("not found") < Some(OLDEST_NODE));
    }
}

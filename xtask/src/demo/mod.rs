//! `cargo xtask demo`: two phones in two processes call each other through a hub, and each must hear the other.
//!
//! ```text
//!   speech (English) -> rider's phone  <== hub: signaling, then media directly ==>  driver's phone <- speech (French)
//!                            v                                                          v
//!                      rider-heard.wav                                            driver-heard.wav
//! ```
//!
//! The demo judges by what was heard, not by what the phones say: the far side's speech must be found in each
//! recording, and the own speech must not. Every process is stopped on every way out.

mod devices;
mod figures;
mod pulse;
mod recorder;
mod stage;
mod story;

use std::{
    fs,
    io::ErrorKind,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{
    process::{self, Line},
    setup, workspace,
};
use devices::Devices;
use figures::Figures;
use stage::Stage;
use story::Story;

/// What `cargo xtask demo` can be told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Where sound comes from and goes to.
    #[arg(long, value_enum, default_value_t = DeviceKind::File)]
    devices: DeviceKind,
    /// Prints one JSON object last.
    #[arg(long)]
    json: bool,
    /// Mutes one side; the demo must then fail.
    #[arg(long, value_enum, value_name = "SIDE")]
    mute: Option<Side>,
    /// Crosses the wires, so that each side hears itself; the demo must then fail.
    #[arg(long)]
    crossed: bool,
    /// Installs what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// Folder for the recordings and the picture.
    #[arg(long, value_name = "FOLDER", default_value = "artifacts/demo")]
    artifacts: PathBuf,
    /// Takes the hub and the phone from this folder instead of building them.
    #[arg(long, value_name = "FOLDER", hide = true)]
    programs: Option<PathBuf>,
}

/// The kind of sound devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceKind {
    /// WAV files, read and written at the pace of a sound card.
    File,
    /// Sound cards that exist only in a private PulseAudio.
    Virtual,
    /// The machine's own microphone and speaker, for both phones.
    Real,
}

/// A side of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Rider,
    Driver,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Rider => "rider",
            Side::Driver => "driver",
        }
    }

    fn other(self) -> Side {
        match self {
            Side::Rider => Side::Driver,
            Side::Driver => Side::Rider,
        }
    }

    /// The recording that this side speaks.
    fn speech(self) -> PathBuf {
        let file = match self {
            Side::Rider => "english.wav",
            Side::Driver => "french.wav",
        };
        workspace::root().join("tests/assets/speech").join(file)
    }
}

/// Runs the demo. Returns whether both sides heard each other.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut needs = setup::BUILD.to_vec();
    if options.devices == DeviceKind::Virtual {
        needs.extend(setup::SOUND);
    }
    setup::ensure(&needs, options.yes)?;
    if options.programs.is_none() {
        build()?;
    }

    let artifacts = workspace::root().join(&options.artifacts);
    fs::create_dir_all(&artifacts).with_context(|| artifacts.display().to_string())?;
    remove_results(&artifacts)?;

    let mut story = Story::new();
    let figures = match call(options, &artifacts, &mut story) {
        Ok(figures) => figures,
        Err(error) => {
            story.say("demo", &format!("failed: {error:#}"));
            Figures::none(options.devices)
        }
    };
    story.write(&artifacts.join("events.jsonl"))?;
    figures.print(&artifacts);
    fs::write(artifacts.join("figures.json"), format!("{}\n", figures.json()))?;
    if options.json {
        println!("{}", figures.json());
    }
    Ok(figures.ok())
}

/// Removes what an earlier demo left in `folder`, and nothing else: the folder is the user's.
fn remove_results(folder: &std::path::Path) -> Result<()> {
    for name in RESULTS {
        let file = folder.join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| file.display().to_string());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn call(options: &Options, artifacts: &std::path::Path, story: &mut Story) -> Result<Figures> {
    let mut devices = Devices::prepare(options.devices, artifacts, options.crossed)?;
    let programs = options.programs.clone().unwrap_or_else(|| workspace::target().join("debug"));
    let mut stage = Stage::open(&programs, story)?;
    // The callee first: a phone that is not there cannot ring.
    for side in [Side::Driver, Side::Rider] {
        let muted = options.mute == Some(side);
        stage.add_phone(side, &devices.arguments(side), &devices.environment(), muted, story)?;
    }
    stage.play(&mut devices, story)?;
    stage.close()?;
    let recordings = devices.finish()?;
    Figures::compute(options.devices, story, recordings, artifacts)
}

/// Builds the hub and the phone, showing cargo's progress only if it takes long.
fn build() -> Result<()> {
    eprintln!("Building the hub and the phone (minutes the first time).");
    let mut cargo = workspace::cargo(BUILD);
    let deadline = Instant::now() + Duration::from_secs(30 * 60);
    let ended = process::run(cargo.stdin(Stdio::null()), deadline, |line| {
        let (Line::Out(text) | Line::Err(text)) = line;
        eprintln!("{text}");
    })?;
    if !ended.success() {
        bail!("the build failed");
    }
    Ok(())
}

/// Every file that a demo writes.
const RESULTS: &[&str] = &[
    "rider-said.wav",
    "rider-heard.wav",
    "driver-said.wav",
    "driver-heard.wav",
    figures::PICTURE,
    "events.jsonl",
    "figures.json",
];

/// Arguments for cargo that build the hub and the phone, with the features that the tests build with: the dependencies
/// are built once for both.
const BUILD: &[&str] = &["build", "--workspace", "--bin=ringback-server", "--example=phone"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_what_no_demo_wrote() {
        let folder = std::env::temp_dir().join(format!("ringback-results-{}", std::process::id()));
        fs::create_dir_all(folder.join("mine")).unwrap();
        for file in ["mine/letter.txt", "notes.txt", "figures.json", "rider-heard.wav"] {
            fs::write(folder.join(file), "x").unwrap();
        }
        remove_results(&folder).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["mine", "notes.txt"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}

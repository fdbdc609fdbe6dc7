//! The suite `demo`: runs the demo for real, and believes none of its figures without computing them again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use ringback_measure::{Sound, heard};
use serde_json::Value;

use crate::{
    process::{self, Ended, Line},
    setup,
    tally::Tally,
    workspace,
};

/// Runs good, muted and crossed demos.
pub(crate) fn suite(tally: &mut Tally, deadline: Instant) {
    tally.record("a demo through files succeeds and its figures hold", good(&["--devices=file"], deadline));
    let sound = setup::present(setup::SOUND);
    let virtual_name = "a demo through virtual sound cards succeeds and its figures hold";
    if sound {
        tally.record(virtual_name, good(&["--devices=virtual"], deadline));
    } else {
        tally.skip(virtual_name, "PulseAudio is not installed");
    }
    tally.record("a muted rider is not heard, and the demo fails", muted("rider", deadline));
    tally.record("a muted driver is not heard, and the demo fails", muted("driver", deadline));
    tally.record("crossed wires are noticed, and the demo fails", crossed(deadline));
    tally.record("a demo that is stopped leaves no process", stopped(deadline));
}

fn good(options: &[&str], deadline: Instant) -> Result<()> {
    let run = Run::of(options, deadline)?;
    ensure!(run.success, "it failed: {}", run.figures);
    ensure!(run.figures["ok"] == true, "it ended well but says {}", run.figures);
    for field in ["ring_ms", "connect_ms", "audio_ms", "answer_to_audio_ms", "mouth_to_ear_ms"] {
        let value = run.figures[field].as_f64().with_context(|| format!("no {field} in {}", run.figures))?;
        ensure!((0.0..20_000.0).contains(&value), "{field} is {value}");
    }
    ensure!(run.figures["path"] == "host", "the path on one machine is {}", run.figures["path"]);
    ensure!(run.figures["loss"].as_f64().is_some_and(|loss| loss < 0.05), "loss is {}", run.figures["loss"]);

    for (side, own, far) in [("driver", "french", "english"), ("rider", "english", "french")] {
        let (far, own) = (run.likeness(side, far)?, run.likeness(side, own)?);
        ensure!(far >= 0.9, "the {side} heard the other side only at {far:.3}");
        ensure!(own < 0.5, "the {side} heard itself at {own:.3}");
        run.agrees(&format!("heard_by_{side}"), far)?;
    }
    ensure!(fs::metadata(run.artifacts.join("call.png"))?.len() > 10_000, "the picture is empty");
    Ok(())
}

/// Only the direction that was muted may be silent, or the demo failed for another reason.
fn muted(side: &str, deadline: Instant) -> Result<()> {
    let run = Run::of(&[&format!("--mute={side}")], deadline)?;
    ensure!(!run.success && run.figures["ok"] == false, "it succeeds: {}", run.figures);
    let (deaf, fine, said) =
        if side == "rider" { ("driver", "rider", "french") } else { ("rider", "driver", "english") };
    let value = run.figures[format!("heard_by_{deaf}")].as_f64().context("nothing was measured")?;
    ensure!(value < 0.5, "the muted {side} was heard at {value}");
    let value = run.likeness(fine, said)?;
    ensure!(value >= 0.9, "the other direction was heard only at {value:.3}");
    run.agrees(&format!("heard_by_{fine}"), value)
}

fn crossed(deadline: Instant) -> Result<()> {
    let run = Run::of(&["--crossed"], deadline)?;
    ensure!(!run.success && run.figures["ok"] == false, "it succeeds: {}", run.figures);
    for (side, own) in [("driver", "french"), ("rider", "english")] {
        let value = run.likeness(side, own)?;
        ensure!(value >= 0.9, "the {side} does not hear itself but something else: {value:.3}");
    }
    Ok(())
}

/// Stops a demo when the hub is up; nobody may listen there afterwards.
fn stopped(deadline: Instant) -> Result<()> {
    let mut command = command(&[], &folder("stopped"))?;
    let demo = process::Group::spawn(command.stdin(std::process::Stdio::null()))?;
    let address = loop {
        let Some(Line::Out(text) | Line::Err(text)) = demo.line_before(deadline) else {
            bail!("the hub did not come up")
        };
        if let Some((_, address)) = text.split_once("listens on http://") {
            break address.trim().to_owned();
        }
    };
    demo.stop(std::time::Duration::from_secs(10)).context("it did not stop when asked")?;
    match std::net::TcpStream::connect(&address) {
        Ok(_) => bail!("the hub still listens on {address}"),
        Err(_) => Ok(()),
    }
}

/// A demo that ran to its end.
struct Run {
    success: bool,
    /// Its last line.
    figures: Value,
    artifacts: PathBuf,
}

impl Run {
    fn of(options: &[&str], deadline: Instant) -> Result<Run> {
        let artifacts = folder(&options.join("").replace(['-', '='], ""));
        let mut last = String::new();
        let mut output = String::new();
        let ended = process::run(&mut command(options, &artifacts)?, deadline, |line| {
            if let Line::Out(text) = line {
                last.clone_from(text);
            }
            let (Line::Out(text) | Line::Err(text)) = line;
            output.push_str("\n    ");
            output.push_str(text);
        })?;
        let Ended::Exited(status) = ended else { bail!("it ran into the time limit{output}") };
        let figures = serde_json::from_str(&last).with_context(|| format!("no JSON object last{output}"))?;
        println!("    {figures}");
        Ok(Run { success: status.success(), figures, artifacts })
    }

    /// How much the recording of `side` is like the `speech`.
    fn likeness(&self, side: &str, speech: &str) -> Result<f64> {
        let recording = Sound::read(self.artifacts.join(format!("{side}-heard.wav")))
            .with_context(|| format!("the recording of the {side}; figures {}", self.figures))?;
        let reference =
            Sound::read(workspace::root().join("tests/assets/speech").join(format!("{speech}.wav")))?;
        Ok(heard(&reference, &recording).correlation)
    }

    /// The demo's figure is ours, up to its rounding.
    fn agrees(&self, field: &str, value: f64) -> Result<()> {
        let told = self.figures[field].as_f64().with_context(|| format!("no {field}"))?;
        ensure!((told - value).abs() < 0.002, "it tells {field} {told}, the recording says {value:.4}");
        Ok(())
    }
}

fn command(options: &[&str], artifacts: &Path) -> Result<Command> {
    // Built with the rest: the file that runs now may have been replaced by that build.
    let mut command = Command::new(workspace::target().join("debug").join("xtask"));
    command.args(["demo", "--json", "--yes", "--artifacts"]).arg(artifacts).args(options);
    // The suite has built them, with the whole workspace.
    command.arg("--programs").arg(workspace::target().join("debug"));
    command.current_dir(workspace::root());
    Ok(command)
}

fn folder(name: &str) -> PathBuf {
    workspace::root().join("artifacts/test").join(format!("demo-{name}"))
}

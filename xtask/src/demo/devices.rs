//! What the phones of the demo speak into and are heard from.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use ringback_measure::Sound;

use super::{DeviceKind, Side, pulse::Pulse};

/// The sound devices of both phones.
#[derive(Debug)]
pub(super) enum Devices {
    /// Speech read from a file, what is heard written to one.
    File { artifacts: PathBuf, crossed: bool },
    /// Microphones that are fed with speech and speakers that are recorded.
    Virtual { pulse: Box<Pulse>, artifacts: PathBuf, crossed: bool },
    /// Whatever the machine has.
    Real,
}

/// What the devices heard.
#[derive(Debug)]
pub(super) enum Recordings {
    /// Each phone wrote what it heard, and stamped the start.
    Files(PathBuf),
    /// All four sounds were recorded on one clock, from the same moment.
    OneClock { said: [Sound; 2], heard: [Sound; 2] },
    /// Nobody recorded.
    Nothing,
}

impl Devices {
    pub(super) fn prepare(kind: DeviceKind, artifacts: &Path, crossed: bool) -> Result<Devices> {
        let artifacts = artifacts.to_owned();
        Ok(match kind {
            DeviceKind::File => Devices::File { artifacts, crossed },
            DeviceKind::Virtual => {
                let pulse = Box::new(Pulse::start().context("PulseAudio's virtual devices")?);
                Devices::Virtual { pulse, artifacts, crossed }
            }
            DeviceKind::Real => Devices::Real,
        })
    }

    /// Command line of a phone.
    pub(super) fn arguments(&self, side: Side) -> Vec<String> {
        let (capture, playback) = match self {
            Devices::File { artifacts, crossed } => (
                format!("wav:{}", spoken_by(side, *crossed).speech().display()),
                format!("wav:{}", heard_file(artifacts, side).display()),
            ),
            Devices::Virtual { .. } => (
                format!("device:pulseaudio:{}_microphone", side.name()),
                format!("device:pulseaudio:{}_speaker", side.name()),
            ),
            Devices::Real => ("device".to_owned(), "device".to_owned()),
        };
        vec!["--capture".to_owned(), capture, "--playback".to_owned(), playback]
    }

    /// Environment of a phone.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        match self {
            Devices::Virtual { pulse, .. } => pulse.environment(),
            Devices::File { .. } | Devices::Real => Vec::new(),
        }
    }

    /// Begins to speak where nobody else does.
    pub(super) fn speak(&mut self) -> Result<()> {
        match self {
            Devices::Virtual { pulse, crossed, .. } => {
                for side in [Side::Rider, Side::Driver] {
                    pulse.speak(side, &spoken_by(side, *crossed).speech())?;
                }
                Ok(())
            }
            Devices::File { .. } | Devices::Real => Ok(()),
        }
    }

    /// How long the call lasts once it is up: the longer recording (11.0 s) and its way through the call.
    pub(super) fn talk(&self) -> Duration {
        Duration::from_secs(12)
    }

    /// Closes the devices and hands out what was heard.
    pub(super) fn finish(self) -> Result<Recordings> {
        Ok(match self {
            Devices::File { artifacts, .. } => Recordings::Files(artifacts),
            Devices::Virtual { pulse, artifacts, .. } => {
                let (heard, said) = trimmed(pulse.recorded()?);
                for (n, side) in [Side::Rider, Side::Driver].into_iter().enumerate() {
                    said[n].write(artifacts.join(format!("{}-said.wav", side.name())))?;
                    heard[n].write(heard_file(&artifacts, side))?;
                }
                Recordings::OneClock { said, heard }
            }
            Devices::Real => Recordings::Nothing,
        })
    }
}

/// Where the recording of what `side` heard lies.
pub(super) fn heard_file(artifacts: &Path, side: Side) -> PathBuf {
    artifacts.join(format!("{}-heard.wav", side.name()))
}

/// Cuts what lies more than 300 ms before the first sound of all, everywhere alike.
fn trimmed(sounds: ([Sound; 2], [Sound; 2])) -> ([Sound; 2], [Sound; 2]) {
    let all = sounds.0.iter().chain(&sounds.1);
    let first = all.filter_map(|sound| sound.first_sound_ms(-60.0)).fold(f64::INFINITY, f64::min);
    let trim = |mut sound: Sound| {
        let cut = ((first - 300.0).max(0.0) * f64::from(sound.rate_hz) / 1000.0) as usize;
        sound.samples.drain(..cut.min(sound.samples.len()));
        sound
    };
    (sounds.0.map(trim), sounds.1.map(trim))
}

/// Whose speech goes into the microphone of `side`.
fn spoken_by(side: Side, crossed: bool) -> Side {
    if crossed { side.other() } else { side }
}

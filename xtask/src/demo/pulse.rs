//! Virtual sound cards: a private PulseAudio with two null sinks of two channels.
//!
//! ```text
//!   ears     1 rider_speaker   <- the rider's phone plays
//!            2 driver_speaker  <- the driver's phone plays
//!   mouths   1 rider_voice     <- speech  -> rider_microphone
//!            2 driver_voice    <- speech  -> driver_microphone
//! ```
//!
//! Both sinks are recorded. A null sink runs on the machine's clock and renders in steps as short as the most demanding
//! stream on it asks for. A phone's speaker asks for the least there is, 0.5 ms, and a microphone that is the
//! monitor of the same sink would wake its phone 2,000 times a second: hence two sinks.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use ringback_measure::Sound;

use super::{
    Side,
    recorder::{Recorded, Recorder},
};
use crate::process::{self, Group, Line};

/// The server, its recorder and the speech that plays.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Declared, and so dropped, before the server that they talk to.
    voices: Vec<Group>,
    ears: Recorder,
    mouths: Recorder,
    server: Group,
    folder: Folder,
}

impl Pulse {
    /// Starts the server and records everything from now on.
    pub(super) fn start() -> Result<Pulse> {
        let folder = Folder::create()?;
        let script = folder.0.join("devices.pa");
        fs::write(&script, devices(&folder.socket()))?;
        let mut command = Command::new("pulseaudio");
        command.args(["-n", "-F"]).arg(&script).args(SERVER_OPTIONS);
        let mut server = Group::spawn(folder.apply(&mut command))?;
        folder.wait_for_server(&mut server)?;

        let record = |sink: &str| {
            let mut command = Command::new("parec");
            command.arg(format!("--device={sink}.monitor")).args(RECORD_LATENCY).args(RECORD_FORMAT);
            Recorder::start(folder.apply(&mut command))
        };
        let (ears, mouths) = (record("ears")?, record("mouths")?);
        // A monitor delivers its first samples up to two seconds after it was opened.
        wait_until("the recorders of the virtual devices", || ears.has_begun() && mouths.has_begun())?;
        Ok(Pulse { voices: Vec::new(), ears, mouths, server, folder })
    }

    /// What makes a program use this server.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        self.folder.environment()
    }

    /// Plays `speech` into the microphone of `side`.
    pub(super) fn speak(&mut self, side: Side, speech: &Path) -> Result<()> {
        let mut command = Command::new("paplay");
        command.arg(format!("--device={}_voice", side.name())).args(VOICE_LATENCY).arg(speech);
        self.voices.push(Group::spawn(self.folder.apply(&mut command))?);
        Ok(())
    }

    /// Stops everything; returns what the ears and the mouths had, the rider first, from the same moment on.
    pub(super) fn recorded(self) -> Result<([Sound; 2], [Sound; 2])> {
        let Pulse { voices, ears, mouths, server, folder } = self;
        drop(voices);
        let (ears, mouths) = (ears.stop(GRACE)?, mouths.stop(GRACE)?);
        server.stop(GRACE);
        drop(folder);
        let from = ears.began.max(mouths.began);
        Ok((channels(&ears, from), channels(&mouths, from)))
    }
}

/// Both channels without what was recorded before `from`.
fn channels(recorded: &Recorded, from: Instant) -> [Sound; 2] {
    let early = from.saturating_duration_since(recorded.began).as_secs_f64() * f64::from(RATE_HZ);
    let kept = recorded.samples.get(early as usize..).unwrap_or_default();
    std::array::from_fn(|channel| {
        let bytes: Vec<u8> = kept.iter().flat_map(|frame| frame[channel].to_le_bytes()).collect();
        Sound::from_s16le(RATE_HZ, &bytes)
    })
}

/// A private runtime folder, removed with the last use. Its path stays short: a socket's may have 107 bytes.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("ringback-demo-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        // PulseAudio refuses a runtime folder that others can enter.
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).with_context(|| path.display().to_string())?;
        process::remove_on_signal(path.clone());
        let folder = Folder(path);
        fs::write(folder.cookie(), [0; COOKIE_BYTES]).context("the cookie of the sound server")?;
        Ok(folder)
    }

    /// The server lets everybody in, but hangs up on a client that has no cookie at all to show, as cpal's on a machine
    /// where no PulseAudio ever ran.
    fn cookie(&self) -> PathBuf {
        self.0.join("cookie")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("native")
    }

    /// `PULSE_RUNTIME_PATH` must not be set: cpal's PulseAudio host is then hidden.
    fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("XDG_RUNTIME_DIR".to_owned(), self.0.display().to_string()),
            ("PULSE_SERVER".to_owned(), format!("unix:{}", self.socket().display())),
            ("PULSE_COOKIE".to_owned(), self.cookie().display().to_string()),
        ]
    }

    fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .envs(self.environment())
            .env("HOME", &self.0)
            .env_remove("PULSE_RUNTIME_PATH")
            .stdin(Stdio::null())
    }

    fn wait_for_server(&self, server: &mut Group) -> Result<()> {
        let mut ended = None;
        let up = wait_until("PulseAudio", || {
            ended = server.ended();
            let mut info = Command::new("pactl");
            let info = self.apply(info.arg("info")).stdout(Stdio::null()).stderr(Stdio::null());
            ended.is_some() || info.status().is_ok_and(|status| status.success())
        });
        if ended.is_none() && up.is_ok() {
            return Ok(());
        }
        let mut said = Vec::new();
        while let Some(Line::Out(text) | Line::Err(text)) = server.line_before(Instant::now()) {
            said.push(text);
        }
        bail!("PulseAudio did not come up; it said: {}", said.join(" / "))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The server's start script.
fn devices(socket: &Path) -> String {
    let mut script =
        format!("load-module module-native-protocol-unix auth-anonymous=1 socket={}\n", socket.display());
    for sink in ["ears", "mouths"] {
        script
            .push_str(&format!("load-module module-null-sink sink_name={sink} rate={RATE_HZ} channels=2\n"));
    }
    let mono = "channels=1 channel_map=mono remix=no";
    for (side, place) in [("rider", "front-left"), ("driver", "front-right")] {
        let remap = |module: &str, kind: &str, name: &str, master: &str| {
            format!(
                "load-module module-remap-{module} {kind}_name={side}_{name} master={master} \
                 master_channel_map={place} {mono}\n"
            )
        };
        script.push_str(&remap("sink", "sink", "speaker", "ears"));
        script.push_str(&remap("sink", "sink", "voice", "mouths"));
        script.push_str(&remap("source", "source", "microphone", "mouths.monitor"));
    }
    script.push_str("set-default-sink rider_speaker\nset-default-source rider_microphone\n");
    script
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        if Instant::now() >= deadline {
            bail!("{what} did not come up within 10 s");
        }
        thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

const RATE_HZ: u32 = 48_000;
const RECORD_FORMAT: &[&str] = &["--raw", "--format=s16le", "--rate=48000", "--channels=2"];
/// Makes the mouths render in steps of 5 ms, as a good microphone would.
const RECORD_LATENCY: &[&str] = &["--latency-msec=5"];
/// Ample, for a machine that is busy: it comes before the mouth and so counts nowhere.
const VOICE_LATENCY: &[&str] = &["--latency-msec=200"];
/// No real-time priority, which a container refuses, and no end while nobody plays.
const SERVER_OPTIONS: &[&str] =
    &["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no", "--high-priority=no"];
/// The protocol's length of a cookie.
const COOKIE_BYTES: usize = 256;
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_microphone_hears_its_own_voice_only() {
        let script = devices(Path::new("/run/x"));
        let place = |name: &str| {
            let line = script.lines().find(|line| line.contains(&format!("_name={name} "))).unwrap();
            let (_, rest) = line.split_once("master=").unwrap();
            rest.split_once(" channels").unwrap().0.replace(".monitor", "")
        };
        assert_eq!(place("rider_voice"), place("rider_microphone"));
        assert_eq!(place("driver_voice"), place("driver_microphone"));
        assert_ne!(place("rider_voice"), place("driver_voice"));
        assert_ne!(place("rider_speaker"), place("driver_voice"));
    }
}

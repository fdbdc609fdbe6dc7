//! Virtual sound cards: a private PulseAudio whose devices are the channels of one null sink.
//!
//! ```text
//!   wire, a null sink   1 rider_speaker   <- the rider's phone plays        4 channels, one clock: a single
//!   of four channels    2 driver_speaker  <- the driver's phone plays       recorder on the monitor holds all
//!                       3 rider_voice     <- speech  -> rider_microphone    that was said and heard, aligned
//!                       4 driver_voice    <- speech  -> driver_microphone   to the sample
//! ```
//!
//! Four null sinks would do for the phones, but each has its own clock, and each recorder its own unknown start.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use ringback_measure::Sound;

use super::Side;
use crate::process::{self, Group, Line};

/// The server, its recorder and the speech that plays.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Declared, and so dropped, before the server that they talk to.
    voices: Vec<Group>,
    recorder: Group,
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

        let raw = folder.recording();
        let mut command = Command::new("parec");
        command.args(["--device=wire.monitor", "--latency-msec=20"]).args(WIRE_FORMAT).arg(&raw);
        let recorder = Group::spawn(folder.apply(&mut command))?;
        // A monitor delivers its first samples up to two seconds after it was opened.
        wait_until("the recorder of the virtual devices", || {
            fs::metadata(&raw).is_ok_and(|meta| meta.len() > 0)
        })?;
        Ok(Pulse { voices: Vec::new(), recorder, server, folder })
    }

    /// What makes a program use this server.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        self.folder.environment()
    }

    /// Plays `speech` into the microphone of `side`.
    pub(super) fn speak(&mut self, side: Side, speech: &Path) -> Result<()> {
        let mut command = Command::new("paplay");
        command.arg(format!("--device={}_voice", side.name())).arg("--latency-msec=20").arg(speech);
        self.voices.push(Group::spawn(self.folder.apply(&mut command))?);
        Ok(())
    }

    /// Stops everything; returns the channels in their order.
    pub(super) fn recorded(self) -> Result<[Sound; 4]> {
        let Pulse { voices, recorder, server, folder } = self;
        drop(voices);
        recorder.stop(GRACE);
        server.stop(GRACE);
        let bytes = fs::read(folder.recording()).context("the recording of the virtual devices")?;
        let all = Sound::from_s16le(48_000, &bytes).samples;
        Ok(std::array::from_fn(|channel| Sound {
            rate_hz: 48_000,
            samples: all.chunks_exact(4).map(|frame| frame[channel]).collect(),
        }))
    }
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
        Ok(Folder(path))
    }

    fn recording(&self) -> PathBuf {
        self.0.join("wire.raw")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("native")
    }

    /// `PULSE_RUNTIME_PATH` must not be set: cpal's PulseAudio host is then hidden.
    fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("XDG_RUNTIME_DIR".to_owned(), self.0.display().to_string()),
            ("PULSE_SERVER".to_owned(), format!("unix:{}", self.socket().display())),
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
    let mut script = format!(
        "load-module module-native-protocol-unix auth-anonymous=1 socket={}\n\
         load-module module-null-sink sink_name=wire rate=48000 channels=4 channel_map={CHANNELS}\n",
        socket.display()
    );
    let places: Vec<&str> = CHANNELS.split(',').collect();
    let mono = "channels=1 channel_map=mono remix=no";
    for (name, place) in
        ["rider_speaker", "driver_speaker", "rider_voice", "driver_voice"].iter().zip(&places)
    {
        script.push_str(&format!(
            "load-module module-remap-sink sink_name={name} master=wire master_channel_map={place} {mono}\n"
        ));
    }
    for (name, place) in ["rider_microphone", "driver_microphone"].iter().zip(&places[2..]) {
        script.push_str(&format!(
            "load-module module-remap-source source_name={name} master=wire.monitor master_channel_map={place} {mono}\n"
        ));
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

const CHANNELS: &str = "front-left,front-right,rear-left,rear-right";
const WIRE_FORMAT: &[&str] = &[
    "--format=s16le",
    "--rate=48000",
    "--channels=4",
    "--channel-map=front-left,front-right,rear-left,rear-right",
];
/// No real-time priority, which a container refuses, and no end while nobody plays.
const SERVER_OPTIONS: &[&str] =
    &["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--realtime=no", "--high-priority=no"];
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_microphone_hears_its_own_voice_only() {
        let script = devices(Path::new("/run/x"));
        let place = |name: &str| {
            let line = script.lines().find(|line| line.contains(&format!("_name={name} "))).unwrap();
            line.split("master_channel_map=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
        };
        assert_eq!(place("rider_voice"), place("rider_microphone"));
        assert_eq!(place("driver_voice"), place("driver_microphone"));
        assert_ne!(place("rider_voice"), place("driver_voice"));
        assert_ne!(place("rider_speaker"), place("driver_voice"));
    }
}

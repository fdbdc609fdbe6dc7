//! A private PulseAudio server with null sinks, for tests of sound devices without sound hardware.
//!
//! ```text
//! micfeed (sink) -> micfeed.monitor -> mic (source, the default)        spk (sink, the default) -> spk.monitor
//! ```
//!
//! The client library finds its server by the environment, which a test must not change while its threads run. So
//! [`inside`] runs the test once more in a process of its own, whose `XDG_RUNTIME_DIR` is a fresh folder, and the
//! server is started in there. The server ends with its owner, and by itself when nobody was connected for 20 s.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Runs `test` in a process with a sound environment of its own, at most for a minute.
///
/// `name` is the name of the calling test, as the test binary knows it. Where PulseAudio is not installed the test is
/// skipped, by name.
///
/// # Panics
/// The test failed, or took too long.
pub fn inside(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut private = match command(name, &["--exact", name, "--nocapture", "--test-threads=1"]) {
        Ok(private) => private,
        Err(tool) => {
            return crate::skipped(name, &format!("{tool} is not installed"));
        }
    };
    let mut child = private.command.spawn().expect("the test's own executable can be run");
    let status = wait_until(Duration::from_secs(60), || child.try_wait().expect("it is our child"));
    if status.is_none() {
        child.kill().and_then(|()| child.wait().map(drop)).expect("it is our child");
    }
    assert!(status.is_some_and(|status| status.success()), "{name}: {status:?} in its own process");
}

/// This program once more, with a sound environment of its own: a fresh folder that goes when this is dropped.
pub struct PrivateCommand {
    command: Command,
    dir: PathBuf,
}

/// This program with `args`, in a sound environment of its own; `name` is part of the folder's name.
///
/// # Errors
/// The tool that is not installed.
///
/// # Panics
/// The temporary folder cannot be written.
pub fn command(name: &str, args: &[&str]) -> Result<PrivateCommand, &'static str> {
    for tool in ["pulseaudio", "pactl", "pacat", "parec"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return Err(tool);
        }
    }
    let dir = std::env::temp_dir().join(format!("ringback-{}-{name}", std::process::id()));
    make_private(&dir);
    let mut command = Command::new(std::env::current_exe().expect("a program has an executable"));
    command
        .args(args)
        .env(INSIDE, "1")
        .env("XDG_RUNTIME_DIR", &dir)
        .env("HOME", &dir)
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH");
    Ok(PrivateCommand { command, dir })
}

impl PrivateCommand {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&mut self) -> std::io::Result<ExitStatus> {
        self.command.status()
    }
}

impl Drop for PrivateCommand {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A sound server with two null sinks.
pub struct PulseServer {
    dir: PathBuf,
    child: Child,
}

impl PulseServer {
    /// Starts a server with two speakers and a microphone, and waits until it answers. Call it within [`inside`].
    ///
    /// # Panics
    /// It does not answer within 10 s.
    pub fn start() -> Self {
        Self::start_with(SCRIPT)
    }

    /// Starts a server with the devices of a script, one command of `pactl` a line.
    ///
    /// # Panics
    /// It does not answer within 10 s.
    pub fn start_with(devices: &str) -> Self {
        let dir = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").expect("inside() sets it"));
        let script = dir.join("script.pa");
        fs::write(&script, format!("{devices}{SOCKET}")).expect("the folder is ours");
        let child = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=20", "--use-pid-file=no"])
            .args(["--realtime=no", "--high-priority=no", "--log-level=error", "-F"])
            .arg(&script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pulseaudio is installed");
        let server = Self { dir, child };
        wait_until(Duration::from_secs(10), || {
            server.socket().exists().then(|| server.pactl(&["info"])).flatten()
        })
        .expect("the sound server answers within 10 s");
        server
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Runs `pactl` against it; `None` if that fails.
    pub fn pactl(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("pactl").args(args).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Removes a sink, as if it were unplugged.
    ///
    /// # Panics
    /// There is no such sink.
    pub fn remove_sink(&self, name: &str) {
        let modules = self.pactl(&["list", "short", "modules"]).expect("the server answers");
        let wanted = format!("sink_name={name}");
        let ours = |line: &&str| line.split_whitespace().any(|word| word == wanted);
        let line = modules.lines().find(ours).expect("a sink of this name");
        let module = line.split('\t').next().expect("a line has a first column");
        self.pactl(&["unload-module", module]).expect("the module can be unloaded");
    }

    /// Plays `samples` (48 kHz mono) on a sink, until the process that comes back is dropped or has played all.
    pub fn play(&self, sink: &str, samples: &[f32]) -> Program {
        let file = self.dir.join(format!("{sink}.raw"));
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        fs::write(&file, bytes).expect("the folder is ours");
        Program::start(
            "pacat",
            &["--playback", "--latency-msec=20", "--device", sink, &file.to_string_lossy()],
            None,
        )
    }

    /// Records a source into memory, as 48 kHz mono.
    pub fn record(&self, source: &str) -> Recording {
        let file = self.dir.join(format!("{source}.rec"));
        let args = ["--latency-msec=10", "--device", source];
        Recording { program: Program::start("parec", &args, Some(&file)), file }
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("pulse/native")
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(self.socket());
    }
}

impl Drop for PulseServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A program that ends when dropped.
pub struct Program(Child);

impl Program {
    fn start(tool: &str, args: &[&str], output: Option<&Path>) -> Self {
        let output =
            output.map_or(Stdio::null(), |path| fs::File::create(path).expect("the folder is ours").into());
        let child = Command::new(tool)
            .args(["--raw", "--format=float32le", "--rate=48000", "--channels=1"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("the tool is installed");
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A recording under way.
pub struct Recording {
    program: Program,
    file: PathBuf,
}

impl Recording {
    /// What has been recorded so far.
    pub fn so_far(&self) -> Vec<f32> {
        let bytes = fs::read(&self.file).unwrap_or_default();
        bytes.chunks_exact(4).filter_map(|b| b.try_into().ok().map(f32::from_le_bytes)).collect()
    }

    /// Ends it and returns everything.
    pub fn stop(self) -> Vec<f32> {
        let Self { program, file } = self;
        drop(program);
        let bytes = fs::read(file).unwrap_or_default();
        bytes.chunks_exact(4).filter_map(|b| b.try_into().ok().map(f32::from_le_bytes)).collect()
    }
}

/// Asks every 20 ms until there is an answer; `None` when it takes too long.
pub fn wait_until<T>(at_most: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + at_most;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > until {
            return answer;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn make_private(dir: &Path) {
    fs::create_dir_all(dir).expect("the temporary folder can be written");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).expect("the folder is ours");
}

const INSIDE: &str = "RINGBACK_INSIDE_PULSE";

/// Last, as a desktop's server does it: who connects finds the devices.
const SOCKET: &str = "load-module module-native-protocol-unix auth-anonymous=1\n";

/// `module-rescue-streams` moves the streams of a removed sink without an error, as on a desktop.
const SCRIPT: &str = "\
load-module module-null-sink sink_name=spk rate=48000 channels=1
load-module module-null-sink sink_name=other rate=44100 channels=2
load-module module-null-sink sink_name=micfeed rate=48000 channels=1
load-module module-remap-source source_name=mic master=micfeed.monitor
load-module module-rescue-streams
set-default-sink spk
set-default-source mic
";

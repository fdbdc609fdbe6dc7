//! The doctor as a monitor runs it: its exit status, and what it prints.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use ringback_server::{RunningStack, Stack, StackConfig, TlsSource};
use serde_json::Value;
use tokio::process::Command;

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_server_needs_no_arguments_and_is_fine() {
    let stack = stack(StackConfig::default()).await;
    let devices = Sound::with_devices("fine");
    let mut doctor = doctor(&["--no-devices", "--json"]);
    // What its one default names, on a free port.
    devices.give(&mut doctor).env("RINGBACK_SERVER", stack.url());
    let found = Found::of(&mut doctor).await;
    let all = [
        "microphone.listed",
        "speaker.listed",
        "signaling.answers",
        "clock.in_step",
        "ice_servers.listed",
        "stun.answers",
        "turn.udp.allocates",
        "turn.tcp.allocates",
        "relay.works",
    ];
    assert_eq!(found, Found { verdict: "ok".into(), checks: all.map(str::to_owned).to_vec(), status: 0 });
    stack.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_alone_have_a_status_of_their_own_and_promise_nothing() {
    let stack = stack(StackConfig::default()).await;
    let devices = Sound::with_devices("warnings");
    let stun = &stack.turn_urls().unwrap().stun[0];
    let mut doctor = doctor(&["--server", &stack.url(), "--ice", stun, "--no-devices"]);
    let output = output(devices.give(&mut doctor)).await;
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.ends_with("\nNothing is broken, but see the warnings above.\n"), "{table}");
    stack.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_problem() {
    let found = Found::of(&mut doctor(&["--server", "http://127.0.0.1:1", "--no-devices", "--json"])).await;
    assert_eq!((found.verdict.as_str(), found.status), ("problem", 2));
    found.has("signaling.unreachable");
    found.has("ice_servers.not_set");
}

#[tokio::test]
async fn a_project_is_asked_for_its_servers_where_the_guide_puts_them() {
    let project = ["--server", "https://127.0.0.1:1", "--no-devices", "--json"];
    Found::of(&mut doctor(&project)).await.has("ice_servers.not_set");
    Found::of(doctor(&project).args(["--token", "token"])).await.has("ice_servers.unreachable");
}

#[tokio::test]
async fn what_it_cannot_look_at_has_a_status_of_its_own() {
    let cases: [&[&str]; 4] = [
        &["--nonsense"],
        &["--ice", "http://127.0.0.1"],
        &["--user", "not a name"],
        &["--root-certificates", "/nonexistent"],
    ];
    for case in cases {
        let output = output(doctor(&["--server", "http://127.0.0.1:1"]).args(case)).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{case:?}");
        assert!(!output.stderr.is_empty(), "{case:?}: it says why");
    }
    assert_eq!(output(&mut doctor(&["--help"])).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_ones_own_is_trusted_if_it_is_given() {
    let folder = Folder::new("roots");
    let (cert, key) = (folder.0.join("cert.pem"), folder.0.join("key.pem"));
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Some(TlsSource::Files { cert: cert.clone(), key });
    let stack = stack(StackConfig { tls, ..StackConfig::default() }).await;
    let turns = stack.turn_urls().unwrap().turn.iter().find(|url| url.starts_with("turns:")).unwrap();
    let about =
        ["--server", "http://127.0.0.1:1", "--ice", turns, "--turn-user", "me", "--turn-password", "x"];
    let mut stranger = doctor(&about);
    Found::of(stranger.args(["--no-devices", "--json"])).await.has("turn.tls.certificate_unknown_issuer");
    let mut friend = doctor(&about);
    friend.args(["--no-devices", "--json", "--root-certificates"]).arg(&cert);
    Found::of(&mut friend).await.has("turn.tls.credentials_refused");
    stack.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sound_system_that_hangs_does_not_hold_up_the_end() {
    let folder = Folder::new("hangs");
    let config = folder.0.join("asound.conf");
    // ALSA waits for somebody to write its configuration into the pipe; a diagnosis waits 5 s for ALSA.
    assert!(Command::new("mkfifo").arg(&config).status().await.unwrap().success());
    let mut doctor = doctor(&["--server", "http://127.0.0.1:1", "--no-devices", "--json"]);
    doctor.env("ALSA_CONFIG_PATH", config).env("PULSE_SERVER", "unix:/nonexistent");
    let found = Found::of(&mut doctor).await;
    found.has("microphone.silent");
    assert_eq!(found.status, 2);
}

/// What the doctor found, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    verdict: String,
    /// Subjects and codes.
    checks: Vec<String>,
    status: i32,
}

impl Found {
    async fn of(doctor: &mut Command) -> Self {
        let output = output(doctor).await;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let checks = said["checks"].as_array().unwrap();
        Self {
            verdict: text(&said["verdict"]),
            checks: checks.iter().map(|c| format!("{}.{}", text(&c["check"]), text(&c["finding"]))).collect(),
            status: output.status.code().unwrap(),
        }
    }

    fn has(&self, check: &str) {
        assert!(self.checks.iter().any(|found| found == check), "no {check} in {self:?}");
    }
}

/// The example, built beside this test, without the settings of whoever runs it.
fn doctor(arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/doctor");
    assert!(program.exists(), "build it first: cargo build --workspace --example=doctor");
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGBACK_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn output(doctor: &mut Command) -> Output {
    tokio::time::timeout(LIMIT, doctor.output()).await.expect("it ends").unwrap()
}

async fn stack(config: StackConfig) -> RunningStack {
    Stack::start(StackConfig { echo: None, ..config }).await.unwrap()
}

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringback-doctor-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Another process may have a hand on it; it is only a little rubbish.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sound system, whatever this machine has.
#[cfg(target_os = "linux")]
struct Sound(Folder);

#[cfg(target_os = "linux")]
impl Sound {
    /// A microphone and a speaker are listed.
    fn with_devices(test: &str) -> Self {
        let folder = Folder::new(test);
        std::fs::write(folder.0.join("asound.conf"), DEVICES).unwrap();
        Self(folder)
    }

    fn give<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("ALSA_CONFIG_PATH", self.0.0.join("asound.conf"));
        command.env("PULSE_SERVER", "unix:/nonexistent")
    }
}

#[cfg(target_os = "linux")]
const DEVICES: &str = r#"
pcm.!default {
    type null
    hint { show on description "Silence" }
}
"#;
/// A diagnosis takes 8 s at most; a busy machine may need a while to start it.
const LIMIT: Duration = Duration::from_secs(30);

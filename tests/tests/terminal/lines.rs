//! Without a terminal: lines out, commands in.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use ringback_server::RunningHub;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::pty::{Pty, hub, program, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_on_a_pipe_lists_calls_and_answers_one_on_a_screen() {
    let hub = hub().await;
    let mut screen = Pty::phone(&hub, "driver", (80, 24), &[]);
    let mut pipe = Piped::start(&hub, &["--user", "rider"]);
    pipe.until("Ready.").await;
    screen.until(&["> rider"]);
    pipe.type_line("online").await;
    pipe.until("Online: driver, rider.").await;
    pipe.type_line("devices").await;
    pipe.until("  1  microphone tone (default)").await;
    pipe.until("  2  speaker    null (default)").await;
    pipe.type_line("use microphone 1").await;
    pipe.until("The microphone is tone from now on.").await;
    pipe.type_line("use speaker 9").await;
    pipe.until("Not done: there is no such device: 9.").await;
    pipe.type_line("call driver").await;
    screen.until(&["rider calls you", "a Accept"]);
    screen.press("a");
    pipe.until("Active. Type hangup to end it.").await;
    pipe.type_line("hangup").await;
    screen.until(&["No call"]);
    pipe.type_line("quit").await;
    pipe.until("Closed.").await;
    assert!(pipe.ended().await.success());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_lines_carry_the_list_and_the_devices() {
    let hub = hub().await;
    let mut pipe = Piped::start(&hub, &["--user", "rider", "--json"]);
    pipe.until(r#""event":"ready""#).await;
    pipe.type_line("devices").await;
    let devices = pipe.until(r#""event":"devices""#).await;
    assert!(devices.contains(r#""kind":"microphone""#) && devices.contains(r#""id":"null""#), "{devices}");
    pipe.type_line("quit").await;
    pipe.until(r#""event":"closed""#).await;
    hub.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_listed_but_does_not_open_is_told_at_the_start() {
    let hub = hub().await;
    let sound = std::env::temp_dir().join(format!("ringback-no-card-{}.conf", std::process::id()));
    std::fs::write(&sound, NO_CARD).unwrap();
    let mut command = Command::new(program());
    command.args(["--server", &hub.url(), "--user", "rider"]);
    command.env("ALSA_CONFIG_PATH", &sound).env("PULSE_SERVER", "unix:/nonexistent");
    let mut pipe = Piped::of(&mut command);
    pipe.until("The microphone cannot be opened.").await;
    pipe.until("To call without a microphone, start with --capture tone.").await;
    pipe.type_line("quit").await;
    pipe.until("Closed.").await;
    assert!(pipe.ended().await.success());
    std::fs::remove_file(&sound).unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_on_a_pipe_that_is_told_to_end_hangs_up_first() {
    let hub = hub().await;
    for signal in ["TERM", "HUP", "INT"] {
        let driver = Pty::phone(&hub, "driver", (80, 24), &["--answer"]);
        let mut rider = Piped::start(&hub, &["--user", "rider", "--call", "driver"]);
        rider.until("Active.").await;
        let id = rider.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status().await;
        assert!(sent.unwrap().success(), "kill -{signal} {id}");
        rider.until("Closed.").await;
        // Its input is still open: it ends all the same.
        assert!(rider.ended().await.success(), "{signal}");
        driver.until(&["No call", "Call with rider"]);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_text_do_not_end_a_call() {
    let hub = hub().await;
    let driver = Pty::phone(&hub, "driver", (80, 24), &["--answer"]);
    let mut rider = Piped::start(&hub, &["--user", "rider", "--call", "driver"]);
    rider.until("Active.").await;
    rider.input.write_all(b"\xff\xfe\n").await.unwrap();
    rider.until("Commands: ").await;
    driver.until(&["active"]);
    rider.type_line("hangup").await;
    rider.until("Closed.").await;
    assert!(rider.ended().await.success());
    driver.until(&["No call", "Call with rider"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_was_to_place_a_call_and_cannot_leaves_with_a_status() {
    let hub = hub().await;
    let mut rider = Piped::start(&hub, &["--user", "rider", "--call", "not a name"]);
    rider.until("Not done: ").await;
    rider.until("Closed.").await;
    assert_eq!(rider.ended().await.code(), Some(2));
    hub.stop().await;
}

/// A phone between two pipes.
struct Piped {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Piped {
    fn start(hub: &RunningHub, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["--server", &hub.url(), "--capture", "tone", "--playback", "null"]).args(more);
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> Self {
        for name in settings() {
            command.env_remove(name);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, input, lines }
    }

    async fn type_line(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// How it ended.
    async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        ended.expect("it ends within 30 s").unwrap()
    }

    /// Reads on until a line has this in it.
    async fn until(&mut self, text: &str) -> String {
        let mut said = Vec::new();
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(text) {
                    return Some(line);
                }
                said.push(line);
            }
            None
        };
        let found = tokio::time::timeout(LIMIT, found).await;
        found.ok().flatten().unwrap_or_else(|| panic!("{text:?} was not said, but {said:#?}"))
    }
}

/// A sound system whose one device is a card that is not there.
#[cfg(target_os = "linux")]
const NO_CARD: &str = r#"
pcm.!default {
    type hw
    card 31
    hint { show on description "A card that is not there" }
}
"#;
/// Far beyond what a busy machine needs.
const LIMIT: Duration = Duration::from_secs(30);

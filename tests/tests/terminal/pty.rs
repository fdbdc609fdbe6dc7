//! A phone in a pseudo-terminal of its own: keys go in, the screen is read as a person reads it. Every wait is bounded.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};
use ringback_server::{Hub, HubConfig, RunningHub};

/// A phone that believes a person sits in front of it.
pub(crate) struct Pty {
    name: String,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    master: Option<Box<dyn MasterPty + Send>>,
    /// Kept, so that the terminal outlives the phone and can be looked at.
    slave: Option<Box<dyn SlavePty + Send>>,
    seen: Arc<Seen>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    terminal: vt100::Parser,
    bytes: Vec<u8>,
}

impl Pty {
    /// Starts a phone with a tone for its microphone, in a terminal of this size.
    pub(crate) fn phone(hub: &RunningHub, user: &str, (columns, rows): (u16, u16), more: &[&str]) -> Self {
        let mut command = Self::command(&hub.url(), user);
        command.args(more);
        Self::start(user, command, (columns, rows))
    }

    /// A phone with a tone for its microphone, and without the settings of whoever runs the test.
    pub(crate) fn command(server: &str, user: &str) -> CommandBuilder {
        let mut command = CommandBuilder::new(program());
        command.args(["--server", server, "--user", user, "--capture", "tone", "--playback", "null"]);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        for name in settings() {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn start(name: &str, command: CommandBuilder, (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut output = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let terminal = vt100::Parser::new(rows, columns, 0);
        let state = Mutex::new(State { terminal, bytes: Vec::new() });
        let seen = Arc::new(Seen { state, changed: Condvar::new() });
        let for_reader = seen.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that nobody has open any more ends in an error.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut state = for_reader.state.lock().unwrap();
                state.terminal.process(&bytes[..count]);
                state.bytes.extend_from_slice(&bytes[..count]);
                for_reader.changed.notify_all();
            }
        });
        let (master, slave) = (Some(pair.master), Some(pair.slave));
        Self { name: name.into(), child, keys, master, slave, seen, reader: Some(reader) }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until all of these stand on the screen.
    pub(crate) fn until(&self, texts: &[&str]) {
        self.until_screen(&format!("{texts:?}"), |screen| texts.iter().all(|text| screen.contains(text)));
    }

    /// Waits until the screen, its spaces taken together, is as wanted.
    pub(crate) fn until_screen(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.until_state(what, |state| wanted(&words(&state.terminal.screen().contents())));
    }

    fn until_state(&self, what: &str, wanted: impl Fn(&State) -> bool) {
        let state = self.seen.state.lock().unwrap();
        let waited = self.seen.changed.wait_timeout_while(state, LIMIT, |state| !wanted(state));
        let (state, timeout) = waited.unwrap();
        let screen = state.terminal.screen().contents();
        drop(state);
        assert!(
            !timeout.timed_out(),
            "{}: {what} did not come within 30 s; the screen:\n{screen}",
            self.name
        );
    }

    /// Keeps the screen as a text artefact.
    pub(crate) fn keep(&self, name: &str) {
        let folder = workspace().join("artifacts/test/terminal");
        std::fs::create_dir_all(&folder).unwrap();
        let screen = self.seen.state.lock().unwrap().terminal.screen().contents();
        std::fs::write(folder.join(format!("{name}.txt")), screen + "\n").unwrap();
    }

    /// Everything that the phone wrote, escape sequences included.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.seen.state.lock().unwrap().bytes).into_owned()
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.seen.state.lock().unwrap().terminal.screen_mut().set_size(rows, columns);
        self.master.as_ref().unwrap().resize(size(columns, rows)).unwrap();
    }

    /// Whether the terminal shows a screen of the phone's own.
    pub(crate) fn is_taken(&self) -> bool {
        self.seen.state.lock().unwrap().terminal.screen().alternate_screen()
    }

    pub(crate) fn line_settings(&self) -> String {
        line_settings(&**self.master.as_ref().unwrap())
    }

    /// Sends a signal such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(sent.unwrap().success(), "kill -{signal} {id}");
    }

    /// Waits until the phone has ended and the terminal is as it was: its own screen left, the cursor shown.
    pub(crate) fn until_ended(&mut self) -> ExitStatus {
        let mut killer = self.child.clone_killer();
        let (ended, end) = std::sync::mpsc::sync_channel::<()>(1);
        // A phone that does not end fails the test instead of holding it up.
        let watchdog = std::thread::spawn(move || {
            let hangs = end.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if hangs {
                // It may have ended just now.
                let _ = killer.kill();
            }
            hangs
        });
        let status = self.child.wait().unwrap();
        drop(ended);
        assert!(!watchdog.join().unwrap(), "{} did not end within 30 s", self.name);
        self.until_state("the ordinary screen", |state| {
            let screen = state.terminal.screen();
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        });
        status
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended; nothing of a failed test is to be left.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop((self.slave.take(), self.master.take()));
        // The reader ends with the terminal; what it may have panicked with has failed the test already.
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// A hub as `ringback-server` runs it, on a free port.
pub(crate) async fn hub() -> RunningHub {
    Hub::start(HubConfig { demo: true, ..HubConfig::default() }).await.unwrap()
}

/// The example, built beside this test.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("examples/phone");
    assert!(program.exists(), "build it first: cargo build --workspace --example=phone");
    program
}

/// The line settings of a terminal: echo, line mode, signals.
pub(crate) fn line_settings(master: &dyn MasterPty) -> String {
    let settings = master.get_termios().unwrap();
    format!("{:?} {:?} {:?}", settings.input_flags, settings.output_flags, settings.local_flags)
}

/// The settings of somebody's own phone and server, which no phone of a test may have.
pub(crate) fn settings() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"RINGBACK_"))
}

/// A text without frames, its spaces taken together: words that a line break parted stand side by side.
pub(crate) fn words(text: &str) -> String {
    text.replace(['│', '─', '┌', '┐', '└', '┘'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// Far beyond what a busy machine needs.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

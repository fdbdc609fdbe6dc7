//! Child processes, each the leader of its own process group, stopped as a group on every way out.
//!
//! A [`Group`] kills and reaps its processes when it is dropped. Ctrl-C, `kill` and a closed terminal run the same
//! code through [`stop_children_on_signal`], because a child in its own group does not see the terminal's Ctrl-C.
//! Only `kill -9` of xtask itself leaves children behind.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// One line that a child printed, without its line end.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    Out(String),
    Err(String),
}

/// How a command that ran under a time limit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(ExitStatus),
    TimedOut,
}

impl Ended {
    pub(crate) fn success(self) -> bool {
        match self {
            Ended::Exited(status) => status.success(),
            Ended::TimedOut => false,
        }
    }
}

/// The deadline of what a person waits for and can interrupt.
pub(crate) fn far() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}

/// A running child with everything that it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    lines: Receiver<Line>,
}

impl Group {
    /// Starts `command` with piped output. Standard input stays as the caller set it.
    pub(crate) fn spawn(command: &mut Command) -> Result<Group> {
        let (mut group, lines) = Group::start(command)?;
        if let Some(out) = group.child.stdout.take() {
            forward(out, Line::Out, lines);
        }
        Ok(group)
    }

    /// The same for a child whose output is not lines.
    pub(crate) fn spawn_raw(command: &mut Command) -> Result<(Group, ChildStdout)> {
        let (mut group, _) = Group::start(command)?;
        let out = group.child.stdout.take().context("a piped output is there once")?;
        Ok((group, out))
    }

    fn start(command: &mut Command) -> Result<(Group, SyncSender<Line>)> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        // Held over the spawn, so that a signal cannot fall between start and registration.
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        groups.insert(child.id());
        drop(groups);

        // A full channel blocks the reader and then the child, so a chatty child waits for us instead of filling memory.
        let (sender, lines) = sync_channel(1024);
        if let Some(err) = child.stderr.take() {
            forward(err, Line::Err, sender.clone());
        }
        Ok((Group { child, lines }, sender))
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The next line, or `None` once `deadline` has passed or all output is closed.
    pub(crate) fn line_before(&self, deadline: Instant) -> Option<Line> {
        self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Whether the child has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Hands every line to `on_line` until the child has ended, or kills the group when `deadline` passes.
    pub(crate) fn drain(mut self, deadline: Instant, mut on_line: impl FnMut(&Line)) -> Ended {
        let mut gone: Option<(ExitStatus, Instant)> = None;
        loop {
            let open = match self.lines.recv_timeout(POLL) {
                Ok(line) => {
                    on_line(&line);
                    true
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => {
                    thread::park_timeout(POLL);
                    false
                }
            };
            if gone.is_none() {
                gone = self.ended().map(|status| (status, Instant::now()));
            }
            match gone {
                // A grandchild that outlives the child may hold the pipes open for ever.
                Some((status, since)) if !open || since.elapsed() > LAST_LINES => {
                    return Ended::Exited(status);
                }
                None if Instant::now() >= deadline => return Ended::TimedOut,
                Some(_) | None => {}
            }
        }
    }

    /// Asks the group to end, and kills it after `grace`. Returns how the child ended, if it did by itself.
    pub(crate) fn stop(mut self, grace: Duration) -> Option<ExitStatus> {
        if let Some(status) = self.ended() {
            return Some(status);
        }
        signal_group(self.child.id(), Signal::Terminate);
        self.wait(grace)
    }

    /// Waits for the child to end by itself, at most `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            // Lines are thrown away here, so that a child that still prints is not blocked by a full channel.
            if let Err(RecvTimeoutError::Disconnected) = self.lines.recv_timeout(POLL) {
                thread::park_timeout(POLL);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.child.id();
        signal_group(id, Signal::Kill);
        // On systems without process groups this is what kills; elsewhere the child is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        GROUPS.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Runs `command` without standard input, at most until `deadline`, handing on its lines.
pub(crate) fn run(command: &mut Command, deadline: Instant, on_line: impl FnMut(&Line)) -> Result<Ended> {
    Ok(Group::spawn(command.stdin(Stdio::null()))?.drain(deadline, on_line))
}

/// Prints a child's line where the child did.
pub(crate) fn print(line: &Line) {
    match line {
        Line::Out(text) => println!("{text}"),
        Line::Err(text) => eprintln!("{text}"),
    }
}

/// Makes Ctrl-C, `kill` and a closed terminal end every group before xtask itself ends with code 130.
pub(crate) fn stop_children_on_signal() -> Result<()> {
    ctrlc::set_handler(|| {
        // The lock is kept until the end, so that no group can start any more.
        let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        for id in groups.iter() {
            signal_group(*id, Signal::Terminate);
        }
        thread::park_timeout(Duration::from_millis(300));
        for id in groups.iter() {
            signal_group(*id, Signal::Kill);
        }
        for folder in FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = std::fs::remove_dir_all(folder);
        }
        std::process::exit(130);
    })
    .context("cannot handle Ctrl-C")
}

/// Removes `folder` if a signal ends xtask; in every other case its owner does.
pub(crate) fn remove_on_signal(folder: PathBuf) {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(folder);
}

#[derive(Debug, Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

fn signal_group(id: u32, signal: Signal) {
    #[cfg(unix)]
    {
        use nix::sys::signal::{Signal as Unix, killpg};
        let unix = match signal {
            Signal::Terminate => Unix::SIGTERM,
            Signal::Kill => Unix::SIGKILL,
        };
        if let Ok(pid) = i32::try_from(id) {
            // An error means that nobody of the group is left.
            let _ = killpg(nix::unistd::Pid::from_raw(pid), unix);
        }
    }
    #[cfg(not(unix))]
    let _ = (id, signal);
}

fn forward(from: impl Read + Send + 'static, wrap: fn(String) -> Line, to: SyncSender<Line>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut bytes = Vec::new();
        while matches!(from.read_until(b'\n', &mut bytes), Ok(1..)) {
            let text = String::from_utf8_lossy(&bytes);
            if to.send(wrap(text.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

/// Leaders of the groups that run now.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Temporary folders.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How often an ended child or a passed limit is looked for while it prints nothing.
const POLL: Duration = Duration::from_millis(20);

/// How long after a child's end its last lines are waited for.
const LAST_LINES: Duration = Duration::from_secs(2);

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn every_line_of_both_streams_arrives_before_the_end() {
        let mut lines = Vec::new();
        let ended = run(&mut shell("echo one; echo two >&2; printf three; exit 3"), soon(), |line| {
            lines.push(match line {
                Line::Out(text) | Line::Err(text) => text.clone(),
            });
        })
        .unwrap();
        lines.sort();
        assert_eq!(lines, ["one", "three", "two"]);
        assert!(matches!(ended, Ended::Exited(status) if status.code() == Some(3)));
    }

    #[test]
    fn the_time_limit_kills_grandchildren_too() {
        let mut pid = String::new();
        let limit = Instant::now() + Duration::from_millis(300);
        let ended = run(&mut shell("sleep 600 & echo $!; wait"), limit, |line| {
            if let Line::Out(text) = line {
                pid.clone_from(text);
            }
        })
        .unwrap();
        assert_eq!(ended, Ended::TimedOut);
        assert_gone(&pid);
    }

    #[test]
    fn a_dropped_group_leaves_no_process() {
        let group = Group::spawn(shell("sleep 600 & echo $!; wait").stdin(Stdio::null())).unwrap();
        let Some(Line::Out(pid)) = group.line_before(soon()) else { panic!("no pid") };
        drop(group);
        assert_gone(&pid);
    }

    #[test]
    fn a_child_that_ends_when_asked_is_not_killed() {
        let group = Group::spawn(
            shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done").stdin(Stdio::null()),
        )
        .unwrap();
        assert!(group.line_before(soon()).is_some());
        assert_eq!(group.stop(Duration::from_secs(10)).and_then(|status| status.code()), Some(7));
    }

    /// A killed grandchild is reaped by init; until then it is a zombie, which is as good.
    fn assert_gone(pid: &str) {
        let deadline = soon();
        while let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            if stat.contains(") Z ") {
                return;
            }
            assert!(Instant::now() < deadline, "process {pid} lives: {stat}");
            thread::park_timeout(POLL);
        }
    }
}

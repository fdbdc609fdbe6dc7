//! The processes of the demo: a hub and two phones, started, followed and stopped.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{Side, devices::Devices, story::Story};
use crate::{
    process::{Group, Line},
    server::{Server, without_settings},
};

/// The hub and the phones that are up. Dropping it kills them all.
#[derive(Debug)]
pub(super) struct Stage {
    programs: PathBuf,
    url: String,
    hub: Server,
    phones: Vec<Phone>,
}

#[derive(Debug)]
struct Phone {
    side: Side,
    group: Group,
    stdin: Option<ChildStdin>,
}

impl Stage {
    /// Starts the hub of the folder `programs` on a free port of the loopback interface.
    pub(super) fn open(programs: &Path, story: &mut Story) -> Result<Stage> {
        let hub = Server::start(programs)?;
        let url = hub.url().to_owned();
        story.say("hub", &format!("listens on {url}"));
        Ok(Stage { programs: programs.to_owned(), url, hub, phones: Vec::new() })
    }

    /// Starts a phone and waits until it is online. The rider's does not call yet.
    pub(super) fn add_phone(
        &mut self,
        side: Side,
        devices: &[String],
        environment: &[(String, String)],
        muted: bool,
        story: &mut Story,
    ) -> Result<()> {
        let mut command = Command::new(self.programs.join("examples/phone"));
        command.args(["--json", "--local", "--server", &self.url, "--user", side.name()]).args(devices);
        if side == Side::Driver {
            command.arg("--answer");
        }
        if muted {
            command.arg("--muted");
        }
        without_settings(&mut command).envs(environment.iter().cloned()).stdin(Stdio::piped());
        let mut group = Group::spawn(&mut command)?;
        let stdin = group.take_stdin();
        self.phones.push(Phone { side, group, stdin });
        self.follow(story, START_LIMIT, |story| story.first(side, "ready", None).is_some())
            .with_context(|| format!("the {}'s phone did not come online", side.name()))
    }

    /// The call: the rider dials, both talk, the rider hangs up.
    pub(super) fn play(&mut self, devices: &mut Devices, story: &mut Story) -> Result<()> {
        self.tell(Side::Rider, "call driver")?;
        self.follow(story, RING_LIMIT, |story| story.first(Side::Driver, "incoming", None).is_some())
            .context("the driver's phone did not ring")?;
        devices.speak()?;
        let both_in = |story: &Story| {
            [Side::Rider, Side::Driver]
                .iter()
                .all(|side| story.at_ms(*side, "state", Some("active")).is_some())
        };
        self.follow(story, RING_LIMIT, both_in).context("the call did not connect")?;

        let talk = Instant::now() + devices.talk();
        self.follow(story, devices.talk(), |_| Instant::now() >= talk)?;
        self.tell(Side::Rider, "hangup")?;
        let both_out = |story: &Story| {
            [Side::Rider, Side::Driver]
                .iter()
                .all(|side| story.first(*side, "state", Some("ended")).is_some())
        };
        self.follow(story, END_LIMIT, both_out).context("the call did not end on both sides")?;
        for side in [Side::Rider, Side::Driver] {
            self.tell(side, "quit")?;
        }
        let both_closed = |story: &Story| {
            [Side::Rider, Side::Driver].iter().all(|side| story.first(*side, "closed", None).is_some())
        };
        self.follow(story, END_LIMIT, both_closed).context("a phone did not close")
    }

    /// Waits until both phones have ended by themselves and well, then stops the hub.
    pub(super) fn close(mut self) -> Result<()> {
        for phone in &mut self.phones {
            match phone.group.wait(END_LIMIT) {
                Some(status) if status.success() => {}
                Some(status) => bail!("the {}'s phone ended with {status}", phone.side.name()),
                None => bail!("the {}'s phone did not end", phone.side.name()),
            }
        }
        self.hub.stop(END_LIMIT);
        Ok(())
    }

    fn tell(&mut self, side: Side, command: &str) -> Result<()> {
        let phone = self.phones.iter_mut().find(|phone| phone.side == side);
        let stdin = phone.and_then(|phone| phone.stdin.as_mut()).context("there is no such phone")?;
        let told = writeln!(stdin, "{command}").and_then(|()| stdin.flush());
        // A rider's phone closes by itself after its call; there is nobody left to tell then.
        if command == "quit" { Ok(()) } else { told.context("a phone went away") }
    }

    /// Hands the phones' events to the story until `done`, or fails after `limit`.
    fn follow(&mut self, story: &mut Story, limit: Duration, done: impl Fn(&Story) -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            self.listen(story);
            if done(story) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("nothing for {} s", limit.as_secs());
            }
            if let Some(status) = self.hub.ended() {
                bail!("the hub ended with {status}");
            }
            let gone: Vec<_> = self
                .phones
                .iter_mut()
                .filter_map(|phone| phone.group.ended().map(|status| (phone.side, status)))
                .collect();
            if gone.is_empty() {
                continue;
            }
            // What it wrote last may still be on its way.
            self.listen(story);
            for (side, status) in gone {
                if !status.success() || story.first(side, "closed", None).is_none() {
                    bail!("the {}'s phone ended with {status}", side.name());
                }
            }
        }
    }

    fn listen(&mut self, story: &mut Story) {
        for phone in &self.phones {
            while let Some(line) = phone.group.line_before(Instant::now() + GLANCE) {
                match line {
                    Line::Out(text) => match serde_json::from_str::<Value>(&text) {
                        Ok(event) => story.event(phone.side, event),
                        Err(_) => story.say(phone.side.name(), &text),
                    },
                    Line::Err(text) => eprintln!("{}: {text}", phone.side.name()),
                }
            }
        }
    }
}

/// A phone starts in milliseconds; a busy machine may take seconds.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Longer than a call needs on a bad network, shorter than the ring time of 45 s.
const RING_LIMIT: Duration = Duration::from_secs(30);
/// Signaling is flushed within 1 s and everything within 2 s.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long one phone is listened to before the other.
const GLANCE: Duration = Duration::from_millis(5);

//! `ringback-server` as a process of its own, on a free port of the loopback interface.

use std::{
    env,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::process::{Group, Line};

/// A server that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    group: Group,
}

impl Server {
    /// Starts the server of the folder `programs` in demo mode and waits until it says where it listens.
    pub(crate) fn start(programs: &Path) -> Result<Server> {
        let mut command = Command::new(programs.join("ringback-server"));
        command.args(["--listen", "127.0.0.1:0", "--demo"]);
        let group = Group::spawn(without_settings(&mut command).stdin(Stdio::null()))?;
        let deadline = Instant::now() + START_LIMIT;
        let mut said = Vec::new();
        loop {
            let Some(Line::Out(text) | Line::Err(text)) = group.line_before(deadline) else {
                bail!("the hub did not say where it listens; it said: {}", said.join(" / "))
            };
            if let Some(url) = loopback_url(&text) {
                return Ok(Server { url, group });
            }
            said.push(text);
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it has ended, and how. Takes what it has said meanwhile, so that it never waits for a reader.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        while self.group.line_before(Instant::now()).is_some() {}
        self.group.ended()
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(self, limit: Duration) -> Option<ExitStatus> {
        self.group.stop(limit)
    }
}

/// Keeps the settings of somebody's own server and phone from a program.
pub(crate) fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("RINGBACK_") {
            command.env_remove(name);
        }
    }
    command
}

fn loopback_url(text: &str) -> Option<String> {
    let from = &text[text.find("http://127.0.0.1:")?..];
    let end = from.find(|c: char| c.is_whitespace() || "\"',;)".contains(c)).unwrap_or(from.len());
    Some(from[..end].trim_end_matches('/').to_owned())
}

/// It starts in milliseconds; a busy machine may take seconds.
const START_LIMIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_may_word_its_address_as_it_likes() {
        assert_eq!(
            loopback_url("listening on http://127.0.0.1:4321/ (demo)").as_deref(),
            Some("http://127.0.0.1:4321")
        );
        assert_eq!(
            loopback_url(r#"{"url":"http://127.0.0.1:4321","x":1}"#).as_deref(),
            Some("http://127.0.0.1:4321")
        );
        assert_eq!(loopback_url("starting"), None);
    }
}

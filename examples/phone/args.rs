//! The command line of the terminal phone.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use ringback_examples::ice::IceArgs;
use ringback_examples::server::ServerArgs;

/// A phone for the terminal: it places and answers calls over a Supabase-Realtime-compatible server.
///
/// In a terminal it shows a screen; press ? there for its keys. Otherwise, and with --plain or --json, it prints lines and
/// reads commands, one a line: answer, decline, hangup, mute, unmute, hold, resume, stats, call USER, online,
/// devices, use microphone NUMBER, use speaker NUMBER, quit.
///
/// Without any argument it is a phone of the ringback-server on this machine.
#[derive(Debug, Parser)]
#[command(name = "phone", version)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    /// Who this phone is. Default: the name you are logged in with.
    #[arg(long)]
    pub(crate) user: Option<String>,

    /// The topic on which phones show that they are online. Default: lobby on a local server, none elsewhere.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) lobby: Option<String>,

    /// Call this user as soon as signaling is online.
    #[arg(long, value_name = "USER")]
    pub(crate) call: Option<String>,

    /// Answer every incoming call by itself.
    #[arg(long)]
    pub(crate) answer: bool,

    /// Start muted.
    #[arg(long)]
    pub(crate) muted: bool,

    /// Hang up this many seconds after the call became active.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) hang_up_after: Option<Duration>,

    /// Where sound comes from: device, device:ID, wav:PATH, tone, silence.
    #[arg(long, default_value = "device")]
    pub(crate) capture: Capture,

    /// Where sound goes: device, device:ID, wav:PATH, null.
    #[arg(long, default_value = "device")]
    pub(crate) playback: Playback,

    #[command(flatten)]
    pub(crate) ice: IceArgs,

    /// Let media go over the loopback interface too: for two phones on one machine. On by itself if the server is on it.
    #[arg(long)]
    pub(crate) local: bool,

    /// Print sentences and read commands, also in a terminal.
    #[arg(long)]
    pub(crate) plain: bool,

    /// Print one JSON object a line instead of sentences.
    #[arg(long)]
    pub(crate) json: bool,

    /// Log to standard error, such as info or ringback=debug. With the screen only if that is not the terminal.
    #[arg(long, env = "RINGBACK_LOG", default_value = "warn")]
    pub(crate) log: String,
}

impl Args {
    /// Who this phone is: as asked for, or the login name made valid.
    pub(crate) fn user(&self) -> String {
        let login = || ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        self.user.clone().unwrap_or_else(|| valid_user(&login().unwrap_or_default()))
    }
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Capture {
    Device(Option<String>),
    Wav(PathBuf),
    Tone,
    Silence,
}

/// Where sound goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Playback {
    Device(Option<String>),
    Wav(PathBuf),
    Null,
}

impl FromStr for Capture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("device", "") => Ok(Capture::Device(None)),
            ("device", id) => Ok(Capture::Device(Some(id.to_owned()))),
            ("wav", path) if !path.is_empty() => Ok(Capture::Wav(path.into())),
            ("tone", "") => Ok(Capture::Tone),
            ("silence", "") => Ok(Capture::Silence),
            _ => Err(format!("{text} is not one of device, device:ID, wav:PATH, tone, silence")),
        }
    }
}

impl FromStr for Playback {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("device", "") => Ok(Playback::Device(None)),
            ("device", id) => Ok(Playback::Device(Some(id.to_owned()))),
            ("wav", path) if !path.is_empty() => Ok(Playback::Wav(path.into())),
            ("null", "") => Ok(Playback::Null),
            _ => Err(format!("{text} is not one of device, device:ID, wav:PATH, null")),
        }
    }
}

/// The nearest user id: 1 to 128 bytes of `[A-Za-z0-9._:@-]`.
fn valid_user(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '@' | '-');
    let name: String = name.trim().chars().map(|c| if legal(c) { c } else { '-' }).take(128).collect();
    if name.contains(|c: char| c.is_ascii_alphanumeric()) { name } else { "phone".into() }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text} is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_name_becomes_a_user_id() {
        for (login, user) in [("ana", "ana"), ("DOM\\Ana B.", "DOM-Ana-B."), ("", "phone"), ("éé", "phone")]
        {
            assert_eq!(valid_user(login), user);
        }
        assert_eq!(valid_user(&"x".repeat(200)).len(), 128);
    }
}

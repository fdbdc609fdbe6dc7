//! The command line of the terminal phone.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;

/// A phone for the terminal: it places and answers calls over a Supabase-Realtime-compatible server.
///
/// While it runs it reads commands, one a line: answer, decline, hangup, mute, unmute, hold, resume, stats, call USER, quit.
#[derive(Debug, Parser)]
#[command(name = "phone", version)]
pub(crate) struct Args {
    /// Where the signaling server is: a Supabase project's URL or a local hub's.
    #[arg(long, env = "RINGBACK_SERVER", default_value = "http://127.0.0.1:4000")]
    pub(crate) server: String,

    /// The project's anon (publishable) key. A local hub started with --demo takes the default.
    #[arg(long, env = "RINGBACK_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,

    /// The signed-in user's token. Private channels need it.
    #[arg(long, env = "RINGBACK_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Use private channels: only the user's own phones can listen.
    #[arg(long, requires = "token")]
    pub(crate) private: bool,

    /// Who this phone is.
    #[arg(long)]
    pub(crate) user: String,

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

    /// A STUN or TURN server, such as stun:stun.example.org or turn:turn.example.org. May be given more than once.
    #[arg(long = "ice", value_name = "URL")]
    pub(crate) ice: Vec<String>,

    /// The TURN user name.
    #[arg(long, requires = "turn_password")]
    pub(crate) turn_user: Option<String>,

    /// The TURN password.
    #[arg(long, env = "RINGBACK_TURN_PASSWORD", hide_env_values = true)]
    pub(crate) turn_password: Option<String>,

    /// Let media go over the loopback interface too: for two phones on one machine.
    #[arg(long)]
    pub(crate) local: bool,

    /// Print one JSON object a line instead of sentences.
    #[arg(long)]
    pub(crate) json: bool,

    /// Log to standard error, such as info or ringback=debug.
    #[arg(long, env = "RINGBACK_LOG", default_value = "warn")]
    pub(crate) log: String,
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

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text} is not a number of seconds"))
}

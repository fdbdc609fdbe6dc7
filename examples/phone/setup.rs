//! Puts the phone together from the command line.

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::{
    AudioDeviceId, AudioDevices, CaptureFrom, ClockedDevices, DeviceChoice, DeviceKind, PlaybackTo,
    SplitDevices, default_devices,
};
use ringback::media::ice::{HttpIceServers, IceServer, IceServers, StaticIceServers};
use ringback::proto::{DeviceId, UserId};
use ringback::signaling::supabase::{Online, SupabaseSignaling};
use ringback::signaling::{StaticToken, Token};
use ringback::store::MemoryStore;
use ringback::{Phone, PhoneBuilder};
use tokio::sync::watch;

use crate::args::{Args, Capture, Playback};
use crate::server::{DemoToken, ServerFacts, is_loopback, is_own_machine, page};

/// A phone that is on its way to be online, and what belongs to it.
pub(crate) struct Ready {
    pub(crate) phone: Phone,
    pub(crate) online: watch::Receiver<Vec<Online>>,
    /// The echo bot's user, where there is one.
    pub(crate) echo: Option<String>,
    /// What the person at the terminal should know.
    pub(crate) notes: Vec<String>,
}

/// A phone as the arguments and the server describe it.
///
/// `stand_in`: where the machine has no microphone or speaker, take a tone and nothing instead.
pub(crate) async fn ready(args: &Args, stand_in: bool) -> Result<Ready, Box<dyn std::error::Error>> {
    let server = ServerFacts::ask(&args.server).await;
    let (capture, playback, notes) = present(args, stand_in).await;
    let servers = ice_servers(args, &server)?;
    let device = ringback::store::device_id(&MemoryStore::new())?;
    let signaling = signaling(args, &server, device)?;
    let online = signaling.online();
    let builder: PhoneBuilder = Phone::builder(Arc::new(signaling))
        .user(args.user())
        .device(device)
        .audio_devices(devices(&capture, &playback))
        .ice_servers(servers)
        .local_demo(args.local || is_loopback(&args.server));
    let phone = builder.start().await?;
    for (kind, id) in chosen(args) {
        let choice = DeviceChoice::Id(AudioDeviceId(id));
        if let Err(error) = phone.audio().choose(kind, choice).await {
            phone.close();
            phone.closed().await;
            return Err(error.into());
        }
    }
    Ok(Ready { phone, online, echo: server.echo, notes })
}

/// Those of the arguments; else those that a local demo hands out to its users; else none.
fn ice_servers(args: &Args, server: &ServerFacts) -> Result<Arc<dyn IceServers>, Box<dyn std::error::Error>> {
    if !args.ice.is_empty() {
        return Ok(Arc::new(StaticIceServers::new(vec![IceServer {
            urls: args.ice.clone(),
            username: args.turn_user.clone().unwrap_or_default(),
            credential: args.turn_password.clone().unwrap_or_default(),
        }])?));
    }
    let (Some(path), Some(token)) = (&server.ice, token(args, server)) else {
        return Ok(Arc::new(StaticIceServers::default()));
    };
    Ok(Arc::new(HttpIceServers::new(&page(&args.server, path), api_key(args, server), token)?))
}

/// The token of the arguments; else the one that a local demo signs for whoever asks.
fn token(args: &Args, server: &ServerFacts) -> Option<Arc<dyn Token>> {
    match &args.token {
        Some(token) => Some(Arc::new(StaticToken::new(token))),
        None if server.demo => Some(Arc::new(DemoToken::new(&args.server, &args.user()))),
        None => None,
    }
}

fn api_key<'a>(args: &'a Args, server: &'a ServerFacts) -> &'a str {
    args.api_key.as_deref().or(server.api_key.as_deref()).unwrap_or(LOCAL_KEY)
}

fn signaling(
    args: &Args,
    server: &ServerFacts,
    device: DeviceId,
) -> Result<SupabaseSignaling, Box<dyn std::error::Error>> {
    let key = api_key(args, server);
    let user: UserId = args.user().parse()?;
    let builder = match token(args, server) {
        Some(token) if args.private => SupabaseSignaling::private(&args.server, key, user, token),
        None if args.private => return Err("private channels need a token: give one with --token".into()),
        Some(_) | None => SupabaseSignaling::public(&args.server, key, user),
    };
    // Elsewhere public channels may be switched off, and a refused lobby holds up the connection for 5 s.
    let usual = || is_own_machine(&args.server).then(|| LOBBY.to_owned());
    let lobby = args.lobby.clone().or_else(|| server.lobby.clone()).or_else(usual);
    Ok(match lobby {
        Some(lobby) => builder.lobby(lobby, device, "terminal").start()?,
        None => builder.start()?,
    })
}

/// What to take sound from and play it on, with a word to the user where the machine has no such device.
async fn present(args: &Args, stand_in: bool) -> (Capture, Playback, Vec<String>) {
    let (mut capture, mut playback, mut notes) = (args.capture.clone(), args.playback.clone(), Vec::new());
    let wants = (capture == Capture::Device(None), playback == Playback::Device(None));
    if wants == (false, false) {
        return (capture, playback, notes);
    }
    let listed = tokio::task::spawn_blocking(|| default_devices().list());
    let listed = tokio::time::timeout(LISTING, listed).await;
    let listed = listed.ok().and_then(Result::ok).and_then(Result::ok).unwrap_or_default();
    let has = |kind| listed.iter().any(|device| device.kind == kind);
    if wants.0 && !has(DeviceKind::Capture) {
        notes.push(if stand_in {
            capture = Capture::Tone;
            "No microphone on this machine: a test tone is sent instead.".into()
        } else {
            "No microphone on this machine: start with --capture tone to send a test tone.".into()
        });
    }
    if wants.1 && !has(DeviceKind::Playback) {
        notes.push(if stand_in {
            playback = Playback::Null;
            "No speaker on this machine: the sound of calls is thrown away.".into()
        } else {
            "No speaker on this machine: start with --playback null to do without.".into()
        });
    }
    (capture, playback, notes)
}

fn devices(capture: &Capture, playback: &Playback) -> Arc<dyn AudioDevices> {
    let capture = match capture {
        Capture::Device(_) => None,
        Capture::Wav(path) => Some(CaptureFrom::Wav { path: path.clone(), repeat: false }),
        Capture::Tone => Some(CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -20.0 }),
        Capture::Silence => Some(CaptureFrom::Silence),
    };
    let playback = match playback {
        Playback::Device(_) => None,
        Playback::Wav(path) => Some(PlaybackTo::Wav(path.clone())),
        Playback::Null => Some(PlaybackTo::Null),
    };
    let clocked =
        |capture, playback| -> Arc<dyn AudioDevices> { Arc::new(ClockedDevices::new(capture, playback)) };
    match (capture, playback) {
        (None, None) => default_devices(),
        (Some(capture), Some(playback)) => clocked(capture, playback),
        (Some(capture), None) => {
            Arc::new(SplitDevices::new(clocked(capture, PlaybackTo::Null), default_devices()))
        }
        (None, Some(playback)) => {
            Arc::new(SplitDevices::new(default_devices(), clocked(CaptureFrom::Silence, playback)))
        }
    }
}

fn chosen(args: &Args) -> Vec<(DeviceKind, String)> {
    let capture = match &args.capture {
        Capture::Device(Some(id)) => Some((DeviceKind::Capture, id.clone())),
        Capture::Device(None) | Capture::Wav(_) | Capture::Tone | Capture::Silence => None,
    };
    let playback = match &args.playback {
        Playback::Device(Some(id)) => Some((DeviceKind::Playback, id.clone())),
        Playback::Device(None) | Playback::Wav(_) | Playback::Null => None,
    };
    capture.into_iter().chain(playback).collect()
}

/// The API key of a local hub; not a secret.
const LOCAL_KEY: &str = "ringback-local-key";
/// Where the phones of a local server show themselves.
const LOBBY: &str = "lobby";
/// A sound server that hangs is no reason to show nothing.
const LISTING: Duration = Duration::from_secs(3);

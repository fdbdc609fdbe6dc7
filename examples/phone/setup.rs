//! Puts the phone together from the command line.

use std::sync::Arc;

use ringback::audio::{
    AudioDevice, AudioDeviceId, AudioDevices, CaptureFrom, ClockedDevices, DeviceChoice, DeviceError,
    DeviceKind, PlaybackTo, SplitDevices, default_devices,
};
use ringback::media::ice::{IceServers, StaticIceServers};
use ringback::proto::DeviceId;
use ringback::signaling::supabase::{Online, SupabaseSignaling};
use ringback::store::MemoryStore;
use ringback::{Phone, PhoneBuilder};
use ringback_examples::local_server::{is_loopback, is_own_machine};
use ringback_examples::server::Server;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::args::{Args, Capture, Playback};
use crate::sound::{self, Trouble, Unusable};

/// A phone that is on its way to be online, and what belongs to it.
pub(crate) struct Ready {
    pub(crate) phone: Phone,
    pub(crate) online: watch::Receiver<Vec<Online>>,
    /// The echo bot's user, where there is one.
    pub(crate) echo: Option<String>,
    /// What the person at the terminal should know.
    pub(crate) notes: Vec<String>,
    /// The devices that the arguments chose.
    pub(crate) chosen: Vec<(DeviceKind, DeviceChoice)>,
    /// Whether microphone and speaker open, as it is found out.
    pub(crate) trials: JoinSet<Option<Trouble>>,
}

/// A phone as the arguments and the server describe it.
///
/// `stand_in`: where the machine has no microphone or speaker, take a tone and nothing instead.
pub(crate) async fn ready(args: &Args, stand_in: bool) -> Result<Ready, Box<dyn std::error::Error>> {
    let server = args.server.ask(&args.user()).await;
    let (capture, playback, notes) = if stand_in {
        present(args).await
    } else {
        (args.capture.clone(), args.playback.clone(), Vec::new())
    };
    let servers = ice_servers(args, &server)?;
    let device = ringback::store::device_id(&MemoryStore::new())?;
    let signaling = signaling(args, &server, device)?;
    let online = signaling.online();
    let builder: PhoneBuilder = Phone::builder(Arc::new(signaling))
        .user(args.user())
        .device(device)
        .audio_devices(devices(&capture, &playback))
        .ice_servers(servers)
        .local_demo(args.local || is_loopback(&args.server.url));
    let phone = builder.start().await?;
    let chosen = chosen(args);
    for (kind, choice) in &chosen {
        if let Err(error) = sound::choose(&phone, *kind, choice.clone()).await {
            phone.close();
            phone.closed().await;
            return Err(error.into());
        }
    }
    let trials = sound::try_out(&phone, on_trial(args, &capture, &playback));
    Ok(Ready { phone, online, echo: server.facts.echo, notes, chosen, trials })
}

/// Those of the arguments; else those that a local demo hands out to its users; else none.
fn ice_servers(args: &Args, server: &Server) -> Result<Arc<dyn IceServers>, Box<dyn std::error::Error>> {
    if let Some(servers) = args.ice.servers()? {
        return Ok(servers);
    }
    let minted = server.facts.ice.as_ref().map_or(Ok(None), |path| server.ice_servers(path))?;
    Ok(minted.unwrap_or_else(|| Arc::new(StaticIceServers::default())))
}

fn signaling(
    args: &Args,
    server: &Server,
    device: DeviceId,
) -> Result<SupabaseSignaling, Box<dyn std::error::Error>> {
    let builder = server.signaling()?;
    // Elsewhere public channels may be switched off, and a refused lobby holds up the connection for 5 s.
    let usual = || is_own_machine(&args.server.url).then(|| LOBBY.to_owned());
    let lobby = args.lobby.clone().or_else(|| server.facts.lobby.clone()).or_else(usual);
    Ok(match lobby {
        Some(lobby) => builder.lobby(lobby, device, "terminal").start()?,
        None => builder.start()?,
    })
}

/// What to take sound from and play it on, and what the person should know of it.
async fn present(args: &Args) -> (Capture, Playback, Vec<String>) {
    if args.capture != Capture::Device(None) && args.playback != Playback::Device(None) {
        return (args.capture.clone(), args.playback.clone(), Vec::new());
    }
    let listed = tokio::task::spawn_blocking(|| default_devices().list());
    let listed = sound::in_time(async { listed.await.unwrap_or(Err(DeviceError::Lost)) }).await;
    stand_in(args, listed)
}

/// A stand-in for each kind of which the machine has no device. A sound system that is late or fails says nothing of
/// that: its devices are kept, and used as soon as it is back.
fn stand_in(args: &Args, listed: Result<Vec<AudioDevice>, Unusable>) -> (Capture, Playback, Vec<String>) {
    let (mut capture, mut playback, mut notes) = (args.capture.clone(), args.playback.clone(), Vec::new());
    let listed = match listed {
        Ok(listed) => listed,
        Err(Unusable::Failed(DeviceError::NoDevice)) => Vec::new(),
        Err(error) => {
            notes.push(format!("The sound devices cannot be listed: {error}."));
            return (capture, playback, notes);
        }
    };
    // Without a sound card ALSA still lists its converters, none of which is the default.
    let has = |kind| listed.iter().any(|device| device.kind == kind && device.is_default);
    if capture == Capture::Device(None) && !has(DeviceKind::Capture) {
        capture = Capture::Tone;
        notes.push("No microphone on this machine: a test tone is sent instead.".into());
    }
    if playback == Playback::Device(None) && !has(DeviceKind::Playback) {
        playback = Playback::Null;
        notes.push("No speaker on this machine: the sound of calls is thrown away.".into());
    }
    (capture, playback, notes)
}

/// Devices worth a trial. A call that is placed at once tells by itself, and must not meet a device that is on trial.
fn on_trial(args: &Args, capture: &Capture, playback: &Playback) -> Vec<DeviceKind> {
    if args.call.is_some() {
        return Vec::new();
    }
    let capture = match capture {
        Capture::Device(_) => Some(DeviceKind::Capture),
        Capture::Wav(_) | Capture::Tone | Capture::Silence => None,
    };
    let playback = match playback {
        Playback::Device(_) => Some(DeviceKind::Playback),
        Playback::Wav(_) | Playback::Null => None,
    };
    capture.into_iter().chain(playback).collect()
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

fn chosen(args: &Args) -> Vec<(DeviceKind, DeviceChoice)> {
    let choice = |id: &String| DeviceChoice::Id(AudioDeviceId(id.clone()));
    let capture = match &args.capture {
        Capture::Device(Some(id)) => Some((DeviceKind::Capture, choice(id))),
        Capture::Device(None) | Capture::Wav(_) | Capture::Tone | Capture::Silence => None,
    };
    let playback = match &args.playback {
        Playback::Device(Some(id)) => Some((DeviceKind::Playback, choice(id))),
        Playback::Device(None) | Playback::Wav(_) | Playback::Null => None,
    };
    capture.into_iter().chain(playback).collect()
}

/// Where the phones of a local server show themselves.
const LOBBY: &str = "lobby";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn only_a_machine_without_a_device_gets_a_stand_in() {
        let args = Args::parse_from(["phone"]);
        let speaker = AudioDevice {
            id: AudioDeviceId("usb".into()),
            name: "usb".into(),
            kind: DeviceKind::Playback,
            is_default: true,
        };
        let converter = AudioDevice {
            id: AudioDeviceId("alsa:speexrate".into()),
            kind: DeviceKind::Capture,
            is_default: false,
            ..speaker.clone()
        };
        let (capture, playback, notes) = stand_in(&args, Ok(vec![speaker, converter]));
        assert_eq!((capture, playback), (Capture::Tone, Playback::Device(None)));
        assert!(notes.len() == 1 && notes[0].contains("No microphone"), "{notes:?}");
        let (capture, playback, _) = stand_in(&args, Err(Unusable::Failed(DeviceError::NoDevice)));
        assert_eq!((capture, playback), (Capture::Tone, Playback::Null));
    }

    #[test]
    fn a_sound_system_that_is_late_or_fails_keeps_its_devices() {
        let args = Args::parse_from(["phone"]);
        for (error, says) in
            [(Unusable::Silent, "does not answer"), (Unusable::Failed(DeviceError::NoServer), "start it")]
        {
            let (capture, playback, notes) = stand_in(&args, Err(error));
            assert_eq!((capture, playback), (Capture::Device(None), Playback::Device(None)));
            assert!(notes.len() == 1 && notes[0].contains(says), "{notes:?}");
        }
    }

    #[test]
    fn a_device_that_was_not_asked_for_is_not_looked_for() {
        let args = Args::parse_from(["phone", "--capture", "silence", "--playback", "device:usb"]);
        let (capture, playback, notes) = stand_in(&args, Ok(Vec::new()));
        assert_eq!((capture, playback), (Capture::Silence, Playback::Device(Some("usb".into()))));
        assert!(notes.is_empty(), "{notes:?}");
    }
}

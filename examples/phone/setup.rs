//! Puts the phone together from the command line.

use std::sync::Arc;

use ringback::audio::{
    AudioDeviceId, AudioDevices, CaptureFrom, ClockedDevices, DeviceChoice, DeviceKind, PlaybackTo,
    SplitDevices, default_devices,
};
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::signaling::supabase::SupabaseSignaling;
use ringback::signaling::{Signaling, StaticToken};
use ringback::{Phone, PhoneBuilder};

use crate::args::{Args, Capture, Playback};

/// A phone as the arguments describe it; it is on its way to be online.
pub(crate) async fn phone(args: &Args) -> Result<Phone, Box<dyn std::error::Error>> {
    let servers = match args.ice.as_slice() {
        [] => StaticIceServers::default(),
        urls => StaticIceServers::new(vec![IceServer {
            urls: urls.to_vec(),
            username: args.turn_user.clone().unwrap_or_default(),
            credential: args.turn_password.clone().unwrap_or_default(),
        }])?,
    };
    let builder: PhoneBuilder = Phone::builder(signaling(args)?)
        .user(&args.user)
        .audio_devices(devices(args))
        .ice_servers(Arc::new(servers))
        .local_demo(args.local);
    let phone = builder.start().await?;
    for (kind, id) in chosen(args) {
        let choice = DeviceChoice::Id(AudioDeviceId(id));
        if let Err(error) = phone.audio().choose(kind, choice).await {
            phone.close();
            phone.closed().await;
            return Err(error.into());
        }
    }
    Ok(phone)
}

fn signaling(args: &Args) -> Result<Arc<dyn Signaling>, Box<dyn std::error::Error>> {
    let key = args.api_key.as_deref().unwrap_or(LOCAL_KEY);
    let user = args.user.parse()?;
    let builder = match &args.token {
        Some(token) if args.private => {
            SupabaseSignaling::private(&args.server, key, user, Arc::new(StaticToken::new(token)))
        }
        Some(_) | None => SupabaseSignaling::public(&args.server, key, user),
    };
    Ok(Arc::new(builder.start()?))
}

fn devices(args: &Args) -> Arc<dyn AudioDevices> {
    let capture = match &args.capture {
        Capture::Device(_) => None,
        Capture::Wav(path) => Some(CaptureFrom::Wav { path: path.clone(), repeat: false }),
        Capture::Tone => Some(CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -20.0 }),
        Capture::Silence => Some(CaptureFrom::Silence),
    };
    let playback = match &args.playback {
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

//! What happened, in plain words.

use std::time::Duration;

use ringback::EventKind;
use ringback::audio::DeviceKind;
use ringback::media::{PathKind, SelectedPath};
use ringback::proto::Language;
use ringback::proto::call::CallState;
use ringback::signaling::SignalingHealth;

use crate::report::delivery_sentence;

/// A line for the event log; `None` for what the screen shows better elsewhere.
pub(super) fn event_words(kind: &EventKind, peer: Option<&str>) -> Option<String> {
    let peer = peer.unwrap_or("The other side");
    Some(match kind {
        EventKind::Incoming(incoming) => format!("{} calls.", incoming.from),
        EventKind::Outgoing => format!("Calling {peer}."),
        EventKind::Delivery(delivery) => delivery_sentence(*delivery).to_owned(),
        EventKind::State(CallState::Initiated | CallState::Ringing) => return None,
        EventKind::State(CallState::Connecting) => "Answered; connecting.".into(),
        EventKind::State(CallState::Active) => format!("Talking with {peer}."),
        EventKind::State(CallState::Reconnecting) => "The sound is gone; reconnecting.".into(),
        EventKind::State(CallState::Ended(end)) => format!("Ended. {}", end.reason.explain(Language::En)),
        EventKind::PeerMedia { held: true, .. } => format!("{peer} put the call on hold."),
        EventKind::PeerMedia { muted: true, .. } => format!("{peer} muted the microphone."),
        EventKind::PeerMedia { .. } => format!("{peer} can be heard again."),
        EventKind::Message(bytes) => format!("{peer} writes: {}", String::from_utf8_lossy(bytes)),
        EventKind::Path(path) => format!("The sound goes {}.", path_words(*path)),
        EventKind::FirstSound => format!("First sound from {peer}."),
        EventKind::PeerLevel { .. } => return None,
    })
}

pub(super) fn end_words(peer: &str, took_time: Option<Duration>, why: &str) -> String {
    match took_time {
        Some(time) => format!("Call with {peer}, {}: {why}", took(time)),
        None => format!("Call with {peer}: {why}"),
    }
}

pub(super) fn health_words(health: &SignalingHealth) -> String {
    match health {
        SignalingHealth::Connecting => "Connecting to the server.".into(),
        SignalingHealth::Online => "Online: calls can come and go.".into(),
        SignalingHealth::Offline { why, retry_in: Duration::MAX } => format!("Offline: {why}."),
        SignalingHealth::Offline { why, retry_in } => {
            format!("Offline: {why}. Next try in {} s.", retry_in.as_secs().max(1))
        }
    }
}

pub(super) fn device_word(kind: DeviceKind) -> &'static str {
    crate::report::kind_word(kind)
}

pub(crate) fn state_words(state: &CallState, incoming: bool) -> &'static str {
    match state {
        CallState::Initiated if incoming => "calls you",
        CallState::Initiated => "calling",
        CallState::Ringing if incoming => "calls you",
        CallState::Ringing => "ringing",
        CallState::Connecting => "connecting",
        CallState::Active => "active",
        CallState::Reconnecting => "reconnecting",
        CallState::Ended(_) => "ended",
    }
}

pub(crate) fn path_words(path: SelectedPath) -> String {
    if path.local == PathKind::Relay || path.remote == PathKind::Relay {
        return "through a relay".into();
    }
    match (path.local, path.remote) {
        (PathKind::Host, PathKind::Host) => "directly, on this network".into(),
        (local, remote) => format!("directly ({} to {})", local.name(), remote.name()),
    }
}

/// Minutes and seconds, hours if there are any.
pub(crate) fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

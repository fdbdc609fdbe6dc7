//! What the terminal phone prints: sentences for people, or one JSON object a line.

use std::error::Error;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use ringback::audio::{AudioDevice, DeviceError, DeviceKind};
use ringback::proto::call::{CallState, Delivery, Incoming};
use ringback::proto::{CallId, End, Language};
use ringback::signaling::supabase::Online;
use ringback::{CallStats, EventKind};
use ringback_examples::terminal::{harmless, harmless_json};
use serde_json::{Value, json};

use crate::sound::{Trouble, way_out};

/// What the terminal phone prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    json: bool,
    /// Where a line goes.
    print: fn(&str),
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, print: line }
    }

    /// A line for both kinds of reader.
    pub(crate) fn say(self, sentence: &str, object: Value) {
        if self.json { self.object(&object) } else { (self.print)(&harmless(sentence)) }
    }

    /// A line for people only.
    pub(crate) fn hint(self, sentence: &str) {
        if !self.json {
            (self.print)(&harmless(sentence));
        }
    }

    fn object(self, object: &Value) {
        (self.print)(&harmless_json(&object.to_string()));
    }

    /// Something that was asked for was not done.
    pub(crate) fn refused(self, why: &str) {
        self.say(&format!("Not done: {why}."), json!({"event": "refused", "why": why}));
    }

    /// The phone cannot go on.
    pub(crate) fn failed(self, error: &dyn Error) {
        self.say(&format!("phone: {error}"), json!({"event": "error", "message": error.to_string()}));
    }

    pub(crate) fn online(self, list: &[Online]) {
        let names: Vec<&str> = list.iter().map(|online| online.user.as_str()).collect();
        let sentence = if names.is_empty() {
            "Nobody shows up as online.".to_owned()
        } else {
            format!("Online: {}.", names.join(", "))
        };
        let all: Vec<Value> = list
            .iter()
            .map(|online| json!({"user": online.user.as_str(), "device": online.device.to_string(), "app": online.app}))
            .collect();
        self.say(&sentence, json!({"event": "online", "phones": all, "at_ms": now_ms()}));
    }

    /// The devices, with the numbers that `use` takes.
    pub(crate) fn devices(self, devices: &[AudioDevice]) {
        if devices.is_empty() {
            self.hint("There is no sound device.");
        }
        for (at, device) in devices.iter().enumerate() {
            let mark = if device.is_default { " (default)" } else { "" };
            self.hint(&format!("{:>3}  {:<10} {}{mark}", at + 1, kind_word(device.kind), device.name));
        }
        if self.json {
            let all: Vec<Value> = devices
                .iter()
                .map(|device| {
                    json!({"kind": kind_word(device.kind), "id": device.id.0, "name": device.name,
                           "default": device.is_default})
                })
                .collect();
            self.object(&json!({"event": "devices", "devices": all, "at_ms": now_ms()}));
        }
    }

    pub(crate) fn chosen(self, kind: DeviceKind, name: &str) {
        let which = kind_word(kind);
        self.say(
            &format!("The {which} is {name} from now on."),
            json!({"event": "device_chosen", "kind": which, "name": name, "at_ms": now_ms()}),
        );
    }

    pub(crate) fn incoming(self, incoming: &Incoming) {
        // The name to show is the caller's claim: it never stands in the place of the user.
        let claim = incoming.display.as_ref().map(|name| format!(" as \"{name}\"")).unwrap_or_default();
        self.say(
            &format!("{} calls{claim}. Type answer or decline.", incoming.from),
            json!({"event": "incoming", "call": incoming.call.to_string(), "from": incoming.from.as_str(),
                   "display": incoming.display, "at_ms": now_ms()}),
        );
    }

    pub(crate) fn event(self, call: CallId, kind: &EventKind) {
        match kind {
            EventKind::Incoming(incoming) => self.incoming(incoming),
            EventKind::Outgoing => self.say(
                "Calling.",
                json!({"event": "outgoing", "call": call.to_string(), "at_ms": now_ms()}),
            ),
            EventKind::State(state) => self.state(state),
            EventKind::Delivery(delivery) => self.say(
                delivery_sentence(*delivery),
                json!({"event": "delivery", "delivery": delivery_word(*delivery), "at_ms": now_ms()}),
            ),
            EventKind::PeerMedia { muted, held, .. } => self.say(
                match (muted, held) {
                    (_, true) => "The other side put the call on hold.",
                    (true, false) => "The other side muted its microphone.",
                    (false, false) => "The other side's microphone is on.",
                },
                json!({"event": "peer_media", "muted": muted, "held": held, "at_ms": now_ms()}),
            ),
            EventKind::Message(bytes) => self.say(
                &format!("Message: {}", String::from_utf8_lossy(bytes)),
                json!({"event": "message", "text": String::from_utf8_lossy(bytes), "at_ms": now_ms()}),
            ),
            EventKind::Path(path) => self.say(
                &format!("Media goes {} to {}.", path.local.name(), path.remote.name()),
                json!({"event": "path", "local": path.local.name(), "remote": path.remote.name(), "at_ms": now_ms()}),
            ),
            EventKind::FirstSound => self.say(
                "Sound from the other side.",
                json!({"event": "first_sound", "at_ms": now_ms()}),
            ),
            EventKind::PeerLevel { .. } => {}
        }
    }

    /// A source or sink without a clock of its own starts with this event: its first sample is of now.
    pub(crate) fn device(self, kind: DeviceKind, name: Option<&str>) {
        let Some(name) = name else {
            return self.hint("A sound device is gone; looking for it.");
        };
        let (sentence, event) = match kind {
            DeviceKind::Capture => (format!("Microphone: {name}."), "capture_started"),
            DeviceKind::Playback => (format!("Speaker: {name}."), "playback_started"),
        };
        self.say(&sentence, json!({"event": event, "device": name, "at_ms": now_ms()}));
    }

    /// Before any call.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        let (which, why) = (kind_word(trouble.kind), trouble.explain());
        self.say(
            &format!("The {which} cannot be opened. {why}"),
            json!({"event": "device_trouble", "kind": which, "code": trouble.check.code(), "why": why,
                   "at_ms": now_ms()}),
        );
        self.hint(way_out(trouble.kind));
    }

    pub(crate) fn device_failed(self, kind: DeviceKind, error: &DeviceError) {
        let which = kind_word(kind);
        self.say(
            &format!("The {which} cannot be used: {error}."),
            json!({"event": "device_failed", "kind": which, "why": error.to_string(), "at_ms": now_ms()}),
        );
        self.hint(way_out(kind));
    }

    pub(crate) fn state(self, state: &CallState) {
        let sentence = match state {
            CallState::Initiated => "On its way.".to_owned(),
            CallState::Ringing => "Ringing.".to_owned(),
            CallState::Connecting => "Answered; connecting.".to_owned(),
            CallState::Active => "Active. Type hangup to end it.".to_owned(),
            CallState::Reconnecting => "The sound is gone; reconnecting.".to_owned(),
            CallState::Ended(End { reason, .. }) => format!("Ended: {}", reason.explain(Language::En)),
        };
        let mut object = json!({"event": "state", "state": state_word(state), "at_ms": now_ms()});
        if let CallState::Ended(End { reason, by }) = state {
            object["reason"] = json!(reason.code());
            object["by"] = json!(format!("{by:?}").to_lowercase());
        }
        self.say(&sentence, object);
    }

    pub(crate) fn stats(self, stats: &CallStats) {
        let network = &stats.network;
        let loss = loss(stats);
        let path = network.path.map_or("none", |path| path.local.name());
        let rtt_ms = network.round_trip.map(|rtt| rtt.as_secs_f64() * 1000.0);
        let jitter_ms = network.jitter.as_secs_f64() * 1000.0;
        let concealed_ms = stats.sound.playout.concealed.as_secs_f64() * 1000.0;
        let (sent_kbps, received_kbps) =
            (network.sent_bps as f64 / 1000.0, network.received_bps as f64 / 1000.0);
        self.say(
            &format!(
                "Path {path}, loss {:.1} %, jitter {jitter_ms:.1} ms, concealed {concealed_ms:.0} ms, \
                 {sent_kbps:.0} kbit/s out, {received_kbps:.0} kbit/s in.",
                loss * 100.0
            ),
            json!({"event": "stats", "path": path, "loss": loss, "jitter_ms": jitter_ms, "rtt_ms": rtt_ms,
                   "concealed_ms": concealed_ms, "sent_bps": network.sent_bps, "received_bps": network.received_bps,
                   "packets_received": network.packets_received, "packets_dropped": network.packets_dropped,
                   "speaker_missed_samples": stats.sound.underruns,
                   "microphone_gaps": stats.sound.capture_gaps, "at_ms": now_ms()}),
        );
    }
}

/// Milliseconds since 1970, to compare with the other side's on the same machine.
pub(crate) fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

/// How much of what the peer sent never came, 0 to 1.
pub(crate) fn loss(stats: &CallStats) -> f64 {
    let expected = stats.network.packets_received + stats.network.packets_lost;
    if expected == 0 { 0.0 } else { stats.network.packets_lost as f64 / expected as f64 }
}

pub(crate) fn kind_word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Capture => "microphone",
        DeviceKind::Playback => "speaker",
    }
}

fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away is no reason to drop the call.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn state_word(state: &CallState) -> &'static str {
    match state {
        CallState::Initiated => "initiated",
        CallState::Ringing => "ringing",
        CallState::Connecting => "connecting",
        CallState::Active => "active",
        CallState::Reconnecting => "reconnecting",
        CallState::Ended(_) => "ended",
    }
}

fn delivery_word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Sending => "sending",
        Delivery::Stored => "stored",
        Delivery::Pushed => "pushed",
        Delivery::Ringing => "ringing",
    }
}

pub(crate) fn delivery_sentence(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Sending => "The call is being sent.",
        Delivery::Stored => "The server has the call.",
        Delivery::Pushed => "A push wakes the other phone.",
        Delivery::Ringing => "A phone rings.",
    }
}

#[cfg(test)]
mod tests;

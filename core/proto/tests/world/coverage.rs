//! Which (phase, input) cells a run has reached.

use std::collections::BTreeMap;

use ringback_proto::CallId;
use ringback_proto::call::{AudioInput, Command, Input, SignalingInput};
use ringback_proto::session::MediaEvent;

use super::Phone;

#[derive(Debug, Clone, Default)]
pub(crate) struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

/// The rows of the matrix.
pub(crate) const PHASES: [&str; 9] = [
    "Preparing",
    "Dialing",
    "Announced",
    "Ringing",
    "Answering",
    "Connecting",
    "Connected",
    "Reconnecting",
    "Ended",
];

/// The columns of the matrix, besides the messages.
const INPUTS: [&str; 32] = [
    "Dial",
    "Accept",
    "Decline",
    "HangUp",
    "SetMuted",
    "SetHeld",
    "Message",
    "Announce",
    "Close",
    "Up",
    "Down",
    "garbage",
    "Receipt",
    "Refused",
    "Opened",
    "OfferReady",
    "AnswerReady",
    "Candidate",
    "GatheringDone",
    "Path",
    "Secured",
    "Arrived",
    "Missing",
    "Back",
    "PeerClosed",
    "Failed",
    "CaptureOpened",
    "CaptureFailed",
    "Admitted",
    "NetworkChanged",
    "Resumed",
    "Tick",
];

/// The columns for messages, by their kind.
pub(crate) const KINDS: [&str; 14] = [
    "invite",
    "ringing",
    "answer",
    "settled",
    "decline",
    "busy",
    "cancel",
    "candidates",
    "negotiate",
    "media",
    "message",
    "hangup",
    "ack",
    "error",
];

impl Coverage {
    pub(crate) fn message(&mut self, phase: Option<&'static str>, kind: &'static str) {
        if let Some(phase) = phase {
            self.count(phase, kind);
        }
    }

    /// Notes an input for the call it is about, or for every call of the phone.
    pub(crate) fn input(&mut self, phone: &Phone, call: Option<CallId>, input: &Input) {
        let (column, about) = column(input);
        match about.or(call) {
            Some(call) => {
                if let Some(phase) = phone.phase(call) {
                    self.count(phase, column);
                }
            }
            None => {
                for (_, phase) in phone.calls.phases() {
                    self.count(phase, column);
                }
            }
        }
    }

    pub(crate) fn join(&mut self, other: &Coverage) {
        for (cell, count) in &other.0 {
            *self.0.entry(*cell).or_default() += count;
        }
    }

    pub(crate) fn missing(&self) -> Vec<(&'static str, &'static str)> {
        let columns = || INPUTS.iter().chain(&KINDS);
        let cells = PHASES.iter().flat_map(|phase| columns().map(move |input| (*phase, *input)));
        cells.filter(|cell| !self.0.contains_key(cell)).collect()
    }

    fn count(&mut self, phase: &'static str, column: &'static str) {
        *self.0.entry((phase, column)).or_default() += 1;
    }
}

fn column(input: &Input) -> (&'static str, Option<CallId>) {
    match input {
        Input::Command(command) => match command {
            Command::Dial(_) => ("Dial", None),
            Command::Accept(call) => ("Accept", Some(*call)),
            Command::Decline(call) => ("Decline", Some(*call)),
            Command::HangUp(call) => ("HangUp", Some(*call)),
            Command::SetMuted(call, _) => ("SetMuted", Some(*call)),
            Command::SetHeld(call, _) => ("SetHeld", Some(*call)),
            Command::Message(call, _) => ("Message", Some(*call)),
            Command::Announce { .. } => ("Announce", None),
            Command::Close => ("Close", None),
        },
        Input::Signaling(input) => match input {
            SignalingInput::Up { .. } => ("Up", None),
            SignalingInput::Down => ("Down", None),
            SignalingInput::Message { .. } => ("garbage", None),
            SignalingInput::Receipt(..) => ("Receipt", None),
            SignalingInput::Refused(..) => ("Refused", None),
        },
        Input::Media(_, event) => (media(event), None),
        Input::Audio(AudioInput::CaptureOpened) => ("CaptureOpened", None),
        Input::Audio(AudioInput::CaptureFailed(_)) => ("CaptureFailed", None),
        Input::Admitted(..) => ("Admitted", None),
        Input::NetworkChanged => ("NetworkChanged", None),
        Input::Resumed { .. } => ("Resumed", None),
        Input::Tick => ("Tick", None),
    }
}

fn media(event: &MediaEvent) -> &'static str {
    match event {
        MediaEvent::Opened { .. } => "Opened",
        MediaEvent::OfferReady { .. } => "OfferReady",
        MediaEvent::AnswerReady { .. } => "AnswerReady",
        MediaEvent::Candidate(_) => "Candidate",
        MediaEvent::GatheringDone => "GatheringDone",
        MediaEvent::Path(_) => "Path",
        MediaEvent::Secured => "Secured",
        MediaEvent::Arrived => "Arrived",
        MediaEvent::Missing => "Missing",
        MediaEvent::Back => "Back",
        MediaEvent::PeerClosed => "PeerClosed",
        MediaEvent::Failed(_) => "Failed",
    }
}

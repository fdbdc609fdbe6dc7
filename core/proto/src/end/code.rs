//! The stable codes of end reasons.
//!
//! A code is one or two words of `[a-z0-9_]` with a dot between. [`EndReason::Replaced`] alone carries a value:
//! `replaced.` and the id of the call that goes on.

use std::borrow::Cow;

use super::{By, ConnectFailure, ElsewhereHow, EndReason, MicrophoneFailure, UnsupportedWhat};

impl EndReason {
    /// The stable code: on the wire, in the stored row and in logs.
    pub fn code(&self) -> Cow<'_, str> {
        match self {
            EndReason::Replaced { by } => Cow::Owned(format!("{REPLACED}{by}")),
            EndReason::Other { code } => Cow::Borrowed(code),
            fixed @ (EndReason::HungUp
            | EndReason::Declined
            | EndReason::Cancelled
            | EndReason::NoAnswer
            | EndReason::Unreachable
            | EndReason::Busy
            | EndReason::Elsewhere(_)
            | EndReason::Missed
            | EndReason::Offline
            | EndReason::NotAllowed
            | EndReason::ConnectFailed(_)
            | EndReason::ConnectionLost
            | EndReason::Microphone(_)
            | EndReason::Resumed
            | EndReason::Unsupported(_)
            | EndReason::EndedByServer
            | EndReason::Internal) => Cow::Borrowed(fixed_code(fixed)),
        }
    }

    /// The reason with this code. Takes any text, as it comes from the wire: an unknown code is
    /// [`EndReason::Other`], and one that is too long or has other characters becomes the code `other`.
    pub fn from_code(code: &str) -> EndReason {
        if let Some((_, reason)) = FIXED.iter().find(|(known, _)| *known == code) {
            return reason.clone();
        }
        if let Some(by) = code.strip_prefix(REPLACED).and_then(|by| by.parse().ok()) {
            return EndReason::Replaced { by };
        }
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-".contains(&byte);
        let legible = (1..=MAX_CODE_BYTES).contains(&code.len()) && code.bytes().all(legal);
        EndReason::Other { code: if legible { code } else { ILLEGIBLE }.to_owned() }
    }
}

impl By {
    /// The stable code: `local`, `remote` or `system`.
    pub fn code(self) -> &'static str {
        match self {
            By::Local => "local",
            By::Remote => "remote",
            By::System => "system",
        }
    }

    /// Who has this code, if anyone.
    pub fn from_code(code: &str) -> Option<By> {
        [By::Local, By::Remote, By::System].into_iter().find(|by| by.code() == code)
    }
}

fn fixed_code(reason: &EndReason) -> &'static str {
    // That every reason is in the table is a test.
    FIXED.iter().find(|(_, known)| known == reason).map_or(ILLEGIBLE, |(code, _)| code)
}

/// The reasons without a value of their own.
pub(super) const FIXED: [(&str, EndReason); 25] = [
    ("hung_up", EndReason::HungUp),
    ("declined", EndReason::Declined),
    ("cancelled", EndReason::Cancelled),
    ("no_answer", EndReason::NoAnswer),
    ("unreachable", EndReason::Unreachable),
    ("busy", EndReason::Busy),
    ("elsewhere.answered", EndReason::Elsewhere(ElsewhereHow::Answered)),
    ("elsewhere.declined", EndReason::Elsewhere(ElsewhereHow::Declined)),
    ("missed", EndReason::Missed),
    ("offline", EndReason::Offline),
    ("not_allowed", EndReason::NotAllowed),
    ("connect_failed.no_path", EndReason::ConnectFailed(ConnectFailure::NoPath)),
    ("connect_failed.turn_missing", EndReason::ConnectFailed(ConnectFailure::TurnMissing)),
    ("connect_failed.turn_refused", EndReason::ConnectFailed(ConnectFailure::TurnRefused)),
    ("connect_failed.dtls", EndReason::ConnectFailed(ConnectFailure::Dtls)),
    ("connect_failed.timeout", EndReason::ConnectFailed(ConnectFailure::Timeout)),
    ("connection_lost", EndReason::ConnectionLost),
    ("microphone.denied", EndReason::Microphone(MicrophoneFailure::Denied)),
    ("microphone.missing", EndReason::Microphone(MicrophoneFailure::Missing)),
    ("microphone.in_use", EndReason::Microphone(MicrophoneFailure::InUse)),
    ("resumed", EndReason::Resumed),
    ("unsupported.version", EndReason::Unsupported(UnsupportedWhat::Version)),
    ("unsupported.codec", EndReason::Unsupported(UnsupportedWhat::Codec)),
    ("ended_by_server", EndReason::EndedByServer),
    ("internal", EndReason::Internal),
];

const REPLACED: &str = "replaced.";

/// The code of a reason whose own code cannot be shown.
pub(super) const ILLEGIBLE: &str = "other";

/// Twice the longest of ours.
const MAX_CODE_BYTES: usize = 64;

//! The stable codes of end reasons, as `hangup` carries them.

use crate::{ConnectFailure, EndReason, MicrophoneFailure, UnsupportedWhat};

/// The code of a reason.
pub(crate) fn wire_code(reason: &EndReason) -> String {
    reason.code().into_owned()
}

/// What a `hangup` with this code means for the one who receives it.
///
/// Only reasons that end an answered call from the other side are taken at their word; one that makes no sense there is
/// a plain hang-up, and a code of a newer version is kept as it is.
pub(crate) fn wire_reason(code: &str) -> EndReason {
    match code {
        "connect_failed.no_path" => EndReason::ConnectFailed(ConnectFailure::NoPath),
        "connect_failed.turn_missing" => EndReason::ConnectFailed(ConnectFailure::TurnMissing),
        "connect_failed.turn_refused" => EndReason::ConnectFailed(ConnectFailure::TurnRefused),
        "connect_failed.dtls" => EndReason::ConnectFailed(ConnectFailure::Dtls),
        "connect_failed.timeout" => EndReason::ConnectFailed(ConnectFailure::Timeout),
        "connection_lost" => EndReason::ConnectionLost,
        "microphone.denied" => EndReason::Microphone(MicrophoneFailure::Denied),
        "microphone.missing" => EndReason::Microphone(MicrophoneFailure::Missing),
        "microphone.in_use" => EndReason::Microphone(MicrophoneFailure::InUse),
        "unsupported.version" => EndReason::Unsupported(UnsupportedWhat::Version),
        "unsupported.codec" => EndReason::Unsupported(UnsupportedWhat::Codec),
        "resumed" => EndReason::Resumed,
        "internal" => EndReason::Internal,
        "hung_up" | "declined" | "cancelled" | "no_answer" | "unreachable" | "busy"
        | "elsewhere.answered" | "elsewhere.declined" | "missed" | "offline" | "not_allowed" | "replaced"
        | "ended_by_server" => EndReason::HungUp,
        other => EndReason::Other { code: other.to_owned() },
    }
}

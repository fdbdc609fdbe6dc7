//! The stable codes of end reasons, as `hangup` carries them.

use crate::{ConnectFailure, ElsewhereHow, EndReason, MicrophoneFailure, UnsupportedWhat};

/// The code of a reason.
pub(crate) fn wire_code(reason: &EndReason) -> String {
    let code = match reason {
        EndReason::HungUp => "hung_up",
        EndReason::Declined => "declined",
        EndReason::Cancelled => "cancelled",
        EndReason::NoAnswer => "no_answer",
        EndReason::Unreachable => "unreachable",
        EndReason::Busy => "busy",
        EndReason::Elsewhere(ElsewhereHow::Answered) => "elsewhere.answered",
        EndReason::Elsewhere(ElsewhereHow::Declined) => "elsewhere.declined",
        EndReason::Missed => "missed",
        EndReason::Offline => "offline",
        EndReason::NotAllowed => "not_allowed",
        EndReason::ConnectFailed(ConnectFailure::NoPath) => "connect_failed.no_path",
        EndReason::ConnectFailed(ConnectFailure::TurnMissing) => "connect_failed.turn_missing",
        EndReason::ConnectFailed(ConnectFailure::TurnRefused) => "connect_failed.turn_refused",
        EndReason::ConnectFailed(ConnectFailure::Dtls) => "connect_failed.dtls",
        EndReason::ConnectFailed(ConnectFailure::Timeout) => "connect_failed.timeout",
        EndReason::ConnectionLost => "connection_lost",
        EndReason::Microphone(MicrophoneFailure::Denied) => "microphone.denied",
        EndReason::Microphone(MicrophoneFailure::Missing) => "microphone.missing",
        EndReason::Microphone(MicrophoneFailure::InUse) => "microphone.in_use",
        EndReason::Replaced { .. } => "replaced",
        EndReason::Resumed => "resumed",
        EndReason::Unsupported(UnsupportedWhat::Version) => "unsupported.version",
        EndReason::Unsupported(UnsupportedWhat::Codec) => "unsupported.codec",
        EndReason::EndedByServer => "ended_by_server",
        EndReason::Internal => "internal",
        EndReason::Other { code } => code,
    };
    code.to_owned()
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

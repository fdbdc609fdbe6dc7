//! The stable codes of end reasons, as `hangup` carries them.

use crate::EndReason;

/// The code of a reason.
pub(crate) fn wire_code(reason: &EndReason) -> String {
    reason.code().into_owned()
}

/// What a `hangup` with this code means for the one who receives it.
///
/// Only reasons that end an answered call from the other side are taken at their word; one that makes no sense there is
/// a plain hang-up, and a code of a newer version is kept as it is.
pub(crate) fn wire_reason(code: &str) -> EndReason {
    match EndReason::from_code(code) {
        reason @ (EndReason::HungUp
        | EndReason::ConnectFailed(_)
        | EndReason::ConnectionLost
        | EndReason::Microphone(_)
        | EndReason::Resumed
        | EndReason::Unsupported(_)
        | EndReason::Internal
        | EndReason::Other { .. }) => reason,
        EndReason::Declined
        | EndReason::Cancelled
        | EndReason::NoAnswer
        | EndReason::Unreachable
        | EndReason::Busy
        | EndReason::Elsewhere(_)
        | EndReason::Missed
        | EndReason::Offline
        | EndReason::NotAllowed
        | EndReason::Replaced { .. }
        | EndReason::EndedByServer => EndReason::HungUp,
    }
}

//! How calls end: the reason, who ended it, and what to tell the user.
//!
//! | question | answer |
//! |---|---|
//! | what is it called on the wire, in the stored row and in logs? | [`EndReason::code`], read by [`EndReason::from_code`] |
//! | does another try make sense? | [`EndReason::retry`] |
//! | what does the user read? | [`EndReason::explain`], in two languages |
//!
//! [`EndReason::all`] lists every reason, for documentation and tests. Which reason a call ends with is decided in
//! [`call`](crate::call).

mod code;
mod explain;

use std::time::Duration;

use crate::CallId;

/// The end of a call: why, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why the call ended.
    pub reason: EndReason,
    /// Who ended it, seen from this device.
    pub by: By,
}

/// Who ended a call, seen from this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// This device: its user, or its app.
    Local,
    /// The other side.
    Remote,
    /// Nobody: a deadline, the network, a fault.
    System,
}

/// Why a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// One side hung up an answered call.
    HungUp,
    /// The callee declined.
    Declined,
    /// The caller gave up before an answer.
    Cancelled,
    /// It rang, and nobody answered in time.
    NoAnswer,
    /// Nothing proved that the call reached a device.
    Unreachable,
    /// The callee is in another call.
    Busy,
    /// Another device of this user took care of it.
    Elsewhere(ElsewhereHow),
    /// It rang here and nobody answered in time.
    Missed,
    /// This device had no signaling.
    Offline,
    /// The caller has no right to ring this user.
    NotAllowed,
    /// The call was answered, but no media came up.
    ConnectFailed(ConnectFailure),
    /// Media stopped and did not come back.
    ConnectionLost,
    /// The microphone could not be opened.
    Microphone(MicrophoneFailure),
    /// Both sides called each other; the call `by` won.
    Replaced {
        /// The call that goes on.
        by: CallId,
    },
    /// Another instance of this device went on with the call.
    Resumed,
    /// The two sides do not speak the same language.
    Unsupported(UnsupportedWhat),
    /// The back office ended the call.
    EndedByServer,
    /// A fault of ours.
    Internal,
    /// A reason that a newer version knows.
    Other {
        /// Its stable code.
        code: String,
    },
}

/// What another device of the same user did with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElsewhereHow {
    /// It answered.
    Answered,
    /// It declined.
    Declined,
}

/// Why no media came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// No candidate pair worked, with TURN servers present.
    NoPath,
    /// No candidate pair worked, and no TURN server is configured.
    TurnMissing,
    /// The TURN server refused the credentials.
    TurnRefused,
    /// The path is up, and the DTLS handshake did not end.
    Dtls,
    /// It took too long, with no better explanation.
    Timeout,
}

/// Why the microphone did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MicrophoneFailure {
    /// The system or the user refused access.
    Denied,
    /// There is no such device.
    Missing,
    /// Another program holds it.
    InUse,
}

/// What the two sides do not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnsupportedWhat {
    /// The version of the envelope.
    Version,
    /// The codec.
    Codec,
}

/// Whether it makes sense to call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// At once: nothing stands against it.
    Now,
    /// After this long, as things may have changed by then.
    Later {
        /// How long to wait.
        after: Duration,
    },
    /// After somebody has changed what [`EndReason::explain`] names: a permission, a network, a setting, a version.
    AfterFix,
    /// There is nothing to repeat: the call came to its end, or another one goes on.
    Never,
}

/// A language of [`EndReason::explain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

impl EndReason {
    /// Whether it makes sense to call again.
    pub fn retry(&self) -> Retry {
        match self {
            EndReason::Missed
            | EndReason::ConnectFailed(ConnectFailure::Dtls | ConnectFailure::Timeout)
            | EndReason::ConnectionLost
            | EndReason::Internal => Retry::Now,
            EndReason::NoAnswer | EndReason::Unreachable | EndReason::Busy => {
                Retry::Later { after: WHEN_THINGS_CHANGE }
            }
            EndReason::Offline
            | EndReason::ConnectFailed(
                ConnectFailure::NoPath | ConnectFailure::TurnMissing | ConnectFailure::TurnRefused,
            )
            | EndReason::Microphone(_)
            | EndReason::Unsupported(_)
            | EndReason::Other { .. } => Retry::AfterFix,
            EndReason::HungUp
            | EndReason::Declined
            | EndReason::Cancelled
            | EndReason::Elsewhere(_)
            | EndReason::NotAllowed
            | EndReason::Replaced { .. }
            | EndReason::Resumed
            | EndReason::EndedByServer => Retry::Never,
        }
    }

    /// Every reason once: [`EndReason::Replaced`] by a call of zeros, [`EndReason::Other`] with the code `other`.
    pub fn all() -> Vec<EndReason> {
        let mut all = code::FIXED.map(|(_, reason)| reason).to_vec();
        all.push(EndReason::Replaced { by: CallId::from_random([0; 16]) });
        all.push(EndReason::Other { code: code::ILLEGIBLE.to_owned() });
        all
    }
}

/// A minute: other calls end, people come back to their phones, phones back into coverage.
const WHEN_THINGS_CHANGE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;

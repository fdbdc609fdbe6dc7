//! How calls end: the reason, who ended it, and what to tell the user.

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

/// A language of [`EndReason::explain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

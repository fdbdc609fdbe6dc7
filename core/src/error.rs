//! What a verb can answer.

use crate::proto::IdError;
use crate::proto::call::VerbError;
use crate::store::StoreError;

/// Why a verb of a phone or a call was refused. The phone and its calls go on as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The user id is not one.
    #[error(transparent)]
    User(#[from] IdError),
    /// The verb is not for this call now.
    #[error(transparent)]
    Verb(#[from] VerbError),
    /// More verbs wait than the phone takes at once (64). Try again.
    #[error("too many requests wait for the phone; try again")]
    Busy,
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoEntropy,
}

/// Why a phone did not start. Nothing of it is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The user id is not one.
    #[error(transparent)]
    User(#[from] IdError),
    /// No user was given.
    #[error("a phone needs a user: call `user(..)` on the builder")]
    NoUser,
    /// The device id could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no tokio runtime to run on.
    #[error("a phone starts inside a tokio runtime")]
    NoRuntime,
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoEntropy,
    /// libopus does not work.
    #[error("the Opus codec could not start")]
    Codec,
    /// The library was built without a media engine, and none was given.
    #[error("built without the feature `webrtc`: give the builder a media engine")]
    NoEngine,
    /// The signaling is closed, or another phone has it: it would close it. Give every phone its own.
    #[error("the signaling is closed or belongs to another phone: give every phone its own")]
    SignalingUsed,
    /// The ring time is outside 15 s to 120 s.
    #[error("the ring time must lie between 15 s and 120 s")]
    RingTime,
}

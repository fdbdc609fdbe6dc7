//! The port `Signaling`: how envelopes travel between phones.
//!
//! A transport is at most once, unordered, and may duplicate; the call machine resends until a message is proved. It
//! reconnects by itself and never gives up. Exactly one task calls [`Signaling::next`], so an adapter needs no care
//! for cancellation.

use std::time::Duration;

use crate::BoxFuture;
use crate::proto::MessageId;
pub use crate::proto::call::StoredHow;
pub use crate::proto::signal::{Outgoing, RefusedWhy, To};

pub mod memory;
mod probe;
#[cfg(feature = "supabase")]
pub mod supabase;
mod token;

pub use probe::{ProbeError, ServerTime};
pub use token::{StaticToken, Token, TokenAnswer, TokenWhy, UserToken};

/// A transport of envelopes, for one phone: the phone is the only one to call `next`, and closes it when it closes.
pub trait Signaling: Send + Sync + 'static {
    /// Takes a message. `Ok` says "accepted", not "delivered".
    ///
    /// # Errors
    /// The message was not taken; the machine sends it again if it still matters. `TooLarge` and `NotAllowed` are final.
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>>;

    /// The next thing that happened; pends while nothing does. After [`SignalingEvent::Closed`] it is not called again.
    fn next(&self) -> BoxFuture<'_, SignalingEvent>;

    /// Asks the store for what we may have missed, if the transport has one. The default does nothing.
    fn pending(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The network under the phone changed: what is open may be dead, so look at once. The default does nothing.
    fn network_changed(&self) {}

    /// Asks the server for a sign of life over the connection in use: how long that takes, there and back. For a
    /// diagnosis; it disturbs no call. Pends as long as the server does. The default has no way to ask.
    ///
    /// # Errors
    /// See [`ProbeError`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the question up.
    fn probe(&self) -> BoxFuture<'_, Result<Duration, ProbeError>> {
        Box::pin(std::future::ready(Err(ProbeError::NotSupported)))
    }

    /// Asks the server for its wall clock, as [`Signaling::probe`] asks for a sign of life.
    ///
    /// # Errors
    /// See [`ProbeError`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the question up.
    fn server_time(&self) -> BoxFuture<'_, Result<ServerTime, ProbeError>> {
        Box::pin(std::future::ready(Err(ProbeError::NotSupported)))
    }

    /// Whether it is closed for good, so that no phone can start with it. The default does not know, and says no.
    fn is_closed(&self) -> bool {
        false
    }

    /// Sends what is queued (at most 1 s), then lets go of every socket and task. `next` then returns `Closed`.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// What a transport reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalingEvent {
    /// It works.
    Up {
        /// Everything stored while we were away has been handed over.
        caught_up: bool,
    },
    /// It stopped working and tries again by itself.
    Down,
    /// A message arrived.
    Message {
        /// How old it is; `None` if nobody knows: then it never rings.
        age: Option<Duration>,
        /// The envelope.
        text: String,
    },
    /// One of our messages went further.
    Receipt(MessageId, StoredHow),
    /// One of our messages was refused after it had been accepted.
    Refused(MessageId, RefusedWhy),
    /// How the transport does, for the app to show.
    Health(SignalingHealth),
    /// It is closed; the last event.
    Closed,
}

/// How a transport does, in words an app can show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalingHealth {
    /// Connecting, for the first time or again.
    Connecting,
    /// Connected and joined.
    Online,
    /// Not connected; the next try comes after `retry_in`.
    Offline {
        /// Why, in plain words, without addresses or secrets.
        why: OfflineWhy,
        /// When the next attempt starts; [`Duration::MAX`]: never.
        retry_in: Duration,
    },
}

/// Why a transport is offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfflineWhy {
    /// The server cannot be reached.
    #[error("the signaling server cannot be reached: check the network and the URL")]
    Unreachable,
    /// The URL does not lead to a server of the right kind.
    #[error("the signaling URL does not lead to a Realtime server: check the URL")]
    WrongUrl,
    /// The API key was refused.
    #[error("the signaling server refused the API key: check it in the project's settings")]
    KeyRefused,
    /// The user's token was refused or has expired.
    #[error("the signaling server refused the user's token: sign in again")]
    TokenRefused,
    /// The app's token provider has no token now.
    #[error("the app gives no token for signaling")]
    TokenMissing,
    /// The token provider says that the user signed out.
    #[error("nobody is signed in")]
    SignedOut,
    /// The server's policies do not let this user join.
    #[error("the server's policies do not let this user receive calls: check the row policies of its topic")]
    NotAllowed,
    /// The server asks to slow down.
    #[error("the signaling server asks to slow down")]
    RateLimited,
    /// The connection broke.
    #[error("the connection to the signaling server broke")]
    ConnectionLost,
    /// It was closed under the phone, which cannot come back.
    #[error("signaling was closed: start the phone again with new signaling")]
    Closed,
    /// The server did not answer in time.
    #[error("the signaling server does not answer")]
    Timeout,
}

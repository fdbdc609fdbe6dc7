//! The handle of one call, incoming or outgoing.

use std::sync::Arc;

use tokio::sync::watch;

use super::live::Live;
use super::shared::{LastStats, lock};
use crate::audio::AudioStats;
use crate::error::CallError;
use crate::events::Events;
use crate::media::ConnStats;
use crate::proto::call::{CallSnapshot, CallState, Command, Direction};
use crate::proto::{CallId, End, UserId};

/// One call. Every verb is legal at any time: it is idempotent or a typed error. An ended call is a state, not an error.
///
/// Clones are handles of the same call. A handle keeps its phone alive.
#[derive(Debug, Clone)]
pub struct Call {
    live: Arc<Live>,
    id: CallId,
    state: watch::Receiver<CallSnapshot>,
    last: LastStats,
}

/// How the media of a call does, counted since its connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CallStats {
    /// The network's side: packets, loss, jitter, round-trip time, path.
    pub network: ConnStats,
    /// The listener's side: delay of the jitter buffer, concealed time.
    pub sound: AudioStats,
}

impl Call {
    pub(super) fn new(
        live: Arc<Live>,
        id: CallId,
        known: (watch::Receiver<CallSnapshot>, LastStats),
    ) -> Self {
        let (state, last) = known;
        Self { live, id, state, last }
    }

    /// The call's id, the same on both sides.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The other user: a claim, unless [`Call::verified`].
    pub fn peer(&self) -> UserId {
        self.state.borrow().peer.clone()
    }

    /// Whether a verifier or the database vouched for [`Call::peer`].
    pub fn verified(&self) -> bool {
        self.state.borrow().verified
    }

    /// Who called whom.
    pub fn direction(&self) -> Direction {
        self.state.borrow().direction
    }

    /// The state now.
    pub fn state(&self) -> CallState {
        self.state.borrow().state.clone()
    }

    /// Everything the handle shows, as it is now.
    pub fn snapshot(&self) -> CallSnapshot {
        self.state.borrow().clone()
    }

    /// The state as a watch: the current one first, then every change.
    pub fn watch(&self) -> watch::Receiver<CallSnapshot> {
        self.state.clone()
    }

    /// The phone's events that concern this call, from now on.
    pub fn events(&self) -> Events {
        self.live.shared.publisher.subscribe().of(self.id)
    }

    /// Takes an incoming call. A call that another one interrupts is put on hold.
    ///
    /// # Errors
    /// The call is outgoing, or has ended. Accepting twice is not an error.
    pub async fn accept(&self) -> Result<(), CallError> {
        self.ask(Command::Accept(self.id)).await
    }

    /// Refuses an incoming call, on all devices of this user.
    ///
    /// # Errors
    /// The call is outgoing, is answered already, or has ended.
    pub async fn decline(&self) -> Result<(), CallError> {
        self.ask(Command::Decline(self.id)).await
    }

    /// Ends the call, whatever its state. Returns at once and never waits for the network.
    pub fn hang_up(&self) {
        self.live.shared.signals.hang_up(self.id);
    }

    /// Sends silence instead of the microphone, or the microphone again. The peer is told.
    ///
    /// # Errors
    /// The call has ended.
    pub async fn set_muted(&self, muted: bool) -> Result<(), CallError> {
        self.ask(Command::SetMuted(self.id, muted)).await
    }

    /// Puts the call on hold (silence both ways), or resumes it. The peer is told.
    ///
    /// # Errors
    /// The call has ended.
    pub async fn set_held(&self, held: bool) -> Result<(), CallError> {
        self.ask(Command::SetHeld(self.id, held)).await
    }

    /// Sends up to 4 KiB of the app's bytes to the peer, over signaling.
    ///
    /// # Errors
    /// The message is too long, the call is not answered yet, or has ended.
    pub async fn send(&self, message: Vec<u8>) -> Result<(), CallError> {
        self.ask(Command::Message(self.id, message)).await
    }

    /// How the media does; after the end, how it did at most a second before. `None` if there never was a connection.
    pub async fn stats(&self) -> Option<CallStats> {
        let shared = &self.live.shared;
        if let Some(conn) = shared.conn_of(self.id)
            && let Some(network) = shared.engine.stats(conn).await
        {
            shared.record(conn, network);
        }
        *lock(&self.last)
    }

    /// Returns how the call ended, once it has.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> End {
        let mut state = self.state.clone();
        loop {
            if let CallState::Ended(end) = &state.borrow_and_update().state {
                return end.clone();
            }
            if state.changed().await.is_err() {
                return self.last_end();
            }
        }
    }

    /// Returns once the call is in a state that `wanted` accepts, or has ended; says which.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn wait_for(&self, wanted: impl Fn(&CallState) -> bool) -> CallState {
        let mut state = self.state.clone();
        loop {
            let now = state.borrow_and_update().state.clone();
            if wanted(&now) || matches!(now, CallState::Ended(_)) || state.changed().await.is_err() {
                return now;
            }
        }
    }

    /// The driver ends every call before it goes, so a watch that closed holds the end.
    fn last_end(&self) -> End {
        match &self.state.borrow().state {
            CallState::Ended(end) => end.clone(),
            CallState::Initiated
            | CallState::Ringing
            | CallState::Connecting
            | CallState::Active
            | CallState::Reconnecting => {
                End { reason: crate::proto::EndReason::Internal, by: crate::proto::By::System }
            }
        }
    }

    async fn ask(&self, command: Command) -> Result<(), CallError> {
        self.live.shared.ask(command).await.map(|_| ())
    }
}

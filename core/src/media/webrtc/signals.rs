//! What the engine calls back, as messages to the connection's task.
//!
//! Callbacks run on the driver task, so nothing is done in them but a `try_send`. They hold no handle of the
//! connection, which could keep it alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState,
};

use super::runtime::Notice;
use crate::redacted::Redacted;

/// Places in a connection's queue of signals: two generations of 32 candidates and their state changes. Overflow
/// ends the connection, since a state would be lost.
pub(super) const SIGNAL_PLACES: usize = 128;

/// What a connection's engine reports.
pub(super) enum Signal {
    Candidate(String),
    GatheringComplete,
    Ice(RTCIceConnectionState),
    State(RTCPeerConnectionState),
    Track(Arc<dyn TrackRemote>),
    Notice(Notice),
}

/// The engine's callbacks.
pub(super) struct Callbacks {
    signals: mpsc::Sender<Signal>,
    overflowed: Arc<AtomicBool>,
}

impl Callbacks {
    /// `overflowed` is raised when a signal is lost.
    pub(super) fn new(signals: mpsc::Sender<Signal>, overflowed: Arc<AtomicBool>) -> Self {
        Self { signals, overflowed }
    }

    fn send(&self, signal: Signal) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.signals.try_send(signal) {
            self.overflowed.store(true, Ordering::Relaxed);
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(init) => self.0.send(Signal::Candidate(init.candidate)),
            Err(error) => tracing::debug!(error = %Redacted(error), "a candidate of ours has no text"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.send(Signal::GatheringComplete);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.send(Signal::Ice(state));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.send(Signal::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.send(Signal::Track(track));
    }
}

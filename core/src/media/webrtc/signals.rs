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
const SIGNAL_PLACES: usize = 128;

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
pub(super) struct Callbacks(pub(super) SignalInlet);

/// Where signals go in. Clones lead to the same queue.
#[derive(Clone)]
pub(super) struct SignalInlet {
    signals: mpsc::Sender<Signal>,
    overflowed: Arc<AtomicBool>,
}

impl SignalInlet {
    /// The inlet of a new queue, and the queue.
    pub(super) fn new() -> (Self, mpsc::Receiver<Signal>) {
        let (signals, queue) = mpsc::channel(SIGNAL_PLACES);
        (Self { signals, overflowed: Arc::default() }, queue)
    }

    /// Never waits.
    pub(super) fn send(&self, signal: Signal) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.signals.try_send(signal) {
            self.overflowed.store(true, Ordering::Relaxed);
        }
    }

    /// Was a signal lost since the last such question?
    pub(super) fn take_overflow(&self) -> bool {
        self.overflowed.swap(false, Ordering::Relaxed)
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
            self.0.send(Signal::GatheringComplete);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.0.send(Signal::Ice(state));
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.0.send(Signal::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.0.send(Signal::Track(track));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_that_finds_no_room_is_overflow_too() {
        let (inlet, _queue) = SignalInlet::new();
        for _ in 0..SIGNAL_PLACES {
            inlet.send(Signal::GatheringComplete);
        }
        assert!(!inlet.take_overflow());
        inlet.clone().send(Signal::Notice(Notice::PeerClosed));
        assert!(inlet.take_overflow());
        assert!(!inlet.take_overflow(), "told once");
    }
}

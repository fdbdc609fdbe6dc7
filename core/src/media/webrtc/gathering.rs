//! The way to a path: our candidates, the end of gathering, and the states of ICE.

use std::time::Duration;

use tokio::time::Instant;
use webrtc::peer_connection::RTCIceConnectionState;

use super::candidates::outgoing_candidate;
use super::connection::Connection;
use crate::proto::ConnectFailure;
use crate::proto::session::{LocalCandidate, MediaEvent, PathState};
use crate::redacted::Redacted;

impl Connection {
    pub(super) async fn handle_candidate(&mut self, text: &str) {
        let Some(candidate) = outgoing_candidate(text, self.common.setup.local_demo) else { return };
        self.state.candidates += 1;
        self.state.relay_candidates += u32::from(candidate.contains(" typ relay"));
        tracing::debug!(conn = self.id.0, candidate = %Redacted(&candidate), "candidate of ours");
        let mid = self.negotiation.mid.clone();
        self.report(MediaEvent::Candidate(LocalCandidate { candidate, mid })).await;
    }

    /// Waits until the first candidates of this round are known, a moment at most, so that they travel with the
    /// description instead of 50 ms after it.
    pub(super) async fn gather_first(&mut self) {
        let until = Instant::now() + FIRST_CANDIDATES;
        let before = self.state.candidates;
        while self.state.candidates == before {
            match tokio::time::timeout_at(until, self.signals.recv()).await {
                Ok(Some(signal)) => self.handle_signal(signal).await,
                Ok(None) | Err(_) => return,
            }
        }
        while let Ok(signal) = self.signals.try_recv() {
            self.handle_signal(signal).await;
        }
    }

    pub(super) async fn handle_gathered(&mut self) {
        tracing::info!(conn = self.id.0, candidates = self.state.candidates, "gathering done");
        self.report(MediaEvent::GatheringDone).await;
        // Without a relay there is nothing to check with: no need to wait for the checks to fail.
        if self.relay_only && self.state.relay_candidates == 0 {
            self.fail_path().await;
        }
    }

    pub(super) async fn handle_ice(&mut self, state: RTCIceConnectionState) {
        tracing::info!(conn = self.id.0, %state, "ICE state");
        let path = match state {
            RTCIceConnectionState::Checking => PathState::Checking,
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => PathState::Connected,
            // The pair may yet answer, and what is sent may arrive.
            RTCIceConnectionState::Disconnected => {
                return self.report(MediaEvent::Path(PathState::Disconnected)).await;
            }
            RTCIceConnectionState::Failed => return self.fail_path().await,
            RTCIceConnectionState::New
            | RTCIceConnectionState::Closed
            | RTCIceConnectionState::Unspecified
            | _ => return,
        };
        self.state.writable = path == PathState::Connected;
        self.report(MediaEvent::Path(path)).await;
        if self.state.writable {
            self.look_at_path().await;
        }
    }

    async fn fail_path(&mut self) {
        self.state.writable = false;
        let why = if !self.state.relay_configured {
            ConnectFailure::TurnMissing
        } else if self.peer.control.turn_refused() {
            ConnectFailure::TurnRefused
        } else {
            ConnectFailure::NoPath
        };
        tracing::warn!(conn = self.id.0, ?why, "no path to the peer");
        self.report(MediaEvent::Path(PathState::Failed(why))).await;
    }
}

/// Host candidates are known within a millisecond or two; nothing waits longer for them, relay-only calls included.
const FIRST_CANDIDATES: Duration = Duration::from_millis(10);

//! Offers, answers and remote candidates of a connection.

use std::collections::BTreeSet;

use webrtc::error::Error;
use webrtc::peer_connection::{RTCIceCandidateInit, RTCSessionDescription};

use rtc::peer_connection::configuration::RTCOfferOptions;

use super::candidates::{first_mid, opus_payload_type};
use super::connection::Connection;
use crate::proto::session::{MediaEvent, MediaFailure, RemoteCandidate};
use crate::proto::signal::clean_local_sdp;
use crate::redacted::Redacted;

/// What a connection knows of its negotiation.
#[derive(Default)]
pub(super) struct Negotiation {
    /// The newest round.
    round: u32,
    /// The media section.
    pub(super) mid: String,
    /// The number that Opus has in this connection.
    pub(super) payload_type: Option<u8>,
    /// Is there a description of the peer in this generation?
    pub(super) remote_known: bool,
    /// Candidates that came before it; bounded like the peer's candidates, 32 in each of 4 generations.
    early: Vec<RemoteCandidate>,
    added: BTreeSet<String>,
}

impl Connection {
    pub(super) async fn create_offer(&mut self, round: u32, ice_restart: bool) {
        self.negotiation.round = round;
        if ice_restart {
            self.negotiation.remote_known = false;
            self.negotiation.added.clear();
            self.negotiation.early.clear();
        }
        match self.make_offer(ice_restart).await {
            Ok(sdp) => {
                self.gather_first().await;
                self.report(MediaEvent::OfferReady { round, sdp }).await;
            }
            Err(error) => self.fail(MediaFailure::Engine, &error).await,
        }
    }

    async fn make_offer(&mut self, ice_restart: bool) -> Result<String, Error> {
        let options = RTCOfferOptions { ice_restart };
        let offer = self.peer.pc.create_offer(Some(options)).await?;
        self.make_local(offer).await
    }

    /// Makes `description` the local one; returns what leaves of it.
    async fn make_local(&mut self, description: RTCSessionDescription) -> Result<String, Error> {
        self.negotiation.mid = first_mid(&description.sdp).unwrap_or_default();
        let sdp = clean_local_sdp(&description.sdp);
        self.peer.pc.set_local_description(description).await?;
        Ok(sdp)
    }

    pub(super) async fn take_offer(&mut self, round: u32, sdp: &str) {
        self.negotiation.round = round;
        let Some(payload_type) = opus_payload_type(sdp) else {
            return self.report(MediaEvent::Failed(MediaFailure::Description)).await;
        };
        let offer = match RTCSessionDescription::offer(sdp.to_owned()) {
            Ok(offer) => offer,
            Err(error) => return self.fail(MediaFailure::Description, &error).await,
        };
        if self.negotiation.remote_known {
            // Another generation, or the same again: what was added before may be named again.
            self.negotiation.added.clear();
        }
        if let Err(error) = self.peer.pc.set_remote_description(offer).await {
            return self.fail(MediaFailure::Description, &error).await;
        }
        self.negotiation.payload_type = Some(payload_type);
        match self.make_answer().await {
            Ok(sdp) => {
                self.gather_first().await;
                self.report(MediaEvent::AnswerReady { round, sdp }).await;
            }
            Err(error) => return self.fail(MediaFailure::Engine, &error).await,
        }
        self.handle_remote_known().await;
    }

    async fn make_answer(&mut self) -> Result<String, Error> {
        let answer = self.peer.pc.create_answer(None).await?;
        self.make_local(answer).await
    }

    pub(super) async fn take_answer(&mut self, round: u32, sdp: &str) {
        if round != self.negotiation.round {
            tracing::debug!(
                round,
                newest = self.negotiation.round,
                "an answer to an earlier round is dropped"
            );
            return;
        }
        let Some(payload_type) = opus_payload_type(sdp) else {
            return self.report(MediaEvent::Failed(MediaFailure::Description)).await;
        };
        let answer = match RTCSessionDescription::answer(sdp.to_owned()) {
            Ok(answer) => answer,
            Err(error) => return self.fail(MediaFailure::Description, &error).await,
        };
        if let Err(error) = self.peer.pc.set_remote_description(answer).await {
            return self.fail(MediaFailure::Description, &error).await;
        }
        self.negotiation.payload_type = Some(payload_type);
        self.handle_remote_known().await;
    }

    async fn handle_remote_known(&mut self) {
        self.negotiation.remote_known = true;
        let early = std::mem::take(&mut self.negotiation.early);
        self.add_candidates(early).await;
    }

    pub(super) async fn add_candidates(&mut self, candidates: Vec<RemoteCandidate>) {
        if !self.negotiation.remote_known {
            let room = MOST_EARLY.saturating_sub(self.negotiation.early.len());
            self.negotiation.early.extend(candidates.into_iter().take(room));
            return;
        }
        for RemoteCandidate { candidate, mid } in candidates {
            if !self.negotiation.added.insert(candidate.clone()) {
                continue;
            }
            let init = RTCIceCandidateInit { candidate, sdp_mid: Some(mid), ..Default::default() };
            // One bad candidate costs itself only.
            if let Err(error) = self.peer.pc.add_ice_candidate(init).await {
                tracing::debug!(error = %Redacted(error), "a candidate of the peer is refused");
            }
        }
        self.peer.control.wake();
    }

    async fn fail(&mut self, failure: MediaFailure, error: &Error) {
        tracing::warn!(conn = self.id.0, ?failure, "the negotiation failed");
        tracing::debug!(conn = self.id.0, error = %Redacted(error), "the negotiation failed");
        self.report(MediaEvent::Failed(failure)).await;
    }
}

const MOST_EARLY: usize = 128;

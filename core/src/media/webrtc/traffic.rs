//! What flows through a connection: frames out, packets in, reports, silence and the path.

use std::time::Duration;

use rtc::rtcp::Packet;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::TrackRemoteEvent;

use super::connection::Connection;
use super::stats::{self, PairReport};
use crate::media::link::EncodedFrame;
use crate::media::{ConnStats, EngineEvent};
use crate::proto::session::MediaEvent;
use crate::redacted::Redacted;

impl Connection {
    pub(super) async fn handle_remote(&mut self, event: Option<TrackRemoteEvent>) {
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                let now = Instant::now();
                let opus = self.negotiation.payload_type == Some(packet.header.payload_type);
                let frame = self.reception.frame(now, packet);
                // A full ring means that nobody plays: the newest frame is dropped.
                if opus && self.link.incoming.push(frame).is_err() {
                    self.reception.dropped += 1;
                }
                self.handle_sign_of_life().await;
                if !self.state.arrived {
                    self.state.arrived = true;
                    tracing::info!(conn = self.id.0, "first media arrived");
                    self.report(MediaEvent::Arrived).await;
                }
            }
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => {
                self.handle_reports(&packets);
                self.handle_sign_of_life().await;
            }
            Some(_) => {}
            None => self.remote = None,
        }
    }

    pub(super) async fn handle_sign_of_life(&mut self) {
        self.alarm.heard(Instant::now());
        if self.state.missing {
            self.state.missing = false;
            tracing::info!(conn = self.id.0, "media is back");
            self.report(MediaEvent::Back).await;
        }
    }

    /// Keeps what the peer says of the loss of our packets.
    pub(super) fn handle_reports(&mut self, packets: &[Box<dyn Packet>]) {
        for packet in packets {
            let any = packet.as_any();
            let reports = match (any.downcast_ref::<ReceiverReport>(), any.downcast_ref::<SenderReport>()) {
                (Some(report), _) => &report.reports,
                (None, Some(report)) => &report.reports,
                (None, None) => continue,
            };
            if let Some(ours) = reports.iter().find(|report| report.ssrc == self.peer.ssrc) {
                self.remote_loss = f32::from(ours.fraction_lost) / 256.0;
            }
        }
    }

    pub(super) async fn send(&mut self, frame: EncodedFrame) {
        let payload_type =
            self.negotiation.payload_type.filter(|_| self.state.secured && self.state.writable);
        let Some(payload_type) = payload_type else {
            self.packetizer.skip(&frame);
            return;
        };
        let packet = self.packetizer.packet(frame, payload_type);
        if let Err(error) = self.peer.track.write_rtp(packet).await {
            tracing::debug!(conn = self.id.0, error = %Redacted(error), "a packet could not be written");
        }
    }

    pub(super) async fn handle_alarm(&mut self) {
        let due = self.alarm.take_due(Instant::now());
        if due.path {
            self.look_at_path().await;
        }
        if due.silence && self.state.arrived && !self.state.missing {
            self.state.missing = true;
            tracing::info!(conn = self.id.0, "media is missing");
            self.report(MediaEvent::Missing).await;
        }
    }

    pub(super) async fn look_at_path(&mut self) {
        self.alarm.look_at_path_in(PATH_LOOK);
        let PairReport { path, .. } = stats::pair(&*self.peer.pc).await;
        if let Some(path) = path.filter(|path| self.path != Some(*path)) {
            self.path = Some(path);
            let (local, remote) = (path.local.name(), path.remote.name());
            tracing::info!(conn = self.id.0, local, remote, "selected pair");
            self.emit(EngineEvent::PathChanged(path)).await;
        }
    }

    pub(super) async fn stats(&mut self) -> ConnStats {
        let PairReport { path, round_trip } = stats::pair(&*self.peer.pc).await;
        let now = Instant::now();
        ConnStats {
            packets_sent: self.packetizer.packets,
            bytes_sent: self.packetizer.bytes,
            sent_bps: self.sent_rate.look(now, self.packetizer.bytes),
            packets_received: self.reception.packets,
            bytes_received: self.reception.bytes,
            received_bps: self.received_rate.look(now, self.reception.bytes),
            packets_lost: self.reception.lost(),
            packets_dropped: self.reception.dropped,
            remote_loss: self.remote_loss,
            jitter: self.reception.jitter(),
            round_trip,
            path,
        }
    }
}

/// The engine does not report another pair; a person hears a changed path sooner than they look at its name.
const PATH_LOOK: Duration = Duration::from_secs(2);

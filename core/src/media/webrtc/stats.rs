//! Reads the engine's report: the pair in use and its round-trip time.

use std::time::Duration;

use webrtc::peer_connection::{
    PeerConnection, RTCIceCandidateType, RTCStatsReport, RTCStatsReportEntry, StatsSelector,
};

use crate::media::{PathKind, SelectedPath};

/// The pair in use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PairReport {
    pub(super) path: Option<SelectedPath>,
    pub(super) round_trip: Option<Duration>,
}

/// The pair in use now.
pub(super) async fn pair(pc: &dyn PeerConnection) -> PairReport {
    let now = tokio::time::Instant::now().into_std();
    let report = pc.get_stats(now, StatsSelector::None).await;
    let selected = report.transport().map(|transport| transport.selected_candidate_pair_id.clone());
    let Some(pair) = selected.and_then(|id| report.candidate_pairs().find(|pair| pair.stats.id == id)) else {
        return PairReport::default();
    };
    let local = kind(&report, &format!("RTCLocalIceCandidate_{}", pair.local_candidate_id));
    let remote = kind(&report, &format!("RTCRemoteIceCandidate_{}", pair.remote_candidate_id));
    let path = Some(SelectedPath { local, remote });
    let seconds = pair.current_round_trip_time;
    let round_trip = (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten();
    PairReport { path, round_trip }
}

/// The report lists candidates that were signaled. A pair may also use one that only the checks brought to light.
fn kind(report: &RTCStatsReport, id: &str) -> PathKind {
    let (Some(RTCStatsReportEntry::LocalCandidate(found))
    | Some(RTCStatsReportEntry::RemoteCandidate(found))) = report.get(id)
    else {
        return PathKind::PeerReflexive;
    };
    match found.candidate_type {
        RTCIceCandidateType::Host => PathKind::Host,
        RTCIceCandidateType::Srflx => PathKind::ServerReflexive,
        RTCIceCandidateType::Relay => PathKind::Relay,
        RTCIceCandidateType::Prflx | RTCIceCandidateType::Unspecified | _ => PathKind::PeerReflexive,
    }
}

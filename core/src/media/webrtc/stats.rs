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
    let kinds = (kind(&report, &pair.local_candidate_id), kind(&report, &pair.remote_candidate_id));
    let path = match kinds {
        (Some(local), Some(remote)) => Some(SelectedPath { local, remote }),
        _ => None,
    };
    let seconds = pair.current_round_trip_time;
    let round_trip = (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten();
    PairReport { path, round_trip }
}

fn kind(report: &RTCStatsReport, id: &str) -> Option<PathKind> {
    let (RTCStatsReportEntry::LocalCandidate(candidate) | RTCStatsReportEntry::RemoteCandidate(candidate)) =
        report.get(id)?
    else {
        return None;
    };
    match candidate.candidate_type {
        RTCIceCandidateType::Host => Some(PathKind::Host),
        RTCIceCandidateType::Srflx => Some(PathKind::ServerReflexive),
        RTCIceCandidateType::Prflx => Some(PathKind::PeerReflexive),
        RTCIceCandidateType::Relay => Some(PathKind::Relay),
        _ => None,
    }
}

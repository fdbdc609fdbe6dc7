//! Signaling: is it online, does the server answer, and what time has it?

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{ClockFinding, SignalingFinding};
use crate::signaling::{OfflineWhy, ProbeError, Signaling, SignalingHealth};

pub(super) async fn check(
    signaling: Option<&dyn Signaling>,
    mut health: watch::Receiver<SignalingHealth>,
    until: Instant,
) -> SignalingFinding {
    let Some(signaling) = signaling else { return SignalingFinding::Offline(OfflineWhy::Closed) };
    let decided = health.wait_for(|health| *health != SignalingHealth::Connecting);
    let decided = match timeout_at(until, decided).await {
        Ok(Ok(health)) => health.clone(),
        // The phone is gone.
        Ok(Err(_)) => return SignalingFinding::Offline(OfflineWhy::Closed),
        Err(_) => return SignalingFinding::Connecting,
    };
    match decided {
        SignalingHealth::Offline { why, .. } => SignalingFinding::Offline(why),
        SignalingHealth::Connecting => SignalingFinding::Connecting,
        SignalingHealth::Online => match timeout_at(until, signaling.probe()).await {
            Ok(Ok(round_trip)) => SignalingFinding::Answers { round_trip },
            Ok(Err(ProbeError::NotSupported)) => SignalingFinding::Online,
            Ok(Err(ProbeError::Offline)) => SignalingFinding::Offline(OfflineWhy::ConnectionLost),
            Ok(Err(ProbeError::NoAnswer)) | Err(_) => SignalingFinding::Silent,
        },
    }
}

pub(super) async fn clock(signaling: Option<&dyn Signaling>, until: Instant) -> ClockFinding {
    let Some(signaling) = signaling else { return ClockFinding::Unknown };
    match timeout_at(until, signaling.server_time()).await {
        Ok(Ok(time)) => ClockFinding::Ahead { ms: time.ahead_ms() },
        Ok(Err(error)) => {
            tracing::debug!(%error, "no time from the signaling server");
            ClockFinding::Unknown
        }
        Err(_) => ClockFinding::Unknown,
    }
}

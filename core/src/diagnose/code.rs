//! The stable codes of checks and findings: for logs, dashboards and tests. They never change.

use super::finding::{
    Check, ClockFinding, DeviceFinding, IceServersFinding, MappingFinding, RelayFinding, SHORT_LIFE,
    SLOW_LIST, SignalingFinding, StunFinding, TurnFinding, TurnTransport, Verdict,
};
use crate::audio::{DeviceError, DeviceKind};
use crate::media::ice::IceServersError;
use crate::net::failure::{ServerFailure, TlsFailure};
use crate::signaling::OfflineWhy;

impl Check {
    /// What was checked: `microphone`, `speaker`, `signaling`, `clock`, `ice_servers`, `stun`, `mapping`, `turn.udp`,
    /// `turn.tcp`, `turn.tls`, `turn.dtls` or `relay`.
    pub fn subject(&self) -> &'static str {
        match self {
            Check::Device { kind: DeviceKind::Capture, .. } => "microphone",
            Check::Device { kind: DeviceKind::Playback, .. } => "speaker",
            Check::Signaling(_) => "signaling",
            Check::Clock(_) => "clock",
            Check::IceServers(_) => "ice_servers",
            Check::Stun { .. } => "stun",
            Check::Mapping(_) => "mapping",
            Check::Turn { transport, .. } => match transport {
                TurnTransport::Udp => "turn.udp",
                TurnTransport::Tcp => "turn.tcp",
                TurnTransport::Tls => "turn.tls",
                TurnTransport::Dtls => "turn.dtls",
            },
            Check::Relay(_) => "relay",
        }
    }

    /// What was found: a stable word such as `answers`, `credentials_refused` or `certificate_expired`.
    pub fn code(&self) -> &'static str {
        match self {
            Check::Device { finding, .. } => match finding {
                DeviceFinding::Opens { .. } => "opens",
                DeviceFinding::Listed { .. } => "listed",
                DeviceFinding::InCall => "in_call",
                DeviceFinding::Failed(error) => device(error),
                DeviceFinding::Silent => "silent",
            },
            Check::Signaling(finding) => match finding {
                SignalingFinding::Answers { .. } => "answers",
                SignalingFinding::Online => "online",
                SignalingFinding::Connecting => "connecting",
                SignalingFinding::Offline(why) => offline(*why),
                SignalingFinding::Silent => "silent",
            },
            Check::Clock(finding) => match finding {
                ClockFinding::Ahead { ms } => match (self.verdict(), *ms < 0) {
                    (Verdict::Warning | Verdict::Problem, true) => "behind",
                    (Verdict::Warning | Verdict::Problem, false) => "ahead",
                    (Verdict::Skipped | Verdict::Ok, _) => "in_step",
                },
                ClockFinding::Unknown => "unknown",
            },
            Check::IceServers(finding) => match finding {
                IceServersFinding::NotSet => "not_set",
                IceServersFinding::Listed { turn: 0, .. } => "no_turn",
                IceServersFinding::Listed { expires_in: Some(left), .. } if *left < SHORT_LIFE => {
                    "short_lived"
                }
                IceServersFinding::Listed { took, .. } if *took > SLOW_LIST => "slow",
                IceServersFinding::Listed { .. } => "listed",
                IceServersFinding::Failed(IceServersError::Unreachable) => "unreachable",
                IceServersFinding::Failed(IceServersError::Refused) => "refused",
                IceServersFinding::Failed(IceServersError::SignedOut) => "signed_out",
                IceServersFinding::Failed(IceServersError::Malformed) => "malformed",
                IceServersFinding::Failed(IceServersError::Url { .. }) => "wrong_url",
                IceServersFinding::Silent => "silent",
            },
            Check::Stun { finding, .. } => match finding {
                StunFinding::Answers { .. } => "answers",
                StunFinding::Refused { .. } => "refused",
                StunFinding::Failed(failure) => server(*failure),
                StunFinding::NotUsed => "not_used",
            },
            Check::Mapping(finding) => match finding {
                MappingFinding::Same => "same",
                MappingFinding::Different => "different",
                MappingFinding::Unknown => "unknown",
            },
            Check::Turn { finding, .. } => match finding {
                TurnFinding::Allocates { .. } => "allocates",
                TurnFinding::Open { .. } => "open",
                TurnFinding::CredentialsRefused => "credentials_refused",
                TurnFinding::CredentialsExpired { .. } => "credentials_expired",
                TurnFinding::CredentialsTooLong => "credentials_too_long",
                TurnFinding::QuotaReached => "quota_reached",
                TurnFinding::Full => "full",
                TurnFinding::Refused { .. } => "refused",
                TurnFinding::Failed(failure) => server(*failure),
                TurnFinding::NotUsed => "not_used",
            },
            Check::Relay(finding) => match finding {
                RelayFinding::Works => "works",
                RelayFinding::StreamOnly => "stream_only",
                RelayFinding::Missing => "missing",
            },
        }
    }
}

impl Verdict {
    /// The stable code: `skipped`, `ok`, `warning` or `problem`.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Skipped => "skipped",
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        }
    }
}

fn device(error: &DeviceError) -> &'static str {
    match error {
        DeviceError::NoDevice => "missing",
        DeviceError::UnknownDevice(_) => "unknown_device",
        DeviceError::Denied => "denied",
        DeviceError::InUse => "in_use",
        DeviceError::NoServer => "no_sound_server",
        DeviceError::Unsupported => "unsupported",
        DeviceError::Lost => "lost",
        DeviceError::File(_) | DeviceError::NotWav => "file",
    }
}

fn offline(why: OfflineWhy) -> &'static str {
    match why {
        OfflineWhy::Unreachable => "unreachable",
        OfflineWhy::WrongUrl => "wrong_url",
        OfflineWhy::KeyRefused => "key_refused",
        OfflineWhy::TokenRefused => "token_refused",
        OfflineWhy::TokenMissing => "token_missing",
        OfflineWhy::SignedOut => "signed_out",
        OfflineWhy::NotAllowed => "not_allowed",
        OfflineWhy::RateLimited => "rate_limited",
        OfflineWhy::ConnectionLost => "connection_lost",
        OfflineWhy::Closed => "closed",
        OfflineWhy::Timeout => "timeout",
    }
}

fn server(failure: ServerFailure) -> &'static str {
    match failure {
        ServerFailure::Name => "name_unknown",
        ServerFailure::Unreachable => "unreachable",
        ServerFailure::Closed => "port_closed",
        ServerFailure::Silent => "silent",
        ServerFailure::HungUp => "hung_up",
        ServerFailure::NotStun => "not_stun",
        ServerFailure::Tls(failure) => match failure {
            TlsFailure::Expired => "certificate_expired",
            TlsFailure::NotYetValid => "certificate_not_yet_valid",
            TlsFailure::UnknownIssuer => "certificate_unknown_issuer",
            TlsFailure::WrongName => "certificate_wrong_name",
            TlsFailure::Authority => "certificate_of_authority",
            TlsFailure::Certificate => "certificate_refused",
            TlsFailure::NotTls => "not_tls",
            TlsFailure::Silent => "tls_silent",
            TlsFailure::Handshake => "tls_handshake",
        },
    }
}

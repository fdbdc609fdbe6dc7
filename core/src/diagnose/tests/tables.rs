//! Every finding has a code of its own and a text in both languages.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::audio::{AudioDeviceId, DeviceError};
use crate::media::ice::{IceServersError, IceUrlError};
use crate::proto::Language;
use crate::signaling::OfflineWhy;

const ADDRESS: &str = "203.0.113.77:4711";

/// Every check with every finding, and figures that show in a text if they may.
fn all() -> Vec<Check> {
    let address: SocketAddr = ADDRESS.parse().unwrap();
    let round_trip = Duration::from_millis(12);
    let mut all = Vec::new();
    for kind in [DeviceKind::Capture, DeviceKind::Playback] {
        let errors = [
            DeviceError::NoDevice,
            DeviceError::UnknownDevice(AudioDeviceId("x".into())),
            DeviceError::Denied,
            DeviceError::InUse,
            DeviceError::NoServer,
            DeviceError::Unsupported,
            DeviceError::Lost,
            DeviceError::NotWav,
        ];
        let mut findings: Vec<DeviceFinding> = errors.into_iter().map(DeviceFinding::Failed).collect();
        findings.push(DeviceFinding::Opens { name: "USB Audio".into() });
        findings.push(DeviceFinding::Listed { devices: 2 });
        findings.extend([DeviceFinding::InCall, DeviceFinding::Silent]);
        all.extend(findings.into_iter().map(|finding| Check::Device { kind, finding }));
    }
    let whys = [
        OfflineWhy::Unreachable,
        OfflineWhy::WrongUrl,
        OfflineWhy::KeyRefused,
        OfflineWhy::TokenRefused,
        OfflineWhy::TokenMissing,
        OfflineWhy::SignedOut,
        OfflineWhy::NotAllowed,
        OfflineWhy::RateLimited,
        OfflineWhy::ConnectionLost,
        OfflineWhy::Closed,
        OfflineWhy::Timeout,
    ];
    all.extend(whys.map(|why| Check::Signaling(SignalingFinding::Offline(why))));
    all.push(Check::Signaling(SignalingFinding::Answers { round_trip }));
    all.push(Check::Signaling(SignalingFinding::Online));
    all.push(Check::Signaling(SignalingFinding::Connecting));
    all.push(Check::Signaling(SignalingFinding::Silent));
    all.extend([0, 31_000, -86_400_000].map(|ms| Check::Clock(ClockFinding::Ahead { ms })));
    all.push(Check::Clock(ClockFinding::Unknown));
    let lists = [
        IceServersFinding::NotSet,
        listed(0, None, Duration::ZERO),
        listed(3, Some(3600), Duration::ZERO),
        listed(3, Some(3600), Duration::from_secs(3)),
        listed(3, Some(1), Duration::from_secs(3)),
        IceServersFinding::Failed(IceServersError::Unreachable),
        IceServersFinding::Failed(IceServersError::Refused),
        IceServersFinding::Failed(IceServersError::SignedOut),
        IceServersFinding::Failed(IceServersError::Malformed),
        IceServersFinding::Failed(IceServersError::Url { index: 0, error: IceUrlError::Port }),
        IceServersFinding::Silent,
    ];
    all.extend(lists.map(Check::IceServers));
    all.extend(
        [MappingFinding::Same, MappingFinding::Different, MappingFinding::Unknown].map(Check::Mapping),
    );
    all.extend([RelayFinding::Works, RelayFinding::StreamOnly, RelayFinding::Missing].map(Check::Relay));
    let server = || format!("turn:{ADDRESS}");
    let mut stun = vec![
        StunFinding::Answers { mapped: address, round_trip },
        StunFinding::Refused { code: 403 },
        StunFinding::NotUsed,
    ];
    stun.extend(failures().into_iter().map(StunFinding::Failed));
    all.extend(stun.into_iter().map(|finding| Check::Stun { server: server(), finding }));
    for transport in [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls, TurnTransport::Dtls] {
        let mut turn = vec![
            TurnFinding::Allocates { relayed: address, round_trip },
            TurnFinding::Open { relayed: address, round_trip },
            TurnFinding::CredentialsRefused,
            TurnFinding::CredentialsExpired { ago: Duration::from_secs(300) },
            TurnFinding::CredentialsTooLong,
            TurnFinding::QuotaReached,
            TurnFinding::Full,
            TurnFinding::Refused { code: 442 },
            TurnFinding::NotUsed,
        ];
        turn.extend(failures().into_iter().map(TurnFinding::Failed));
        all.extend(turn.into_iter().map(|finding| Check::Turn { server: server(), transport, finding }));
    }
    all
}

fn listed(turn: usize, expires_in_s: Option<u64>, took: Duration) -> IceServersFinding {
    IceServersFinding::Listed { stun: 1, turn, expires_in: expires_in_s.map(Duration::from_secs), took }
}

fn failures() -> Vec<ServerFailure> {
    let tls = [
        TlsFailure::Expired,
        TlsFailure::NotYetValid,
        TlsFailure::UnknownIssuer,
        TlsFailure::WrongName,
        TlsFailure::Authority,
        TlsFailure::Certificate,
        TlsFailure::NotTls,
        TlsFailure::Silent,
        TlsFailure::Handshake,
    ];
    let mut failures = vec![
        ServerFailure::Name,
        ServerFailure::Unreachable,
        ServerFailure::Closed,
        ServerFailure::Silent,
        ServerFailure::HungUp,
        ServerFailure::NotStun,
    ];
    failures.extend(tls.map(ServerFailure::Tls));
    failures
}

#[test]
fn every_finding_has_a_code_of_its_own() {
    let mut codes = BTreeSet::new();
    for check in all() {
        let code = format!("{}.{}", check.subject(), check.code());
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte)), "{code}");
        assert!(codes.insert(code.clone()), "{code} twice");
    }
}

#[test]
fn every_finding_is_explained_in_both_languages_without_addresses() {
    for check in all() {
        let (english, french) = (check.explain(Language::En), check.explain(Language::Fr));
        assert_ne!(english, french, "{check:?}");
        for text in [english, french] {
            assert!(text.ends_with('.'), "{text}");
            assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
            assert!(!text.contains("203.0.113") && !text.contains("4711"), "{text}");
            assert!(!text.contains('\''), "a typewriter's apostrophe: {text}");
        }
        assert!(!check.title(Language::En).is_empty() && !check.title(Language::Fr).is_empty());
    }
}

#[test]
fn french_has_its_spaces() {
    for check in all() {
        let text = check.explain(Language::Fr);
        for (at, sign) in text.char_indices().filter(|(_, sign)| matches!(sign, ':' | ';' | '?' | '!')) {
            let before = text[..at].chars().next_back();
            let in_a_word = text[at..].chars().nth(1).is_some_and(|next| next != ' ')
                || text[..at].ends_with("turn")
                || text[..at].ends_with("turns");
            assert!(before == Some('\u{a0}') || in_a_word, "{sign} in {text}");
        }
    }
}

#[test]
fn the_worst_verdict_counts() {
    let of = |checks: Vec<Check>| Diagnosis { checks }.verdict();
    assert_eq!(of(Vec::new()), Verdict::Skipped);
    let (good, bad) = (Check::Relay(RelayFinding::Works), Check::Relay(RelayFinding::Missing));
    let unsure = Check::Mapping(MappingFinding::Different);
    assert_eq!(of(vec![good.clone()]), Verdict::Ok);
    assert_eq!(of(vec![unsure.clone(), good.clone()]), Verdict::Warning);
    assert_eq!(of(vec![bad, unsure, good]), Verdict::Problem);
}

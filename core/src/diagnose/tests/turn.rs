//! STUN and TURN servers, each with its verdict.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;
use crate::net::stun::testing::{Reply, Script, tcp, tls, udp};

const MAPPED: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)), 4711);

fn mapped(port: u16) -> Reply {
    Reply::Mapped(SocketAddr::new(MAPPED.ip(), port))
}

/// A loopback port at which nobody listens, and that no test is given.
const CLOSED: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

async fn stun_code(script: Script) -> (&'static str, Verdict) {
    let check = server(format!("stun:{}", udp(script).await)).await;
    (check.code(), check.verdict())
}

async fn turn_code(script: Script, username: &str) -> &'static str {
    let urls = [format!("turn:{}", udp(script).await)];
    let checks = servers(&urls, username, RootCertificates::default()).await;
    assert_eq!(checks[0].subject(), "turn.udp");
    checks[0].code()
}

#[tokio::test]
async fn a_stun_server_that_answers_tells_our_address() {
    let check = server(format!("stun:{}", udp(Script::always(mapped(1))).await)).await;
    let Check::Stun { finding: StunFinding::Answers { mapped, .. }, .. } = check else { panic!("{check:?}") };
    assert_eq!(mapped, SocketAddr::new(MAPPED.ip(), 1));
}

#[tokio::test]
async fn a_name_is_looked_up_with_the_resolver() {
    let port = udp(Script::always(mapped(1))).await.port();
    assert_eq!(server(format!("stun:here.test:{port}")).await.code(), "answers");
    assert_eq!(server(format!("stun:nowhere.test:{port}")).await.code(), "name_unknown");
}

#[tokio::test]
async fn a_port_at_which_nobody_listens_is_closed() {
    assert_eq!(server(format!("stun:{CLOSED}")).await.code(), "port_closed");
    assert_eq!(server(format!("turn:{CLOSED}?transport=tcp")).await.code(), "port_closed");
    assert_eq!(server(format!("turns:{CLOSED}")).await.code(), "port_closed");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_silent() {
    assert_eq!(stun_code(Script::always(Reply::Nothing)).await, ("silent", Verdict::Problem));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_nonsense_is_no_stun_server() {
    assert_eq!(stun_code(Script::always(Reply::Bytes(b"HTTP/1.1 400 Bad Request"))).await.0, "not_stun");
}

#[tokio::test]
async fn a_stun_server_that_refuses_tells_its_code() {
    assert_eq!(stun_code(Script::always(Reply::Code(403))).await.0, "refused");
}

#[tokio::test]
async fn servers_that_see_one_address_make_direct_calls_likely() {
    for (second, code) in [(1, "same"), (2, "different")] {
        let checks = seen_at([1, second]).await;
        assert_eq!((checks[2].subject(), checks[2].code()), ("mapping", code));
    }
}

/// The checks of two STUN servers that see us at these ports.
async fn seen_at(ports: [u16; 2]) -> Vec<Check> {
    let urls = [
        format!("stun:{}", udp(Script::always(mapped(ports[0]))).await),
        format!("stun:{}", udp(Script::always(mapped(ports[1]))).await),
    ];
    servers(&urls, "rider", RootCertificates::default()).await
}

#[tokio::test]
async fn a_server_that_refuses_says_nothing_of_the_mapping() {
    let refuses = udp(Script::always(Reply::Code(403))).await;
    let urls = [format!("stun:{refuses}"), format!("stun:{}", udp(Script::always(mapped(1))).await)];
    let checks = servers(&urls, "rider", RootCertificates::default()).await;
    assert_eq!(checks.last(), Some(&Check::Mapping(MappingFinding::Unknown)));
}

#[tokio::test]
async fn a_symmetric_mapping_without_a_turn_server_is_a_problem() {
    let checks = seen_at([1, 2]).await;
    assert_eq!(checks.last(), Some(&Check::Relay(RelayFinding::Missing)));
    assert_eq!(Diagnosis { checks }.verdict(), Verdict::Problem);
    let checks = seen_at([1, 1]).await;
    assert_eq!(Diagnosis { checks }.verdict(), Verdict::Ok);
}

#[tokio::test]
async fn refusals_of_a_turn_server_are_told_apart() {
    let refusals = [
        (Reply::Challenge(401), "credentials_refused"),
        (Reply::Code(441), "credentials_refused"),
        (Reply::Code(486), "quota_reached"),
        (Reply::Code(508), "full"),
        (Reply::Code(403), "refused"),
        // A nonce that is always stale ends all the same.
        (Reply::Challenge(438), "refused"),
    ];
    for (reply, code) in refusals {
        assert_eq!(turn_code(Script::then(reply), "rider").await, code, "{reply:?}");
    }
}

#[tokio::test]
async fn a_minted_name_that_is_refused_after_its_end_has_expired() {
    let refuse = Script::then(Reply::Challenge(401));
    assert_eq!(turn_code(refuse, "1600000000:rider").await, "credentials_expired");
    assert_eq!(turn_code(refuse, "9000000000:rider").await, "credentials_refused");
}

#[tokio::test]
async fn a_name_that_fits_into_no_request_is_not_blamed_on_the_server() {
    assert_eq!(turn_code(Script::then(Reply::Nothing), &"x".repeat(600)).await, "credentials_too_long");
}

#[tokio::test]
async fn a_server_that_relays_for_anybody_is_a_warning() {
    let url = format!("turn:{}", udp(Script::always(mapped(1))).await);
    let check = server(url).await;
    assert_eq!((check.code(), check.verdict()), ("open", Verdict::Warning));
}

#[tokio::test]
async fn a_stream_of_nonsense_is_no_turn_server() {
    let url = format!(
        "turn:{}?transport=tcp",
        tcp(Some(Script::always(Reply::Bytes(b"nonsense, but long enough")))).await
    );
    assert_eq!(server(url).await.code(), "not_stun");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told() {
    let address = tcp(None).await;
    assert_eq!(server(format!("turn:{address}?transport=tcp")).await.code(), "hung_up");
    assert_eq!(server(format!("turns:{address}")).await.code(), "hung_up");
}

#[tokio::test]
async fn a_plain_server_speaks_no_tls() {
    let nonsense = Script::always(Reply::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(server(format!("turns:{}", tcp(Some(nonsense)).await)).await.code(), "not_tls");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_connections_and_says_nothing_is_told_apart() {
    let address = tcp(Some(Script::always(Reply::Nothing))).await;
    assert_eq!(server(format!("turns:{address}")).await.code(), "tls_silent");
    assert_eq!(server(format!("turn:{address}?transport=tcp")).await.code(), "silent");
}

#[tokio::test]
async fn udp_that_is_blocked_while_tcp_works_is_a_problem_for_calls() {
    let open = Script::always(mapped(1));
    let urls = [format!("turn:{CLOSED}"), format!("turn:{}?transport=tcp", tcp(Some(open)).await)];
    let checks = servers(&urls, "rider", RootCertificates::default()).await;
    assert_eq!(checks.last(), Some(&Check::Relay(RelayFinding::StreamOnly)));
    let none = servers(&urls[..1], "rider", RootCertificates::default()).await;
    assert_eq!(none.last(), Some(&Check::Relay(RelayFinding::Missing)));
}

#[tokio::test]
async fn what_calls_do_not_use_is_skipped() {
    for url in ["stun:192.0.2.1?transport=tcp", "stuns:192.0.2.1", "turns:192.0.2.1?transport=udp"] {
        let check = server(url.to_owned()).await;
        assert_eq!((check.code(), check.verdict()), ("not_used", Verdict::Skipped), "{url}");
    }
}

/// Years in which we are.
const NOW: (i32, i32) = (2000, 2080);

/// An authority, and a server's certificate by it.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> RootCertificates {
        RootCertificates::from_pem(&self.0.pem()).unwrap()
    }

    async fn server(&self, name: &str, (from, to): (i32, i32)) -> SocketAddr {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        server_with(certificate.der().clone(), &key).await
    }

    /// A server that shows the authority's own certificate, as `openssl req -x509` makes one.
    async fn itself(&self) -> SocketAddr {
        server_with(self.0.der().clone(), self.0.key()).await
    }
}

async fn server_with(certificate: CertificateDer<'static>, key: &KeyPair) -> SocketAddr {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tls(Arc::new(config), Script::always(mapped(1))).await
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let authority = Authority::new();
    let good = authority.server("127.0.0.1", NOW).await;
    let cases = [
        (good, authority.roots(), "open"),
        (good, RootCertificates::default(), "certificate_unknown_issuer"),
        (authority.server("127.0.0.1", (2000, 2020)).await, authority.roots(), "certificate_expired"),
        (authority.server("127.0.0.1", (2080, 2090)).await, authority.roots(), "certificate_not_yet_valid"),
        (authority.server("turn.example", NOW).await, authority.roots(), "certificate_wrong_name"),
        (authority.itself().await, RootCertificates::default(), "certificate_of_authority"),
        (authority.itself().await, authority.roots(), "certificate_of_authority"),
    ];
    for (address, roots, code) in cases {
        let checks = servers(&[format!("turns:{address}")], "rider", roots).await;
        assert_eq!((checks[0].subject(), checks[0].code()), ("turn.tls", code));
    }
}

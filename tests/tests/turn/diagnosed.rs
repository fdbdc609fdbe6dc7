//! The diagnosis of a phone with these servers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringback::Phone;
use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::diagnose::{Check, DiagnoseOptions, RootCertificates};
use ringback::media::ice::{IceServer, StaticIceServers};
use ringback::proto::DeviceId;
use ringback::signaling::memory::MemoryHub;
use ringback_server::turn::TurnCredential;
use ringback_tests::turn::{Over, Rules, TestServer};

use crate::start::{client_with, soon};

against_both!(
    a_relay_is_had_over_every_transport,
    a_wrong_password_is_told,
    an_expired_credential_is_told,
    a_certificate_that_nobody_knows_is_told,
    a_full_quota_is_told,
);

/// Subject and code of every check about servers, for a server named by all its URLs.
async fn found(server: &TestServer, credential: TurnCredential, roots: RootCertificates) -> Vec<String> {
    let TurnCredential { username, credential } = credential;
    let (addr, tls) = (server.addr(), server.tls_addr().unwrap().port());
    let urls = vec![
        format!("stun:{addr}"),
        format!("turn:{addr}?transport=udp"),
        format!("turn:{addr}?transport=tcp"),
        format!("turns:localhost:{tls}?transport=tcp"),
    ];
    let servers = StaticIceServers::new(vec![IceServer { urls, username, credential }]).unwrap();
    // Phones of one user and device are one phone, and the tests run side by side.
    let user = format!("rider-{}", addr.port());
    let device = DeviceId::from_random([1; 16]);
    let signaling = MemoryHub::new(1).join(user.parse().unwrap(), device);
    let phone = Phone::builder(Arc::new(signaling))
        .user(user)
        .device(device)
        .audio_devices(Arc::new(ClockedDevices::new(CaptureFrom::Silence, PlaybackTo::Null)))
        .ice_servers(Arc::new(servers))
        .start()
        .await
        .unwrap();
    let options = DiagnoseOptions { extra_roots: roots, ..DiagnoseOptions::default() };
    let diagnosis = soon(phone.diagnose(options)).await;
    phone.close();
    phone.closed().await;
    let about_servers = |check: &&Check| check.server().is_some() || check.subject() == "relay";
    let name = |check: &Check| format!("{}.{}", check.subject(), check.code());
    diagnosis.checks.iter().filter(about_servers).map(name).collect()
}

fn roots(server: &TestServer) -> RootCertificates {
    RootCertificates::from_der([server.certificate().to_vec()]).unwrap()
}

async fn a_relay_is_had_over_every_transport(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let found = found(&server, server.credential(), roots(&server)).await;
    let expected =
        ["stun.answers", "turn.udp.allocates", "turn.tcp.allocates", "turn.tls.allocates", "relay.works"];
    assert_eq!(found, expected);
    // Every allocation is given back: an embedded server can say so.
    if let Some(running) = server.running() {
        soon(async {
            while running.snapshot().allocations > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
    server.stop().await;
}

async fn a_wrong_password_is_told(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let wrong = TurnCredential { credential: "d3Jvbmc=".to_owned(), ..server.credential() };
    let found = found(&server, wrong, roots(&server)).await;
    for transport in ["udp", "tcp", "tls"] {
        let refused = format!("turn.{transport}.credentials_refused");
        assert!(found.contains(&refused), "{found:?}");
    }
    assert!(found.contains(&"relay.missing".to_owned()), "{found:?}");
}

async fn an_expired_credential_is_told(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let expired = server.credential_from(SystemTime::now() - Duration::from_secs(7200));
    let found = found(&server, expired, roots(&server)).await;
    assert!(found.contains(&"turn.udp.credentials_expired".to_owned()), "{found:?}");
}

async fn a_certificate_that_nobody_knows_is_told(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let found = found(&server, server.credential(), RootCertificates::default()).await;
    assert!(found.contains(&"turn.tls.certificate_unknown_issuer".to_owned()), "{found:?}");
    assert!(found.contains(&"turn.tcp.allocates".to_owned()), "{found:?}");
}

async fn a_full_quota_is_told(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules { user_quota: Some(1), ..Rules::default() }).await;
    let pass = server.credential();
    let mut first = client_with(&server, Over::Udp, &pass).await;
    soon(first.allocate()).await.unwrap();
    let found = found(&server, pass, roots(&server)).await;
    assert!(found.contains(&"turn.udp.quota_reached".to_owned()), "{found:?}");
}

//! What servers refuse, and with which code.

use std::time::{Duration, SystemTime};

use ringback_server::turn::TurnCredential;
use ringback_tests::turn::{Denied, Over, Rules, TestServer};

use crate::start::{client, client_with, peer, soon};

against_both!(
    a_wrong_password_is_401,
    an_expired_credential_is_401,
    a_name_without_expiry_is_401,
    a_peer_that_policy_forbids_is_403,
    a_user_over_the_quota_is_486,
    a_connection_that_ends_gives_its_place_back,
);

const ALL: [Over; 3] = [Over::Udp, Over::Tcp, Over::Tls];

async fn refused_with(server: &TestServer, over: Over, pass: &TurnCredential, code: u16) {
    let mut client = client_with(server, over, pass).await;
    assert_eq!(soon(client.allocate()).await, Err(Denied { code: Some(code) }), "{over:?}");
}

async fn a_wrong_password_is_401(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let wrong = TurnCredential { credential: "d3Jvbmc=".to_owned(), ..server.credential() };
    for over in ALL {
        refused_with(&server, over, &wrong, 401).await;
    }
}

async fn an_expired_credential_is_401(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let expired = server.credential_from(SystemTime::now() - Duration::from_secs(3601));
    for over in ALL {
        refused_with(&server, over, &expired, 401).await;
    }
}

async fn a_name_without_expiry_is_401(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let nameless = TurnCredential { username: "rider".to_owned(), ..server.credential() };
    refused_with(&server, Over::Udp, &nameless, 401).await;
}

async fn a_peer_that_policy_forbids_is_403(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules { public_peers_only: true, ..Rules::default() }).await;
    let at = peer().await.local_addr().unwrap();
    let mut client = client(&server, Over::Udp).await;
    soon(client.allocate()).await.unwrap();
    assert_eq!(soon(client.permit(at.ip())).await, Err(Denied { code: Some(403) }));
    assert_eq!(soon(client.bind(at)).await, Err(Denied { code: Some(403) }));
}

async fn a_user_over_the_quota_is_486(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules { user_quota: Some(1), ..Rules::default() }).await;
    let pass = server.credential();
    let mut first = client_with(&server, Over::Udp, &pass).await;
    soon(first.allocate()).await.unwrap();
    refused_with(&server, Over::Tcp, &pass, 486).await;
    soon(first.delete()).await;
    // coturn takes a moment.
    soon(async {
        let mut again = client_with(&server, Over::Udp, &pass).await;
        while again.allocate().await.is_err() {
            again = client_with(&server, Over::Udp, &pass).await;
        }
    })
    .await;
}

async fn a_connection_that_ends_gives_its_place_back(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules { user_quota: Some(1), ..Rules::default() }).await;
    let pass = server.credential();
    for over in [Over::Tcp, Over::Tls, Over::Tcp] {
        let mut client = client_with(&server, over, &pass).await;
        // The server learns of the end a moment after it.
        soon(async {
            while client.allocate().await.is_err() {
                client = client_with(&server, over, &pass).await;
            }
        })
        .await;
    }
}

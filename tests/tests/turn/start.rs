//! Servers for the tests of this suite.

use std::future::Future;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use ringback_server::turn::TurnCredential;
use ringback_tests::skipped;
use ringback_tests::turn::{Client, Over, PATIENCE, Rules, TestServer};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub(crate) async fn embedded(rules: Rules) -> TestServer {
    TestServer::embedded(rules).await.unwrap()
}

pub(crate) async fn coturn(rules: Rules) -> TestServer {
    TestServer::coturn(rules).await.unwrap()
}

/// Says so if coturn is not installed.
pub(crate) fn coturn_is_missing(test: &str) -> bool {
    let there =
        Command::new("turnserver").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let missing = there.is_err();
    if missing {
        skipped(test, "coturn is not installed");
    }
    missing
}

/// Bounds what waits for a server.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("within the patience of a test")
}

pub(crate) async fn client(server: &TestServer, over: Over) -> Client {
    client_with(server, over, &server.credential_from(SystemTime::now())).await
}

pub(crate) async fn client_with(server: &TestServer, over: Over, pass: &TurnCredential) -> Client {
    soon(Client::connect(server, over, pass)).await.unwrap()
}

/// A peer on this machine.
pub(crate) async fn peer() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

/// What a peer hears, and from where.
pub(crate) async fn heard(peer: &UdpSocket) -> (Vec<u8>, std::net::SocketAddr) {
    let mut buffer = vec![0; 2048];
    let (size, from) = soon(peer.recv_from(&mut buffer)).await.unwrap();
    buffer.truncate(size);
    (buffer, from)
}

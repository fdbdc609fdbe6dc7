//! coturn's own client, with credentials that it mints itself, against the embedded server.

use std::process::{Output, Stdio};

use ringback_tests::skipped;
use ringback_tests::turn::{Rules, TestServer};
use tokio::process::Command;

use crate::start::{embedded, soon};

/// Relays 50 messages between two allocations of the client, and tells how it went.
async fn uclient(test: &str, server: &TestServer, transport: &[&str], port: u16) -> Option<Output> {
    let running = Command::new("turnutils_uclient")
        // Both ends are clients (-y), no second port for RTCP (-c), the secret of the tests.
        .args(["-y", "-c", "-n", "50", "-m", "1", "-z", "2", "-u", "rider", "-W", "a secret for tests"])
        .args(transport)
        .args(["-p", &port.to_string(), "127.0.0.1"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match soon(running).await {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped(test, "coturn's client is not installed");
            None
        }
        Err(error) => panic!("{error}: {:?}", server.addr()),
    }
}

#[track_caller]
fn nothing_was_lost(output: &Output) {
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Total lost packets 0 "), "{told}");
}

#[tokio::test]
async fn coturns_client_relays_over_udp() {
    let server = embedded(Rules::default()).await;
    let port = server.addr().port();
    let Some(output) = uclient("coturns_client_relays_over_udp", &server, &[], port).await else { return };
    nothing_was_lost(&output);
}

#[tokio::test]
async fn coturns_client_relays_over_tcp() {
    let server = embedded(Rules::default()).await;
    let port = server.addr().port();
    let Some(output) = uclient("coturns_client_relays_over_tcp", &server, &["-t"], port).await else {
        return;
    };
    nothing_was_lost(&output);
}

#[tokio::test]
async fn coturns_client_relays_over_tls() {
    let server = embedded(Rules::default()).await;
    let port = server.tls_addr().unwrap().port();
    let told = uclient("coturns_client_relays_over_tls", &server, &["-t", "-S"], port).await;
    let Some(output) = told else { return };
    nothing_was_lost(&output);
}

//! What the embedded server does about those who ask for too much, or say nothing.

use std::time::Duration;

use ringback_server::turn::{TurnConfig, TurnSnapshot};
use ringback_tests::turn::{Over, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::start::{client, heard, peer, soon};

async fn started(config: TurnConfig) -> TestServer {
    TestServer::embedded_with(config).await.unwrap()
}

/// Waits until the books say so.
async fn until(server: &TestServer, holds: impl Fn(&TurnSnapshot) -> bool) {
    let running = server.running().unwrap();
    soon(async {
        while !holds(&running.snapshot()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn is_closed(mut stream: TcpStream) -> bool {
    // A reset is an end, too.
    soon(stream.read(&mut [0; 64])).await.map_or(true, |size| size == 0)
}

/// An Allocate without credentials: what every client begins with.
const ALLOCATE: [u8; 28] =
    [0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0x19, 0, 4, 17, 0, 0, 0];

#[tokio::test]
async fn connections_that_say_nothing_are_closed() {
    let server =
        started(TurnConfig { setup_limit: Duration::from_millis(50), ..TurnConfig::default() }).await;
    let silent = TcpStream::connect(server.addr()).await.unwrap();
    let half_a_hello = TcpStream::connect(server.tls_addr().unwrap()).await.unwrap();
    let mut half_a_frame = TcpStream::connect(server.addr()).await.unwrap();
    half_a_frame.write_all(&ALLOCATE[..10]).await.unwrap();
    for stream in [silent, half_a_hello, half_a_frame] {
        assert!(is_closed(stream).await);
    }
    until(&server, |books| books.connections == 0).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once() {
    let server = started(TurnConfig { most_connections: 1, ..TurnConfig::default() }).await;
    let first = TcpStream::connect(server.addr()).await.unwrap();
    until(&server, |books| books.connections == 1).await;
    assert!(is_closed(TcpStream::connect(server.addr()).await.unwrap()).await);
    until(&server, |books| books.refused_connections == 1).await;
    drop(first);
    until(&server, |books| books.connections == 0).await;
    let mut served = client(&server, Over::Tcp).await;
    soon(served.allocate()).await.unwrap();
}

#[tokio::test]
async fn what_is_no_frame_ends_its_connection_only() {
    let server = started(TurnConfig::default()).await;
    let mut good = client(&server, Over::Tcp).await;
    soon(good.allocate()).await.unwrap();
    for bad in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0x40, 0, 0xff, 0xff]] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(bad).await.unwrap();
        assert!(is_closed(stream).await);
    }
    let mut plain = TcpStream::connect(server.tls_addr().unwrap()).await.unwrap();
    plain.write_all(&ALLOCATE).await.unwrap();
    // TLS answers with an alert first.
    let mut rest = Vec::new();
    let _ = soon(plain.read_to_end(&mut rest)).await;
    let at = peer().await.local_addr().unwrap();
    soon(good.permit(at.ip())).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_addresses_does_not_lock_others_out() {
    let server = started(TurnConfig { most_half_open: 8, ..TurnConfig::default() }).await;
    let mut established = client(&server, Over::Udp).await;
    let relay = soon(established.allocate()).await.unwrap();
    for _ in 0..100 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(&ALLOCATE, server.addr()).await.unwrap();
        // Its answer shows that it was dealt with.
        heard(&socket).await;
    }
    until(&server, |books| books.refused_connections >= 90).await;
    let mut late = client(&server, Over::Udp).await;
    soon(late.allocate()).await.unwrap();
    let peer = peer().await;
    soon(established.permit(peer.local_addr().unwrap().ip())).await.unwrap();
    peer.send_to(b"still there", relay).await.unwrap();
    assert_eq!(soon(established.receive()).await.unwrap().1, b"still there");
}

#[tokio::test]
async fn nonsense_over_udp_is_not_answered_and_costs_nothing() {
    let server = started(TurnConfig::default()).await;
    let socket = peer().await;
    for bad in [&b""[..], b"nonsense", &[0; 20], &[0x40, 0, 0, 4, 1, 2, 3, 4], &[0xff; 1400]] {
        socket.send_to(bad, server.addr()).await.unwrap();
    }
    // Datagrams of one socket keep their order on loopback: the first answer is to the question.
    let binding = [&[0, 1, 0, 0], &ALLOCATE[4..20]].concat();
    socket.send_to(&binding, server.addr()).await.unwrap();
    let (answer, _) = heard(&socket).await;
    assert_eq!(answer[..2], [1, 1], "a Binding success");
}

#[tokio::test]
async fn relayed_bytes_are_counted() {
    let server = started(TurnConfig::default()).await;
    let mut client = client(&server, Over::Udp).await;
    let relay = soon(client.allocate()).await.unwrap();
    let peer = peer().await;
    let at = peer.local_addr().unwrap();
    soon(client.permit(at.ip())).await.unwrap();
    soon(client.bind(at)).await.unwrap();
    client.send(at, &[1; 100]).await.unwrap();
    heard(&peer).await;
    peer.send_to(&[2; 30], relay).await.unwrap();
    soon(client.receive()).await.unwrap();
    let books = server.running().unwrap().snapshot();
    assert_eq!((books.bytes_to_peers, books.bytes_from_peers, books.relayed_bytes), (100, 30, 130));
    assert_eq!((books.allocations, books.allocations_total), (1, 1));
    soon(client.delete()).await;
    until(&server, |books| books.allocations == 0).await;
}

#[tokio::test]
async fn a_range_of_ports_is_kept_to() {
    // What is free now may be another test's a moment later.
    for _ in 0..5 {
        let one = peer().await.local_addr().unwrap().port();
        let server = started(TurnConfig { relay_ports: Some(one..=one), ..TurnConfig::default() }).await;
        let mut first = client(&server, Over::Udp).await;
        match soon(first.allocate()).await {
            Ok(relay) => assert_eq!(relay.port(), one),
            Err(denied) => {
                assert_eq!(denied.code, Some(508));
                continue;
            }
        }
        let mut second = client(&server, Over::Udp).await;
        assert_eq!(soon(second.allocate()).await.unwrap_err().code, Some(508));
        return;
    }
    panic!("508 to the first of a range, five times");
}

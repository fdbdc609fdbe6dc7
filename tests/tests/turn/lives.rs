//! The embedded server starts, stops, and leaves nothing.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use ringback_server::turn::{TurnConfig, TurnError, TurnServer};
use ringback_tests::turn::{Over, Rules};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use crate::start::{client, embedded, soon};

/// A thread of its own, so that the tasks counted are this test's.
#[tokio::test]
async fn stopping_leaves_no_task_and_no_port() {
    let server = embedded(Rules::default()).await;
    let mut relays = Vec::new();
    let mut clients = Vec::new();
    for over in [Over::Udp, Over::Tcp, Over::Tls] {
        let mut client = client(&server, over).await;
        relays.push(soon(client.allocate()).await.unwrap());
        clients.push(client);
    }
    // Two that never say anything.
    let silent = [server.addr(), server.tls_addr().unwrap()];
    let silent = [TcpStream::connect(silent[0]).await.unwrap(), TcpStream::connect(silent[1]).await.unwrap()];
    let (addr, tls_addr) = (server.addr(), server.tls_addr().unwrap());
    server.stop().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
    for addr in relays.into_iter().chain([addr]) {
        UdpSocket::bind(addr).unwrap();
    }
    // The clients' ends would keep the ports of streams for a while.
    drop((clients, silent));
    for addr in [addr, tls_addr] {
        drop(TcpListener::bind(addr).unwrap());
    }
}

#[tokio::test]
async fn dropping_ends_everything_too() {
    let server = embedded(Rules::default()).await;
    let mut client = client(&server, Over::Tcp).await;
    let relay = soon(client.allocate()).await.unwrap();
    drop(server);
    soon(async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    UdpSocket::bind(relay).unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let config = TurnConfig { listen, secret: "s".into(), ..TurnConfig::default() };
    let error = TurnServer::start(config).await.unwrap_err();
    let TurnError::Listen { addr, source } = error else { panic!("{error}") };
    assert_eq!((addr, source.kind()), (listen, std::io::ErrorKind::AddrInUse));
}

#[tokio::test]
async fn urls_name_every_way_in() {
    let config =
        TurnConfig { host: Some("turn.example".into()), secret: "s".into(), ..TurnConfig::default() };
    let server = TurnServer::start(config).await.unwrap();
    let port = server.addr().port();
    assert_eq!(server.urls().stun, [format!("stun:turn.example:{port}")]);
    let open = ["udp", "tcp"].map(|over| format!("turn:turn.example:{port}?transport={over}"));
    assert_eq!(server.urls().turn, open);
    server.stop().await;
    let server = embedded(Rules::default()).await;
    let tls = server.tls_addr().unwrap();
    let running = server.running().unwrap();
    assert_eq!(running.urls().turn[2], format!("turns:{tls}?transport=tcp"));
    let waited = tokio::time::timeout(Duration::from_secs(10), server.stop()).await;
    assert!(waited.is_ok());
}

//! An allocation over each transport, and datagrams both ways through it.

use ringback_tests::turn::{Over, Rules, TestServer};

use crate::start::{client, heard, peer, soon};

against_both!(
    udp_relays_both_ways,
    tcp_relays_both_ways,
    tls_relays_both_ways,
    a_peer_without_permission_is_not_heard,
    datagrams_of_every_length_keep_theirs,
);

async fn udp_relays_both_ways(start: impl AsyncFn(Rules) -> TestServer) {
    relays_both_ways(&start(Rules::default()).await, Over::Udp).await;
}

async fn tcp_relays_both_ways(start: impl AsyncFn(Rules) -> TestServer) {
    relays_both_ways(&start(Rules::default()).await, Over::Tcp).await;
}

async fn tls_relays_both_ways(start: impl AsyncFn(Rules) -> TestServer) {
    relays_both_ways(&start(Rules::default()).await, Over::Tls).await;
}

async fn relays_both_ways(server: &TestServer, over: Over) {
    let mut client = client(server, over).await;
    let relay = soon(client.allocate()).await.unwrap();
    let peer = peer().await;
    let at = peer.local_addr().unwrap();

    // By indications.
    soon(client.permit(at.ip())).await.unwrap();
    client.send(at, b"to the peer").await.unwrap();
    assert_eq!(heard(&peer).await, (b"to the peer".to_vec(), relay));
    peer.send_to(b"to the client", relay).await.unwrap();
    assert_eq!(soon(client.receive()).await.unwrap(), (at, b"to the client".to_vec()));

    // By a channel.
    soon(client.bind(at)).await.unwrap();
    client.send(at, b"by channel").await.unwrap();
    assert_eq!(heard(&peer).await, (b"by channel".to_vec(), relay));
    peer.send_to(b"back by channel", relay).await.unwrap();
    assert_eq!(soon(client.receive()).await.unwrap(), (at, b"back by channel".to_vec()));
    soon(client.delete()).await;
}

async fn a_peer_without_permission_is_not_heard(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let mut client = client(&server, Over::Udp).await;
    let relay = soon(client.allocate()).await.unwrap();
    let (stranger, friend) = (peer().await, peer().await);
    stranger.send_to(b"unasked", relay).await.unwrap();
    soon(client.permit(friend.local_addr().unwrap().ip())).await.unwrap();
    friend.send_to(b"asked", relay).await.unwrap();
    assert_eq!(soon(client.receive()).await.unwrap().1, b"asked");
}

async fn datagrams_of_every_length_keep_theirs(start: impl AsyncFn(Rules) -> TestServer) {
    let server = start(Rules::default()).await;
    let peer = peer().await;
    let at = peer.local_addr().unwrap();
    for over in [Over::Udp, Over::Tcp] {
        let mut client = client(&server, over).await;
        let relay = soon(client.allocate()).await.unwrap();
        soon(client.permit(at.ip())).await.unwrap();
        soon(client.bind(at)).await.unwrap();
        // Padding to four bytes must not show; 1,400 is a full media packet.
        for length in [1, 2, 3, 4, 5, 1_400] {
            let bytes = vec![7; length];
            client.send(at, &bytes).await.unwrap();
            assert_eq!(heard(&peer).await.0, bytes, "{over:?}, to the peer");
            peer.send_to(&bytes, relay).await.unwrap();
            assert_eq!(soon(client.receive()).await.unwrap().1, bytes, "{over:?}, to the client");
        }
    }
}

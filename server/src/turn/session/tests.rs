//! What the session refuses whatever its machine wants: the gate is left out here.

use std::cell::RefCell;
use std::net::UdpSocket;
use std::rc::Rc;

use turn_server_proto::types::attribute::RequestedTransport;
use turn_server_proto::types::message::ALLOCATE;
use turn_server_proto::types::stun::attribute::{ErrorCode, Nonce, Realm, Username};
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageWriteVec,
};
use turn_server_proto::types::stun::prelude::{MessageWrite, MessageWriteExt};

use super::*;
use crate::turn::{PeerPolicy, RelayIp};

#[tokio::test]
async fn a_machine_without_a_place_gets_no_socket() {
    let (mut session, told) = session(PeerPolicy::Any);
    session.machine.add_user("rider".into(), "word".into());
    let now = session.clock.now();
    session.pass(allocate(None), now);
    let nonce = nonce(&told.last());
    session.pass(allocate(Some(&nonce)), now);
    session.drain();
    assert_eq!(code(&told.last()), ErrorCode::INSUFFICIENT_CAPACITY);
    assert!(session.relays.is_empty());
}

#[tokio::test]
async fn no_datagram_leaves_for_a_forbidden_peer() {
    let (mut session, _) = session(PeerPolicy::Public);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = relay(&mut session);
    session.forward(Transmit::new(vec![7], TransportType::Udp, relay, peer.local_addr().unwrap()));
    let books = session.ledger.snapshot();
    assert_eq!((books.dropped, books.bytes_to_peers), (1, 0));
}

#[tokio::test]
async fn no_datagram_of_a_forbidden_peer_is_passed_on() {
    let (mut session, told) = session(PeerPolicy::Public);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = relay(&mut session);
    peer.send_to(&[7], relay).unwrap();
    session.relays[0].socket.readable().await.unwrap();
    session.read_peer(0, &mut [0; 100]);
    assert_eq!(session.ledger.snapshot().dropped, 1);
    assert!(told.0.borrow().is_empty());
}

/// What the client was sent.
#[derive(Clone, Default)]
struct Told(Rc<RefCell<Vec<Vec<u8>>>>);

impl Told {
    fn last(&self) -> Vec<u8> {
        self.0.borrow().last().expect("nothing was sent").clone()
    }
}

impl Outlet for Told {
    fn try_send(&self, frame: Vec<u8>) -> io::Result<()> {
        self.0.borrow_mut().push(frame);
        Ok(())
    }
}

fn session(peers: PeerPolicy) -> (Session<Told>, Told) {
    let ip = [127, 0, 0, 1].into();
    let relay = vec![RelayIp { bind: ip, advertise: ip }];
    let config = TurnConfig { secret: "s".into(), relay, peers, ..TurnConfig::default() };
    let ledger = Arc::new(Ledger::new(config.user_quota, config.most_allocations));
    let told = Told::default();
    let (server, client) = (([127, 0, 0, 1], 3478).into(), ([127, 0, 0, 1], 5000).into());
    (Session::new(Arc::new(config), ledger, told.clone(), server, client), told)
}

/// Opens a socket to relay from.
fn relay(session: &mut Session<Told>) -> SocketAddr {
    session.place = Some(session.ledger.take_place("rider").unwrap());
    session.open(AddressFamily::IPV4).unwrap()
}

fn allocate(nonce: Option<&str>) -> Vec<u8> {
    let mut message = Message::builder_request(ALLOCATE, MessageWriteVec::new());
    message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
    if let Some(nonce) = nonce {
        message.add_attribute(&Username::new("rider").unwrap()).unwrap();
        message.add_attribute(&Realm::new("ringback").unwrap()).unwrap();
        message.add_attribute(&Nonce::new(nonce).unwrap()).unwrap();
        let key = LongTermKeyCredentials::new("rider".into(), "word".into(), "ringback".into());
        message.add_message_integrity(&key.into(), IntegrityAlgorithm::Sha1).unwrap();
    }
    message.finish()
}

fn nonce(answer: &[u8]) -> String {
    Message::from_bytes(answer).unwrap().attribute::<Nonce>().unwrap().nonce().to_owned()
}

fn code(answer: &[u8]) -> u16 {
    Message::from_bytes(answer).unwrap().attribute::<ErrorCode>().unwrap().code()
}

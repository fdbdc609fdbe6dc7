//! Requests as a client signs them, and what the gate makes of them.

use std::time::UNIX_EPOCH;

use ringback_proto::UserId;
use turn_server_proto::types::attribute::RequestedTransport;
use turn_server_proto::types::message::REFRESH;
use turn_server_proto::types::stun::message::Method;

use super::*;
use crate::turn::{PeerPolicy, TurnCredential, mint};

const SECRET: &str = "north";

/// A gate, its books, and what time it is on the wall.
struct Stage {
    gate: Gate,
    ledger: Arc<Ledger>,
    unix: SystemTime,
    now: Instant,
}

impl Stage {
    fn new() -> Self {
        Self::with(TurnConfig::default())
    }

    fn with(config: TurnConfig) -> Self {
        let ledger = Arc::new(Ledger::new(config.user_quota, config.most_allocations));
        let config = TurnConfig { secret: SECRET.into(), ..config };
        let gate = Gate::new(Arc::new(config), ledger.clone());
        Self { gate, ledger, unix: UNIX_EPOCH + Duration::from_secs(1_000), now: Instant::ZERO }
    }

    fn minted(&self, user: &str) -> TurnCredential {
        mint(SECRET, &UserId::new(user).unwrap(), Duration::from_secs(600), self.unix)
    }

    fn judge(&mut self, frame: &[u8]) -> Judgement {
        self.gate.judge(frame, self.now, self.unix)
    }

    /// Lets a client in, as the machine's success does.
    fn allocate(&mut self, pass: &TurnCredential) -> (Place, Vec<u8>) {
        let request = allocate(pass);
        let place = match self.judge(&request) {
            Judgement::Introduce { place: Some(place), .. } | Judgement::Allocate(place) => place,
            refused @ (Judgement::Introduce { .. }
            | Judgement::Pass
            | Judgement::Forget
            | Judgement::Answer(_)
            | Judgement::Drop) => panic!("{refused:?}"),
        };
        let message = Message::from_bytes(&request).unwrap();
        let answer = Message::builder_success(&message, MessageWriteVec::new()).finish();
        self.gate.remember_allocated(&answer);
        (place, request)
    }
}

fn request(pass: &TurnCredential, method: Method, fill: impl FnOnce(&mut MessageWriteVec)) -> Vec<u8> {
    let mut message = Message::builder_request(method, MessageWriteVec::new());
    message.add_attribute(&Username::new(&pass.username).unwrap()).unwrap();
    fill(&mut message);
    message.add_message_integrity(&key(pass), IntegrityAlgorithm::Sha1).unwrap();
    message.finish()
}

fn key(pass: &TurnCredential) -> MessageIntegrityCredentials {
    let TurnCredential { username, credential } = pass.clone();
    LongTermKeyCredentials::new(username, credential, "ringback".into()).into()
}

fn allocate(pass: &TurnCredential) -> Vec<u8> {
    request(pass, ALLOCATE, |message| {
        message.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
    })
}

fn permission(pass: &TurnCredential, peers: &[&str]) -> Vec<u8> {
    request(pass, CREATE_PERMISSION, |message| {
        for peer in peers {
            let peer = XorPeerAddress::new(peer.parse().unwrap(), message.transaction_id());
            // Several of a kind are legal here, which the writer does not know.
            message.push_attribute_unchecked(&peer);
        }
    })
}

fn channel(pass: &TurnCredential, number: u16, peer: &str) -> Vec<u8> {
    request(pass, CHANNEL_BIND, |message| {
        message.add_attribute(&ChannelNumber::new(number)).unwrap();
        let peer = XorPeerAddress::new(peer.parse().unwrap(), message.transaction_id());
        message.add_attribute(&peer).unwrap();
    })
}

/// The code of a refusal, which must carry the client's signature.
#[track_caller]
fn refused(judgement: Judgement, pass: &TurnCredential) -> u16 {
    let Judgement::Answer(answer) = judgement else { panic!("{judgement:?}") };
    let message = Message::from_bytes(&answer).unwrap();
    message.validate_integrity(&key(pass)).unwrap();
    message.attribute::<ErrorCode>().unwrap().code()
}

/// The code of a refusal without a signature.
#[track_caller]
fn unsigned(judgement: &Judgement) -> u16 {
    let Judgement::Answer(answer) = judgement else { panic!("{judgement:?}") };
    Message::from_bytes(answer).unwrap().attribute::<ErrorCode>().unwrap().code()
}

#[test]
fn a_minted_name_is_introduced_once() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let Judgement::Introduce { username, password, place: None } =
        stage.judge(&request(&pass, REFRESH, |_| {}))
    else {
        panic!("not introduced")
    };
    assert_eq!((username, password), (pass.username.clone(), pass.credential.clone()));
    assert!(matches!(stage.judge(&request(&pass, REFRESH, |_| {})), Judgement::Pass));
}

#[test]
fn wrong_and_expired_credentials_are_left_to_the_machine_and_counted() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let wrong = TurnCredential { credential: "wrong".into(), ..pass.clone() };
    let unsigned = TurnCredential { username: "rider".into(), ..pass.clone() };
    for pass in [wrong, unsigned] {
        assert!(matches!(stage.judge(&allocate(&pass)), Judgement::Pass));
    }
    stage.unix += Duration::from_secs(600);
    assert!(matches!(stage.judge(&allocate(&pass)), Judgement::Pass));
    let books = stage.ledger.snapshot();
    assert_eq!((books.refused_credentials, books.allocations), (3, 0));
}

#[test]
fn an_allocation_outlives_its_credentials() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let _held = stage.allocate(&pass);
    stage.unix += Duration::from_secs(10_000);
    assert!(matches!(stage.judge(&request(&pass, REFRESH, |_| {})), Judgement::Pass));
    assert!(matches!(stage.judge(&permission(&pass, &["192.0.2.1:9"])), Judgement::Pass));
    assert_eq!(stage.ledger.snapshot().refused_credentials, 0);
}

#[test]
fn a_repeated_allocate_gets_the_first_answer_again() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let (_place, request) = stage.allocate(&pass);
    let Judgement::Answer(again) = stage.judge(&request) else { panic!("not answered") };
    assert!(Message::from_bytes(&again).unwrap().has_class(MessageClass::Success));
    // Another one is the machine's business: 437.
    assert!(matches!(stage.judge(&allocate(&pass)), Judgement::Pass));
}

#[test]
fn a_user_over_the_quota_is_told_486() {
    let mut stage = Stage::with(TurnConfig { user_quota: 1, ..TurnConfig::default() });
    let _elsewhere = stage.ledger.take_place("rider").unwrap();
    let pass = stage.minted("rider");
    let judged = stage.judge(&allocate(&pass));
    assert_eq!(refused(judged, &pass), 486);
    let other = stage.minted("driver");
    assert!(matches!(stage.judge(&allocate(&other)), Judgement::Introduce { place: Some(_), .. }));
}

#[test]
fn a_full_server_and_reserved_ports_are_told_508() {
    let mut stage = Stage::with(TurnConfig { most_allocations: 0, ..TurnConfig::default() });
    let pass = stage.minted("rider");
    let judged = stage.judge(&allocate(&pass));
    assert_eq!(refused(judged, &pass), 508);
    let mut stage = Stage::new();
    let even = request(&pass, ALLOCATE, |message| message.add_attribute(&EvenPort::new(true)).unwrap());
    let judged = stage.judge(&even);
    assert_eq!(refused(judged, &pass), 508);
}

#[test]
fn a_forbidden_peer_is_told_403_even_among_others() {
    let mut stage = Stage::with(TurnConfig { peers: PeerPolicy::Public, ..TurnConfig::default() });
    let pass = stage.minted("rider");
    let judged = stage.judge(&permission(&pass, &["8.8.8.8:9", "10.0.0.1:9"]));
    assert_eq!(refused(judged, &pass), 403);
    let judged = stage.judge(&channel(&pass, 0x4000, "127.0.0.1:9"));
    assert_eq!(refused(judged, &pass), 403);
    assert!(!matches!(stage.judge(&permission(&pass, &["8.8.8.8:9"])), Judgement::Answer(_)));
    assert_eq!(stage.ledger.snapshot().refused_peers, 2);
}

#[test]
fn a_channel_stays_with_its_peer_until_it_may_be_used_again() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let _held = stage.allocate(&pass);
    let judged = stage.judge(&channel(&pass, 0x4000, "192.0.2.1:9"));
    assert!(matches!(judged, Judgement::Pass));
    let judged = stage.judge(&channel(&pass, 0x4000, "192.0.2.1:10"));
    assert_eq!(refused(judged, &pass), 400);
    stage.now += CHANNEL_LIFE;
    assert!(matches!(stage.judge(&channel(&pass, 0x4000, "192.0.2.1:10")), Judgement::Pass));
}

#[test]
fn an_allocation_has_so_many_peers_and_no_more() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let _held = stage.allocate(&pass);
    for i in 0..MOST_PEERS {
        let peer = format!("192.0.2.{i}:9");
        assert!(matches!(stage.judge(&permission(&pass, &[&peer])), Judgement::Pass), "{i}");
    }
    let judged = stage.judge(&permission(&pass, &["192.0.3.1:9"]));
    assert_eq!(refused(judged, &pass), 508);
    // One of them again is no more.
    assert!(matches!(stage.judge(&permission(&pass, &["192.0.2.0:9"])), Judgement::Pass));
    stage.now += PERMISSION_LIFE;
    assert!(matches!(stage.judge(&permission(&pass, &["192.0.3.1:9"])), Judgement::Pass));
}

#[test]
fn what_is_no_request_passes() {
    let mut stage = Stage::new();
    for frame in [&[][..], &[0x40, 0, 0, 1, 7], b"nonsense", &[0; 20], &[0xff; 64]] {
        assert!(matches!(stage.judge(frame), Judgement::Pass));
    }
}

#[test]
fn a_machine_never_knows_a_user_that_the_gate_does_not() {
    let mut stage = Stage::new();
    let (rider, driver) = (stage.minted("rider"), stage.minted("driver"));
    assert!(matches!(stage.judge(&request(&rider, REFRESH, |_| {})), Judgement::Introduce { .. }));
    // Introducing another makes the machine forget the first.
    let _held = stage.allocate(&driver);
    // With an allocation nobody else is let in.
    let judged = stage.judge(&permission(&rider, &["192.0.2.1:9"]));
    assert_eq!(unsigned(&judged), 441);
    assert_eq!(stage.ledger.snapshot().refused_credentials, 1);
    assert!(matches!(stage.judge(&permission(&driver, &["192.0.2.1:9"])), Judgement::Pass));
    assert_eq!(stage.ledger.snapshot().refused_credentials, 1);
}

#[test]
fn a_channel_of_two_peers_is_refused() {
    let mut stage = Stage::with(TurnConfig { peers: PeerPolicy::Public, ..TurnConfig::default() });
    let pass = stage.minted("rider");
    let _held = stage.allocate(&pass);
    let two = request(&pass, CHANNEL_BIND, |message| {
        message.add_attribute(&ChannelNumber::new(0x4000)).unwrap();
        for peer in ["8.8.8.8:9", "127.0.0.1:9"] {
            let peer = XorPeerAddress::new(peer.parse().unwrap(), message.transaction_id());
            message.push_attribute_unchecked(&peer);
        }
    });
    assert_eq!(unsigned(&stage.judge(&two)), 400);
}

#[test]
fn a_user_name_by_hash_is_refused() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    assert!(matches!(stage.judge(&request(&pass, REFRESH, |_| {})), Judgement::Introduce { .. }));
    let mut hashed = Message::builder_request(ALLOCATE, MessageWriteVec::new());
    hashed.add_attribute(&Userhash::new(Userhash::compute(&pass.username, "ringback"))).unwrap();
    hashed.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
    hashed.add_message_integrity(&key(&pass), IntegrityAlgorithm::Sha1).unwrap();
    assert_eq!(unsigned(&stage.judge(&hashed.finish())), 400);
}

#[test]
fn a_second_signature_is_refused() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    assert!(matches!(stage.judge(&request(&pass, REFRESH, |_| {})), Judgement::Introduce { .. }));
    let mut twice = Message::builder_request(ALLOCATE, MessageWriteVec::new());
    twice.add_attribute(&Username::new(&pass.username).unwrap()).unwrap();
    twice.add_attribute(&RequestedTransport::new(RequestedTransport::UDP)).unwrap();
    twice.add_message_integrity(&key(&pass), IntegrityAlgorithm::Sha1).unwrap();
    let other = TurnCredential { credential: "wrong".into(), ..pass };
    twice.add_message_integrity(&key(&other), IntegrityAlgorithm::Sha256).unwrap();
    assert_eq!(unsigned(&stage.judge(&twice.finish())), 400);
}

#[test]
fn a_machine_that_knows_a_user_gets_nothing_that_another_signed() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    let wrong = TurnCredential { credential: "wrong".into(), ..pass.clone() };
    assert!(matches!(stage.judge(&request(&pass, REFRESH, |_| {})), Judgement::Introduce { .. }));
    assert!(matches!(stage.judge(&allocate(&wrong)), Judgement::Forget));
    assert!(matches!(stage.judge(&allocate(&wrong)), Judgement::Pass), "it knows nobody");
}

#[test]
fn an_expired_credential_does_not_allocate_again() {
    let mut stage = Stage::new();
    let pass = stage.minted("rider");
    drop(stage.allocate(&pass));
    stage.gate.forget_allocated();
    stage.unix += Duration::from_secs(10_000);
    assert!(matches!(stage.judge(&allocate(&pass)), Judgement::Forget));
    assert!(matches!(stage.judge(&allocate(&pass)), Judgement::Pass), "the machine answers 401");
    assert_eq!(stage.ledger.snapshot().allocations, 0);
}

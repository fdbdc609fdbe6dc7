//! Schedules in which anything goes: every input in every phase, also from a peer that lies.

use std::time::Duration;

use ringback_proto::call::{Admission, AudioInput, Command, Input, SignalingInput, StoredHow};
use ringback_proto::session::{LocalCandidate, MediaEvent, MediaFailure, PathState};
use ringback_proto::signal::{
    Ack, Answer, Body, Cancel, CancelReason, Candidates, Decline, DeclineReason, Envelope, ErrorCode, Hangup,
    Hex, Invite, Kinds, MediaState, Message, Negotiate, Negotiation, ProtocolError, RefusedWhy, Ringing,
    Sender, Settled, To, WireCandidate,
};
use ringback_proto::{
    CallId, ConnId, ConnectFailure, DeviceId, Instance, MessageId, MicrophoneFailure, UserId,
};

use super::phone::Persona;
use super::{Net, Rng, Setup, World, engine};

pub(crate) fn make(seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let mut setups = vec![Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("bob", 2)];
    for setup in &mut setups {
        setup.persona = Persona { accepts: 60, declines: 10, hangs_up: 20, after_ms: (0, 4_000) };
        setup.verified = rng.chance(50);
    }
    let mut world = World::new(rng.next(), &setups);
    world.net = Net::random(&mut rng);
    world.engine.failure_percent = rng.below(10);
    world
}

/// Runs the schedule, then lets it get quiet.
pub(crate) fn run(world: &mut World) -> bool {
    let mut rng = Rng::new(world.rng.next());
    for _ in 0..40 {
        world.run(rng.millis(0, 1_500));
        let phone = usize::try_from(rng.below(3)).unwrap_or(0);
        match rng.below(10) {
            0 => {
                let to = if world.phones[phone].setup.user == "alice" { "bob" } else { "alice" };
                world.dial(phone, to);
            }
            1 => announce(world, &mut rng, phone),
            2 => {
                let up = rng.chance(50);
                let broken = rng.chance(50);
                engine::set_network(world, up, broken);
            }
            _ => {
                for _ in 0..1 + rng.below(3) {
                    anything(world, &mut rng, phone);
                }
            }
        }
    }
    engine::set_network(world, true, false);
    for phone in 0..3 {
        world.input(phone, Input::Signaling(SignalingInput::Up { caught_up: true }));
    }
    world.run_to_quiet(Duration::from_secs(900))
}

fn announce(world: &mut World, rng: &mut Rng, phone: usize) {
    let from = if world.phones[phone].setup.user == "alice" { "bob" } else { "alice" };
    let call = CallId::from_random(rng.bytes16());
    let push = Command::Announce { call, from: UserId::new(from).unwrap(), display: None };
    world.command(phone, push);
    if rng.chance(30) {
        world.command(phone, Command::Accept(call));
    }
}

/// Some input at a call of this phone.
fn anything(world: &mut World, rng: &mut Rng, phone: usize) {
    let mut calls: Vec<(CallId, &'static str)> = world.phones[phone].calls.phases().collect();
    if rng.chance(80) {
        calls.retain(|(_, phase)| *phase != "Ended");
    }
    let Some((call, _)) = pick(rng, &calls).copied() else { return world.input(phone, Input::Tick) };
    match rng.below(6) {
        0 | 1 => {
            let peer = peer_of(world, phone, call, rng);
            let envelope = message(world, rng, phone, call, peer);
            let age = if rng.chance(90) { Some(Duration::ZERO) } else { None };
            world.hear(phone, envelope.body.kind(), call, age, &envelope.encode());
        }
        2 => {
            let conn = world.engine.conn_of(phone, call).unwrap_or(ConnId(99));
            let event = media_event(rng, phone, conn);
            world.input(phone, Input::Media(conn, event));
        }
        3 => {
            let command = verb(rng, call);
            world.command(phone, command);
        }
        4 => {
            let input = other(world, rng, phone, call);
            world.input(phone, input);
        }
        _ => {
            if rng.chance(3) {
                world.command(phone, Command::Close);
            }
        }
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> Option<&'a T> {
    let index = usize::try_from(rng.below(u64::try_from(from.len()).unwrap_or(0))).unwrap_or(0);
    from.get(index)
}

/// Any verb of a call.
pub(crate) fn verb(rng: &mut Rng, call: CallId) -> Command {
    match rng.below(7) {
        0 => Command::Accept(call),
        1 => Command::Decline(call),
        2 => Command::HangUp(call),
        3 => Command::SetMuted(call, rng.chance(50)),
        4 => Command::SetHeld(call, rng.chance(50)),
        _ => Command::Message(call, vec![7; usize::try_from(rng.below(40)).unwrap_or(0)]),
    }
}

pub(crate) fn other(world: &mut World, rng: &mut Rng, phone: usize, call: CallId) -> Input {
    let invite = world.phones[phone].sent.iter().rev().find(|out| out.kind == "invite").map(|out| out.id);
    let id = invite.unwrap_or(MessageId::from_random(rng.bytes16()));
    match rng.below(12) {
        0 => Input::NetworkChanged,
        1 => Input::Resumed { gap: rng.millis(0, 20_000) },
        2 => Input::Tick,
        3 => Input::Audio(AudioInput::CaptureOpened),
        4 => Input::Audio(AudioInput::CaptureFailed(MicrophoneFailure::Missing)),
        5 => Input::Admitted(call, if rng.chance(80) { Admission::Verified } else { Admission::Refused }),
        6 => Input::Signaling(SignalingInput::Up { caught_up: rng.chance(80) }),
        7 => Input::Signaling(SignalingInput::Down),
        8 => Input::Signaling(SignalingInput::Receipt(id, StoredHow::Pushed)),
        9 => {
            let why = if rng.chance(20) { RefusedWhy::NotAllowed } else { RefusedWhy::Unavailable };
            Input::Signaling(SignalingInput::Refused(id, why))
        }
        10 => Input::Command(Command::Announce { call, from: UserId::new("bob").unwrap(), display: None }),
        _ => Input::Signaling(SignalingInput::Message { age: None, text: "{\"v\":1".to_owned() }),
    }
}

pub(crate) fn media_event(rng: &mut Rng, phone: usize, conn: ConnId) -> MediaEvent {
    let round = 1 + u32::try_from(rng.below(3)).unwrap_or(0);
    let sdp = engine::sdp((phone, conn), 0, round, &[1; 32]);
    match rng.below(15) {
        0 => MediaEvent::Opened { fingerprint: [1; 32] },
        1 => MediaEvent::OfferReady { round, sdp },
        2 => MediaEvent::AnswerReady { round, sdp },
        3 => MediaEvent::Candidate(LocalCandidate {
            candidate: format!("candidate:{round} 1 udp 1 192.0.2.9 9 typ host"),
            mid: "0".to_owned(),
        }),
        4 => MediaEvent::GatheringDone,
        5 => MediaEvent::Path(PathState::Connected),
        6 => MediaEvent::Path(PathState::Disconnected),
        7 => MediaEvent::Path(PathState::Failed(ConnectFailure::NoPath)),
        8 => MediaEvent::Secured,
        9 | 10 => MediaEvent::Arrived,
        11 => MediaEvent::Missing,
        12 => MediaEvent::Back,
        13 => MediaEvent::PeerClosed,
        _ => MediaEvent::Failed(match rng.below(4) {
            0 => MediaFailure::Description,
            1 => MediaFailure::Dtls,
            2 => MediaFailure::Engine,
            _ => MediaFailure::Overflow,
        }),
    }
}

/// A device of the peer, as the real one or as another of its devices.
pub(crate) fn peer_of(world: &World, phone: usize, call: CallId, rng: &mut Rng) -> Sender {
    let peer = world.phones[phone].log(call).peer.unwrap_or(UserId::new("bob").unwrap());
    let devices: Vec<Sender> = world
        .phones
        .iter()
        .filter(|other| other.user == peer)
        .map(|other| Sender { user: peer.clone(), device: other.device, instance: other.instance })
        .collect();
    let stranger = Sender {
        user: peer.clone(),
        device: DeviceId::from_random([9; 16]),
        instance: Instance::from_random(9),
    };
    pick(rng, &devices).cloned().unwrap_or(stranger)
}

/// A message of Mallory's about some call.
pub(crate) fn stranger(world: &mut World, rng: &mut Rng, phone: usize) {
    let calls: Vec<CallId> = world.dialed_at.keys().copied().collect();
    let known = if rng.chance(70) { pick(rng, &calls).copied() } else { None };
    let call = known.unwrap_or(CallId::from_random(rng.bytes16()));
    let from = Sender {
        user: UserId::new("mallory").unwrap(),
        device: DeviceId::from_random([u8::try_from(rng.below(3)).unwrap_or(0); 16]),
        instance: Instance::from_random(1 + rng.below(2)),
    };
    let envelope = message(world, rng, phone, call, from);
    world.hear(phone, envelope.body.kind(), call, Some(Duration::ZERO), &envelope.encode());
}

pub(crate) fn message(world: &World, rng: &mut Rng, phone: usize, call: CallId, from: Sender) -> Envelope {
    let to = &world.phones[phone];
    let of = world.phones[phone].sent.last().map_or(MessageId::from_random([3; 16]), |out| out.id);
    let broadcast = rng.chance(30);
    Envelope {
        id: MessageId::from_random(rng.bytes16()),
        call,
        ttl: Duration::from_secs(30),
        to: To {
            user: to.user.clone(),
            device: (!broadcast).then_some(to.device),
            instance: (!broadcast && rng.chance(80)).then_some(to.instance),
        },
        body: body(rng, to.device, of),
        from,
    }
}

fn body(rng: &mut Rng, device: DeviceId, of: MessageId) -> Body {
    let n = u32::try_from(rng.below(4)).unwrap_or(0);
    let sdp = engine::sdp((7, ConnId(1)), 0, n, &[5; 32]);
    let candidate =
        WireCandidate { candidate: "candidate:1 1 udp 1 192.0.2.7 7 typ host".into(), mid: "0".into() };
    match rng.below(14) {
        0 => Body::Invite(Box::new(Invite {
            seq: rng.below(5),
            offer: Some(sdp),
            candidates: vec![candidate],
            media: Kinds { audio: true, video: rng.chance(20) },
            display: None,
            context: None,
            caps: Vec::new(),
            order: Default::default(),
            commit: Hex([0; 32]),
            resume: None,
        })),
        1 => Body::Ringing(Ringing { shown: rng.chance(80), offer: None }),
        2 => Body::Answer(Box::new(Answer {
            answer: Some(sdp),
            candidates: vec![candidate],
            fingerprint: Hex([5; 32]),
            nonce: Hex([0; 16]),
            share: Hex([0; 16]),
        })),
        3 => {
            let winner = if rng.chance(50) { device } else { DeviceId::from_random([8; 16]) };
            let secrets = rng.chance(50).then_some(Hex([0; 16]));
            Body::Settled(Settled { winner, nonce: secrets, share: secrets })
        }
        4 => Body::Decline(Decline { reason: DeclineReason::Declined }),
        5 => Body::Busy {},
        6 => {
            let reasons = [
                CancelReason::User,
                CancelReason::Timeout,
                CancelReason::Glare,
                CancelReason::Declined,
                CancelReason::Busy,
                CancelReason::Gone,
            ];
            Body::Cancel(Cancel { reason: *pick(rng, &reasons).unwrap(), by: None })
        }
        7 => Body::Candidates(Candidates { conn: 1, generation: n, candidates: vec![candidate], end: true }),
        8 => {
            let steps = [Negotiation::Offer, Negotiation::Answer, Negotiation::Wanted, Negotiation::Rebuild];
            let what = *pick(rng, &steps).unwrap();
            Body::Negotiate(Negotiate { conn: 1 + n / 2, round: n, what, sdp: Some(sdp), ice_restart: true })
        }
        9 => Body::Media(MediaState { revision: u64::from(n), muted: true, held: false, recording: false }),
        10 => Body::Message(Message { data: vec![1] }),
        11 => {
            let codes = ["hung_up", "connect_failed.timeout", "connection_lost", "something_new"];
            Body::Hangup(Hangup { reason: (*pick(rng, &codes).unwrap()).to_owned() })
        }
        12 => Body::Ack(Ack { of }),
        _ => Body::Error(ProtocolError { of, code: ErrorCode::UnsupportedVersion, max: Some(1) }),
    }
}

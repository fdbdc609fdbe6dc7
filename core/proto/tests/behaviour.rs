//! What a call does for its user: one behaviour a test, in the world of two or three phones.

#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod world;

use std::time::Duration;

use ringback_proto::call::{
    AudioInput, BusyPolicy, CallOrder, CallState, Command, Delivery, Input, LegSend, Privacy, SignalingInput,
    StoredHow, Tone, VerbError,
};
use ringback_proto::session::{MediaCommand, MediaEvent, PathState};
use ringback_proto::signal::{Body, Envelope, Hex, RefusedWhy, Settled};
use ringback_proto::{By, CallId, ConnId, ConnectFailure, EndReason, MicrophoneFailure};
use world::{Act, Happening, Net, Setup, World};

#[test]
fn an_ordinary_call_takes_few_messages() {
    let mut world = two();
    let call = connected(&mut world);
    world.command(B, Command::HangUp(call));
    world.run(millis(100));
    for (kind, most) in [("invite", 2), ("ringing", 2), ("answer", 1), ("hangup", 1), ("negotiate", 0)] {
        let sent = world.phones[A].count(kind) + world.phones[B].count(kind);
        assert!(sent <= most, "{kind}: {sent}");
    }
}

#[test]
fn the_offer_follows_accept_in_the_order_after_accept() {
    let mut world = two();
    let mut dial = world.make_dial("bob");
    dial.order = CallOrder::AfterAccept;
    let call = dial.call;
    world.command(A, Command::Dial(dial));
    world.run(secs(1));
    assert!(!world.phones[A].told.iter().any(|(_, told)| matches!(told, MediaCommand::CreateOffer { .. })));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_both(&world, call, &CallState::Active);
}

#[test]
fn a_false_commitment_ends_the_call() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(call));
    let settled =
        Settled { winner: world.phones[B].device, nonce: Some(Hex([1; 16])), share: Some(Hex([1; 16])) };
    let from = world.phones[A].sender();
    world.forge(B, from, call, Some(Duration::ZERO), Body::Settled(settled));
    let reason = world.phones[B].reason(call);
    assert_eq!(reason, Some(EndReason::ConnectFailed(ConnectFailure::Dtls)));
}

#[test]
fn without_signaling_a_call_is_offline_after_ten_seconds() {
    let mut world = two();
    world.act(Duration::ZERO, A, Act::Link(false));
    world.run(millis(1));
    let call = world.dial(A, "bob");
    world.run(millis(9_900));
    assert_eq!(world.phones[A].state(call), Some(CallState::Initiated));
    world.run(millis(200));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::Offline));
    assert_eq!(world.phones[A].count("invite"), 0);
}

#[test]
fn a_call_waits_for_signaling_that_comes_back_in_time() {
    let mut world = two();
    world.act(Duration::ZERO, A, Act::Link(false));
    world.run(millis(1));
    let call = world.dial(A, "bob");
    world.act(secs(5), A, Act::Link(true));
    world.run(secs(6));
    assert_both(&world, call, &CallState::Ringing);
}

#[test]
fn a_ring_that_nobody_answers_is_no_answer_and_missed() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(46));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Missed));
    assert_eq!(world.phones[A].state(call), Some(CallState::Ringing));
    world.run(secs(5));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::NoAnswer));
}

#[test]
fn a_call_that_reaches_no_device_is_unreachable() {
    let mut world = two();
    let call = world.dial(A, "nobody");
    world.run(secs(51));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::Unreachable));
    assert_eq!(world.phones[A].plan.tone, Some(Tone::Congestion));
    world.run(secs(4));
    assert_eq!(world.phones[A].plan.tone, None);
}

#[test]
fn an_answer_at_the_last_moment_of_the_ring_still_counts() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(millis(45_000));
    world.command(B, Command::Accept(call));
    world.run(secs(2));
    assert_both(&world, call, &CallState::Active);
}

#[test]
fn the_invite_climbs_the_delivery_ladder_and_never_down() {
    let mut world = two();
    world.net.loss_percent = 100;
    let call = world.dial(A, "bob");
    world.run(millis(100));
    let id = world.phones[A].sent[0].id;
    for how in [StoredHow::Pushed, StoredHow::Stored] {
        world.input(A, Input::Signaling(SignalingInput::Receipt(id, how)));
    }
    world.net = Net::perfect();
    world.run(secs(2));
    let ladder = [Delivery::Sending, Delivery::Pushed, Delivery::Ringing];
    assert_eq!(world.phones[A].log(call).deliveries, ladder);
}

#[test]
fn a_refused_invite_is_not_allowed() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(millis(45));
    let id = world.phones[A].sent[0].id;
    world.input(A, Input::Signaling(SignalingInput::Refused(id, RefusedWhy::RateLimited)));
    assert_eq!(world.phones[A].reason(call), None);
    world.input(A, Input::Signaling(SignalingInput::Refused(id, RefusedWhy::NotAllowed)));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::NotAllowed));
}

#[test]
fn tones_say_what_happens_at_the_far_end() {
    let mut world = three();
    let first = world.dial(A, "bob");
    world.run(secs(1));
    assert_eq!(world.phones[A].plan.tone, Some(Tone::Ringback));
    assert_eq!(world.phones[B].plan.tone, None, "the ring belongs to the platform");
    world.command(B, Command::Accept(first));
    world.run(secs(1));
    assert_eq!(world.phones[A].plan.tone, None);
    world.dial(C, "bob");
    world.run(millis(3_200));
    assert_eq!(world.phones[C].plan.tone, Some(Tone::Busy));
}

#[test]
fn a_waiting_call_has_its_tone() {
    let mut bob = Setup::new("bob", 1);
    bob.busy_policy = BusyPolicy::CallWaiting;
    let mut world = World::new(1, &[Setup::new("alice", 1), bob, Setup::new("carol", 1)]);
    connected(&mut world);
    world.dial(C, "bob");
    world.run(secs(1));
    assert_eq!(world.phones[B].plan.tone, Some(Tone::CallWaiting));
}

#[test]
fn a_muted_phone_sends_silence_and_its_peer_waits_longer_for_media() {
    let mut world = two();
    let call = connected(&mut world);
    world.command(A, Command::SetMuted(call, true));
    world.run(millis(100));
    assert_eq!(world.phones[A].plan.legs[0].send, LegSend::Silence);
    assert!(world.phones[A].plan.capture, "the level meter goes on");
    assert_eq!(world.phones[B].log(call).peer_media, [(true, false)]);
    assert_eq!(last_expectation(&world, B), Some(secs(1)));
    world.command(A, Command::SetMuted(call, false));
    world.run(millis(100));
    assert_eq!(last_expectation(&world, B), Some(millis(400)));
}

#[test]
fn hold_silences_both_ways_and_closes_the_microphone() {
    let mut world = two();
    let call = connected(&mut world);
    world.command(A, Command::SetHeld(call, true));
    world.run(millis(100));
    let plan = &world.phones[A].plan;
    assert!(!plan.capture && !plan.legs[0].play && plan.legs[0].send == LegSend::Silence);
    assert_eq!(world.phones[B].log(call).peer_media, [(false, true)]);
    assert_eq!(world.phones[B].plan.legs[0].send, LegSend::Silence);
    world.command(A, Command::SetHeld(call, false));
    world.run(millis(100));
    assert_eq!(world.phones[B].plan.legs[0].send, LegSend::Microphone);
}

#[test]
fn a_mute_pressed_while_it_rings_reaches_the_peer_after_the_answer() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(A, Command::SetMuted(call, true));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_eq!(world.phones[B].log(call).peer_media, [(true, false)]);
    assert_eq!(world.phones[A].plan.legs[0].send, LegSend::Silence);
}

#[test]
fn a_microphone_that_does_not_open_ends_the_call_on_both_sides() {
    let mut world = two();
    let call = connected(&mut world);
    world.input(A, Input::Audio(AudioInput::CaptureFailed(MicrophoneFailure::Denied)));
    world.run(millis(100));
    let denied = EndReason::Microphone(MicrophoneFailure::Denied);
    assert_eq!(world.phones[A].reason(call), Some(denied.clone()));
    assert_eq!(world.phones[B].reason(call), Some(denied));
    assert_eq!(end_by(&world, B, call), Some(By::Remote));
}

#[test]
fn an_announced_call_that_was_accepted_connects_when_its_invite_comes() {
    let mut world = two();
    let dial = world.make_dial("bob");
    let call = dial.call;
    let from = world.phones[A].user.clone();
    world.command(B, Command::Announce { call, from, display: Some("Alice".to_owned()) });
    world.command(B, Command::Accept(call));
    assert_eq!(world.phones[B].state(call), Some(CallState::Connecting));
    world.run(secs(2));
    world.command(A, Command::Dial(dial));
    world.run(secs(1));
    assert_both(&world, call, &CallState::Active);
}

#[test]
fn an_announced_call_that_was_declined_tells_the_caller_at_once() {
    let mut world = two();
    let dial = world.make_dial("bob");
    let call = dial.call;
    let from = world.phones[A].user.clone();
    world.command(B, Command::Announce { call, from, display: None });
    world.net.loss_percent = 100;
    world.command(A, Command::Dial(dial));
    world.run(millis(50));
    world.net = Net::perfect();
    world.command(B, Command::Decline(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::Declined));
}

#[test]
fn accepting_one_of_two_ringing_calls_declines_the_other() {
    let mut world = three();
    let (one, other) = (world.dial(A, "bob"), world.dial(C, "bob"));
    world.run(secs(1));
    world.command(B, Command::Accept(one));
    world.run(secs(1));
    assert_eq!(world.phones[B].state(one), Some(CallState::Active));
    assert_eq!(world.phones[C].reason(other), Some(EndReason::Declined));
}

#[test]
fn a_callee_that_is_killed_while_it_talks_is_missed_within_the_reconnect_limit() {
    let mut world = two();
    let call = connected(&mut world);
    world.act(Duration::ZERO, B, Act::Restart);
    world.run(secs(2));
    assert_eq!(world.phones[A].state(call), Some(CallState::Reconnecting));
    world.run(secs(30));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::ConnectionLost));
}

#[test]
fn media_that_breaks_comes_back_by_an_ice_restart() {
    let mut world = two();
    let call = connected(&mut world);
    outage(&mut world, millis(3_000));
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Reconnecting));
    world.run(secs(10));
    assert_both(&world, call, &CallState::Active);
    let restarts = |told: &&(ConnId, MediaCommand)| {
        matches!(told.1, MediaCommand::CreateOffer { ice_restart: true, .. })
    };
    assert!(world.phones[A].told.iter().filter(restarts).count() >= 1);
}

#[test]
fn restarts_are_at_least_a_second_apart() {
    let mut world = two();
    connected(&mut world);
    for _ in 0..19 {
        world.input(A, Input::NetworkChanged);
        world.run(millis(100));
    }
    let offers =
        world.phones[A].told.iter().filter(|(_, told)| matches!(told, MediaCommand::CreateOffer { .. }));
    assert_eq!(offers.count(), 3, "the first one, and two restarts in 1.9 s");
}

#[test]
fn a_path_without_keys_gets_a_new_connection_after_seven_seconds() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    // Path, but never keys.
    world.engine.mute_dtls_of = Some(ConnId(1));
    world.command(B, Command::Accept(call));
    world.run(secs(9));
    assert_both(&world, call, &CallState::Active);
    let opened = |phone: usize| {
        world.phones[phone].told.iter().filter(|(_, told)| matches!(told, MediaCommand::Open { .. })).count()
    };
    assert_eq!((opened(A), opened(B)), (2, 2));
    let closed = |phone: usize| world.phones[phone].told.contains(&(ConnId(1), MediaCommand::Close));
    assert!(closed(A) && closed(B));
}

#[test]
fn a_connect_that_takes_too_long_fails_with_the_best_explanation() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.engine.network_up = false;
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    let failed = MediaEvent::Path(PathState::Failed(ConnectFailure::TurnMissing));
    world.input(A, Input::Media(ConnId(1), failed));
    world.run(secs(16));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::ConnectFailed(ConnectFailure::TurnMissing)));
    assert!(matches!(world.phones[B].reason(call), Some(EndReason::ConnectFailed(_))));
}

#[test]
fn with_relay_until_answer_direct_paths_come_after_the_answer() {
    let mut alice = Setup::new("alice", 1);
    alice.privacy = Privacy::RelayUntilAnswer;
    let mut world = World::new(1, &[alice, Setup::new("bob", 1)]);
    let call = connected(&mut world);
    let told: Vec<&MediaCommand> = world.phones[A].told.iter().map(|(_, told)| told).collect();
    assert_eq!(*told[0], MediaCommand::Open { call, relay_only: true });
    let allowed = told.iter().position(|told| **told == MediaCommand::AllowDirect).unwrap();
    let restarted =
        told.iter().position(|told| matches!(told, MediaCommand::CreateOffer { ice_restart: true, .. }));
    assert!(restarted.unwrap() > allowed);
}

#[test]
fn an_offer_that_we_cannot_read_is_unsupported_at_the_caller() {
    let mut world = two();
    world.net.loss_percent = 100;
    let call = world.dial(A, "bob");
    world.run(millis(60));
    world.net = Net::perfect();
    let mut invite = Envelope::decode(&world.phones[A].sent[0].text).unwrap();
    if let Body::Invite(invite) = &mut invite.body {
        invite.offer = Some("v=0\r\n".to_owned());
    }
    world.hear(B, "invite", call, Some(Duration::ZERO), &invite.encode());
    world.net.loss_percent = 0;
    world.run(millis(60));
    assert_eq!(world.phones[B].count("error"), 1);
    assert_eq!(world.phones[B].logs.len(), 0);
}

#[test]
fn wrong_verbs_are_named_before_they_are_tried() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    let check = |world: &World, phone: usize, command| world.phones[phone].calls.check(&command);
    let unknown = CallId::from_random([1; 16]);
    assert_eq!(check(&world, A, Command::Accept(call)), Err(VerbError::NotRinging));
    assert_eq!(check(&world, A, Command::HangUp(unknown)), Err(VerbError::UnknownCall));
    assert_eq!(check(&world, A, Command::Message(call, vec![1])), Err(VerbError::NotAnswered));
    let own = world.make_dial("alice");
    assert_eq!(check(&world, A, Command::Dial(own)), Err(VerbError::OwnUser));
    let mut long = world.make_dial("bob");
    long.context = Some("x".repeat(2_049));
    assert_eq!(check(&world, A, Command::Dial(long)), Err(VerbError::TooLong));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_eq!(check(&world, A, Command::Message(call, vec![0; 4_097])), Err(VerbError::TooLong));
    world.net.loss_percent = 100;
    for _ in 0..64 {
        world.command(A, Command::Message(call, vec![0]));
    }
    assert_eq!(check(&world, A, Command::Message(call, vec![0])), Err(VerbError::Backlog));
    world.command(A, Command::HangUp(call));
    assert_eq!(check(&world, A, Command::SetMuted(call, true)), Err(VerbError::Ended));
    world.command(A, Command::Close);
    assert_eq!(check(&world, A, Command::HangUp(call)), Err(VerbError::Closed));
}

#[test]
fn closing_a_phone_ends_its_calls_and_leaves_what_rings_to_the_other_devices() {
    let mut world = World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("bob", 2)]);
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Close);
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Missed));
    world.command(C, Command::Accept(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    world.command(A, Command::Close);
    world.run(millis(200));
    assert_eq!(world.phones[C].reason(call), Some(EndReason::HungUp));
    assert_eq!(world.phones[A].plan, Default::default());
}

#[test]
fn a_flood_of_invites_rings_four_times_at_most_and_once_a_device() {
    let mut setups = vec![Setup::new("bob", 1)];
    for device in 1..=9 {
        setups.push(Setup::new("mallory", device));
    }
    let mut world = World::new(1, &setups);
    for phone in 1..=9 {
        world.dial(phone, "bob");
        world.dial(phone, "bob");
    }
    world.run(secs(1));
    let ringing = world.phones[0].calls.phases().filter(|(_, phase)| *phase == "Ringing").count();
    assert_eq!(ringing, 4);
}

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

fn two() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)])
}

fn three() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("carol", 1)])
}

fn connected(world: &mut World) -> CallId {
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_both(world, call, &CallState::Active);
    call
}

fn assert_both(world: &World, call: CallId, state: &CallState) {
    for phone in [A, B] {
        assert_eq!(world.phones[phone].state(call).as_ref(), Some(state), "{}", world.phones[phone].name());
    }
}

/// The old paths break for good, the network comes back.
fn outage(world: &mut World, span: Duration) {
    world.plan(Duration::ZERO, Happening::MediaNetwork { up: false, break_paths: true });
    world.plan(span, Happening::MediaNetwork { up: true, break_paths: true });
}

fn last_expectation(world: &World, phone: usize) -> Option<Duration> {
    world.phones[phone].told.iter().rev().find_map(|(_, told)| {
        let MediaCommand::ExpectMedia { within } = told else { return None };
        Some(*within)
    })
}

fn end_by(world: &World, phone: usize, call: CallId) -> Option<By> {
    let Some(CallState::Ended(end)) = world.phones[phone].state(call) else { return None };
    Some(end.by)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

//! The rules R1 to R15 of `call/mod.rs`, one test or more each, named after the rule.
//!
//! R11 is clippy's (`wildcard_enum_match_arm`), R13 a test of the crate `ringback`. `tests/mutants` holds a deliberate
//! mutant for each rule, with the test that catches it.
//!
//! Over 400 lines, so that every rule is found in one place.

#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use ringback_proto::call::{BusyPolicy, CallState, Command, Input, LegSend, SignalingInput};
use ringback_proto::session::{MediaCommand, MediaEvent};
use ringback_proto::signal::{
    Ack, Body, Cancel, CancelReason, Decline, DeclineReason, Envelope, Hangup, Message, Negotiate,
    Negotiation, Sender,
};
use ringback_proto::{CallId, ConnId, ConnectFailure, DeviceId, ElsewhereHow, EndReason, Instance, UserId};
use world::{Act, Net, Setup, World, engine};

#[test]
fn r01_due_timers_fire_before_the_input_is_looked_at() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    // The phone's owner comes late: the ring is over, whatever the user presses.
    world.now = world.now + secs(60);
    world.command(B, Command::Accept(call));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Missed));
}

#[test]
fn r02_after_a_drain_the_next_timer_lies_in_the_future() {
    let mut world = two();
    let call = connected(&mut world);
    world.input(A, Input::NetworkChanged);
    world.run(secs(2));
    world.command(A, Command::HangUp(call));
    assert!(world.run_to_quiet(secs(200)));
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn r03_an_input_that_makes_no_sense_changes_nothing() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    let (caller, callee) = (world.phones[A].calls.snapshots(), world.phones[B].calls.snapshots());
    for text in ["", "{", "[]", "{\"v\":1}", "{\"v\":99}", &"x".repeat(70_000)] {
        let message = SignalingInput::Message { age: Some(Duration::ZERO), text: text.to_owned() };
        world.input(B, Input::Signaling(message));
    }
    world.command(A, Command::Accept(call));
    world.command(A, Command::Decline(call));
    world.command(A, Command::Message(call, vec![1]));
    world.command(B, Command::Accept(CallId::from_random([1; 16])));
    world.input(A, Input::Media(ConnId(77), MediaEvent::Arrived));
    world.input(B, Input::Media(ConnId(77), MediaEvent::PeerClosed));
    assert_eq!(world.phones[A].calls.snapshots(), caller);
    assert_eq!(world.phones[B].calls.snapshots(), callee);
}

#[test]
fn r04_an_invite_is_sent_again_at_growing_gaps_until_a_device_rings() {
    let mut world = two();
    world.net.loss_percent = 100;
    world.dial(A, "bob");
    world.run(secs(20));
    // At 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s.
    assert_eq!(world.phones[A].count("invite"), 6);
    world.net = Net::perfect();
    world.run(secs(5));
    assert_eq!(world.phones[B].count("ringing"), 1);
}

#[test]
fn r04_a_message_that_comes_twice_is_applied_once_and_acknowledged_twice() {
    let mut world = two();
    let call = connected(&mut world);
    world.command(A, Command::Message(call, b"hello".to_vec()));
    let message = world.phones[A].sent.last().cloned().unwrap();
    world.run(millis(100));
    let acks = world.phones[B].count("ack");
    world.carry(&message, message.text.as_str().into());
    world.run(millis(100));
    assert_eq!(world.phones[B].log(call).messages, [b"hello".to_vec()]);
    assert_eq!(world.phones[B].count("ack"), acks + 1);
}

#[test]
fn r04_everything_unproven_goes_out_when_signaling_comes_up() {
    let mut world = two();
    world.net.loss_percent = 100;
    world.dial(A, "bob");
    world.run(secs(9));
    let before = world.phones[A].count("invite");
    world.input(A, Input::Signaling(SignalingInput::Down));
    world.input(A, Input::Signaling(SignalingInput::Up { caught_up: true }));
    assert_eq!(world.phones[A].count("invite"), before + 1);
}

#[test]
fn r05_a_call_ends_once_and_its_end_is_its_last_event() {
    let mut world = two();
    let call = connected(&mut world);
    world.command(A, Command::HangUp(call));
    world.command(B, Command::HangUp(call));
    world.command(A, Command::HangUp(call));
    assert!(world.run_to_quiet(secs(200)));
    assert_eq!((world.phones[A].log(call).ended, world.phones[B].log(call).ended), (1, 1));
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn r05_an_announced_call_that_timed_out_does_not_end_again_when_its_invite_meets_a_busy_phone() {
    let mut world = three();
    let late = world.make_dial("bob");
    let alice = world.phones[A].user.clone();
    world.command(B, Command::Announce { call: late.call, from: alice, display: None });
    world.command(B, Command::Accept(late.call));
    world.run(secs(30));
    let timed_out = Some(EndReason::ConnectFailed(ConnectFailure::Timeout));
    assert_eq!(world.phones[B].reason(late.call), timed_out);
    let other = world.dial(C, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(other));
    world.run(secs(1));
    world.command(A, Command::Dial(late.clone()));
    world.run(secs(5));
    assert_eq!(world.phones[A].reason(late.call), Some(EndReason::Busy));
    assert_eq!(world.phones[B].log(late.call).ended, 1);
    assert_eq!(world.phones[B].reason(late.call), timed_out);
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn r05_a_late_answer_meets_the_ending() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    // The cancel is lost, and B accepts.
    world.net.loss_percent = 100;
    world.command(A, Command::HangUp(call));
    world.net = Net::perfect();
    world.command(B, Command::Accept(call));
    world.run(millis(300));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Cancelled));
}

#[test]
fn r06_the_higher_call_id_wins_a_glare_on_both_sides() {
    for round in 0..6 {
        let mut world = World::new(round, &[Setup::new("alice", 1), Setup::new("bob", 1)]);
        let (one, other) = (world.dial(A, "bob"), world.dial(B, "alice"));
        let (wins, loses) = if one > other { (one, other) } else { (other, one) };
        world.run(secs(2));
        for phone in [A, B] {
            assert_eq!(world.phones[phone].state(wins), Some(CallState::Active));
        }
        let loser = if wins == one { B } else { A };
        assert_eq!(world.phones[loser].reason(loses), Some(EndReason::Replaced { by: wins }));
    }
}

#[test]
fn r06_an_unverified_winner_of_a_glare_rings_instead_of_being_accepted() {
    let mut alice = Setup::new("alice", 1);
    let mut bob = Setup::new("bob", 1);
    (alice.verified, bob.verified) = (false, false);
    let mut world = World::new(1, &[alice, bob]);
    let (one, other) = (world.dial(A, "bob"), world.dial(B, "alice"));
    world.run(secs(2));
    let (wins, loser) = if one > other { (one, B) } else { (other, A) };
    assert_eq!(world.phones[loser].phase(wins), Some("Ringing"));
}

#[test]
fn r06_a_cancel_that_crosses_an_answer_ends_both_sides() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(call));
    world.command(A, Command::HangUp(call));
    world.run(secs(2));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::Cancelled));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Cancelled));
}

#[test]
fn r06_dialing_somebody_whose_call_rings_here_accepts_that_call() {
    let mut world = two();
    let theirs = world.dial(A, "bob");
    world.run(secs(1));
    let ours = world.dial(B, "alice");
    world.run(secs(1));
    assert_eq!(world.phones[B].reason(ours), Some(EndReason::Replaced { by: theirs }));
    assert_eq!(world.phones[B].state(theirs), Some(CallState::Active));
    assert_eq!(world.phones[B].count("invite"), 0);
}

#[test]
fn r06_a_restarted_caller_says_that_the_call_is_gone() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.act(Duration::ZERO, A, Act::Restart);
    world.run(secs(10));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::Cancelled));
}

#[test]
fn r06_a_newer_call_of_the_same_device_takes_the_place_of_the_one_that_rings() {
    let mut world = two();
    let older = world.dial(A, "bob");
    world.run(secs(1));
    let newer = world.dial(A, "bob");
    world.run(secs(1));
    assert_eq!(world.phones[B].reason(older), Some(EndReason::Missed));
    assert_eq!(world.phones[B].phase(newer), Some("Ringing"));
}

#[test]
fn r07_an_answer_to_an_older_round_is_discarded() {
    let mut world = two();
    let call = connected(&mut world);
    world.net.loss_percent = 100;
    world.input(A, Input::NetworkChanged);
    world.run(millis(200));
    let taken = takes(&world, A);
    let from = world.phones[B].sender();
    let answer = |round| {
        let mut key = [0; 32];
        key[..16].copy_from_slice(call.as_bytes());
        key[31] = 1;
        let sdp = Some(engine::sdp((B, ConnId(1)), 0, round, &key));
        Body::Negotiate(Negotiate { conn: 1, round, what: Negotiation::Answer, sdp, ice_restart: true })
    };
    world.forge(A, from.clone(), call, Some(Duration::ZERO), answer(1));
    assert_eq!(takes(&world, A), taken, "round 1 is over");
    world.forge(A, from, call, Some(Duration::ZERO), answer(2));
    assert_eq!(takes(&world, A), taken + 1, "round 2 is outstanding");
}

#[test]
fn r07_only_the_caller_offers_and_the_callee_asks() {
    let mut world = two();
    connected(&mut world);
    world.input(B, Input::NetworkChanged);
    world.run(secs(2));
    let offers = |phone: usize| {
        world.phones[phone]
            .told
            .iter()
            .filter(|(_, told)| matches!(told, MediaCommand::CreateOffer { .. }))
            .count()
    };
    assert_eq!((offers(A), offers(B)), (2, 0));
}

#[test]
fn r07_a_description_under_another_certificate_is_refused() {
    let mut world = two();
    let call = connected(&mut world);
    let from = world.phones[A].sender();
    let sdp = Some(engine::sdp((A, ConnId(1)), 0, 2, &[0xee; 32]));
    let step = Negotiate { conn: 1, round: 2, what: Negotiation::Offer, sdp, ice_restart: true };
    let before = world.phones[B].told.len();
    world.forge(B, from, call, Some(Duration::ZERO), Body::Negotiate(step));
    assert_eq!(world.phones[B].told.len(), before);
}

#[test]
fn r08_the_first_answer_wins_and_the_other_device_ends_elsewhere() {
    let mut world = devices();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(call));
    world.run(millis(45));
    world.command(B2, Command::Accept(call));
    world.run(secs(2));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B2].reason(call), Some(EndReason::Elsewhere(ElsewhereHow::Answered)));
}

#[test]
fn r08_a_decline_counts_for_all_devices() {
    let mut world = devices();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Decline(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::Declined));
    assert_eq!(world.phones[B2].reason(call), Some(EndReason::Elsewhere(ElsewhereHow::Declined)));
}

#[test]
fn r09_an_invite_of_unknown_age_never_rings() {
    let mut world = two();
    let invite = captured_invite(&mut world);
    world.hear(B, "invite", invite.call, None, &invite.encode());
    world.run(secs(1));
    assert_eq!(world.phones[B].logs.len(), 0);
}

#[test]
fn r09_an_invite_older_than_its_ring_time_never_rings() {
    let mut world = two();
    let invite = captured_invite(&mut world);
    world.hear(B, "invite", invite.call, Some(secs(44)), &invite.encode());
    world.run(secs(1));
    assert_eq!(world.phones[B].logs.len(), 0);
    world.hear(B, "invite", invite.call, Some(secs(42)), &invite.encode());
    world.run(secs(1));
    assert_eq!(world.phones[B].logs.len(), 1);
}

#[test]
fn r09_the_whole_backlog_is_processed_before_anything_rings() {
    let mut world = two();
    let invite = captured_invite(&mut world);
    world.input(B, Input::Signaling(SignalingInput::Up { caught_up: false }));
    world.hear(B, "invite", invite.call, Some(secs(5)), &invite.encode());
    world.run(millis(10));
    let cancel = Body::Cancel(Cancel { reason: CancelReason::User, by: None });
    world.forge(B, invite.from, invite.call, Some(secs(1)), cancel);
    world.run(millis(10));
    world.input(B, Input::Signaling(SignalingInput::Up { caught_up: true }));
    assert_eq!(world.phones[B].logs.len(), 0);
}

#[test]
fn r09_after_a_suspend_nothing_rings_until_signaling_is_up_again() {
    let mut world = two();
    let invite = captured_invite(&mut world);
    world.input(B, Input::Resumed { gap: secs(60) });
    world.hear(B, "invite", invite.call, Some(Duration::ZERO), &invite.encode());
    world.run(millis(10));
    assert_eq!(world.phones[B].logs.len(), 0);
    world.input(B, Input::Signaling(SignalingInput::Up { caught_up: true }));
    world.hear(B, "invite", invite.call, Some(Duration::ZERO), &invite.encode());
    world.run(millis(10));
    assert_eq!(world.phones[B].logs.len(), 1);
}

#[test]
fn r10_nothing_of_the_callee_leaves_or_sounds_before_accept() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(20));
    assert_eq!(world.phones[B].told, []);
    let kinds: BTreeSet<&str> = world.phones[B].sent.iter().map(|sent| sent.kind).collect();
    assert_eq!(kinds, BTreeSet::from(["ringing"]));
    for phone in [A, B] {
        assert!(!world.phones[phone].plan.capture && world.phones[phone].plan.legs.is_empty());
    }
    world.command(B, Command::Accept(call));
    assert!(!world.phones[B].plan.capture, "the microphone opens after settled");
    world.run(secs(1));
    assert!(world.phones[B].plan.capture && world.phones[A].plan.capture);
}

#[test]
fn r12_an_active_call_outlives_signaling() {
    let mut world = two();
    let call = connected(&mut world);
    world.act(Duration::ZERO, A, Act::Link(false));
    world.act(Duration::ZERO, B, Act::Link(false));
    world.run(secs(600));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B].state(call), Some(CallState::Active));
    // The hang-up itself travels over media.
    world.command(A, Command::HangUp(call));
    world.run(secs(40));
    let reason = world.phones[B].reason(call);
    assert!(matches!(reason, Some(EndReason::HungUp | EndReason::ConnectionLost)), "{reason:?}");
}

#[test]
fn r14_a_second_call_hears_busy_and_the_first_goes_on() {
    let mut world = three();
    let first = connected(&mut world);
    let second = world.dial(C, "bob");
    world.run(secs(4));
    assert_eq!(world.phones[C].reason(second), Some(EndReason::Busy));
    assert_eq!(world.phones[B].log(second).states, []);
    assert_eq!(world.phones[B].state(first), Some(CallState::Active));
}

#[test]
fn r14_accepting_a_waiting_call_holds_the_first() {
    let mut bob = Setup::new("bob", 1);
    bob.busy_policy = BusyPolicy::CallWaiting;
    let mut world = World::new(1, &[Setup::new("alice", 1), bob, Setup::new("carol", 1)]);
    let first = connected(&mut world);
    let second = world.dial(C, "bob");
    world.run(secs(1));
    assert_eq!(world.phones[B].phase(second), Some("Ringing"));
    world.command(B, Command::Accept(second));
    world.run(secs(1));
    assert_eq!(world.phones[B].state(second), Some(CallState::Active));
    assert_eq!(world.phones[B].state(first), Some(CallState::Active));
    assert_eq!(world.phones[A].log(first).peer_media, [(false, true)]);
    let sends: Vec<(CallId, LegSend)> =
        world.phones[B].plan.legs.iter().map(|leg| (leg.call, leg.send)).collect();
    assert!(sends.contains(&(first, LegSend::Silence)) && sends.contains(&(second, LegSend::Microphone)));
}

#[test]
fn r14_of_two_dialed_calls_that_are_both_answered_the_last_carries_sound() {
    let mut world = three();
    let (first, second) = (world.dial(A, "bob"), world.dial(A, "carol"));
    world.run(secs(1));
    world.command(C, Command::Accept(second));
    world.run(secs(1));
    world.command(B, Command::Accept(first));
    world.run(secs(1));
    let legs: BTreeSet<(CallId, bool)> =
        world.phones[A].plan.legs.iter().map(|leg| (leg.call, leg.send == LegSend::Microphone)).collect();
    assert_eq!(legs, BTreeSet::from([(first, true), (second, false)]));
    assert_eq!(world.phones[C].log(second).peer_media, [(false, true)], "carol is told that she is held");
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn r15_a_stranger_who_knows_the_call_can_neither_end_nor_answer_it() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    let endings = || {
        [
            Body::Decline(Decline { reason: DeclineReason::Declined }),
            Body::Busy {},
            Body::Cancel(Cancel { reason: CancelReason::User, by: None }),
            Body::Hangup(Hangup { reason: "hung_up".to_owned() }),
        ]
    };
    for phone in [A, B] {
        for body in endings() {
            world.forge(phone, mallory(), call, Some(Duration::ZERO), body);
        }
    }
    world.run(secs(5));
    assert_eq!(world.phones[A].state(call), Some(CallState::Ringing));
    assert_eq!(world.phones[B].state(call), Some(CallState::Ringing));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    for phone in [A, B] {
        for body in endings() {
            world.forge(phone, mallory(), call, Some(Duration::ZERO), body);
        }
        let message = Body::Message(Message { data: vec![6, 6, 6] });
        world.forge(phone, mallory(), call, Some(Duration::ZERO), message);
    }
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B].state(call), Some(CallState::Active));
    assert!(world.phones[B].log(call).messages.is_empty());
}

#[test]
fn r15_another_device_of_the_caller_cannot_cancel_what_rings() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    let mut other = world.phones[A].sender();
    other.device = DeviceId::from_random([4; 16]);
    let cancel = Body::Cancel(Cancel { reason: CancelReason::User, by: None });
    world.forge(B, other, call, Some(Duration::ZERO), cancel);
    assert_eq!(world.phones[B].phase(call), Some("Ringing"));
}

#[test]
fn r15_a_stranger_cannot_prove_a_message() {
    let mut world = two();
    let call = connected(&mut world);
    world.net.loss_percent = 100;
    world.command(A, Command::HangUp(call));
    let hangup = world.phones[A].sent.last().map(|sent| sent.id).unwrap();
    world.forge(A, mallory(), call, Some(Duration::ZERO), Body::Ack(Ack { of: hangup }));
    let before = world.phones[A].count("hangup");
    world.run(secs(5));
    assert!(world.phones[A].count("hangup") > before);
}

#[test]
fn whoever_may_not_ring_learns_nothing() {
    let mut bob = Setup::new("bob", 1);
    bob.refuses = Some("alice");
    let mut world = World::new(1, &[Setup::new("alice", 1), bob]);
    let call = world.dial(A, "bob");
    world.run(secs(20));
    world.command(A, Command::HangUp(call));
    assert!(world.run_to_quiet(secs(300)));
    assert_eq!(world.phones[B].sent, []);
    assert_eq!(world.phones[B].logs.len(), 0);
    assert_eq!(world.phones[A].log(call).deliveries.len(), 1);
}

#[test]
fn the_phases_show_the_states_that_the_table_names() {
    let docs = include_str!("../src/call/mod.rs");
    let section = docs.split("# Phases").nth(1).and_then(|rest| rest.split("# Timers").next()).unwrap();
    let mut table = BTreeSet::new();
    for row in section.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1) {
        let mut cells = row.split(" | ");
        let phase = cells.next().and_then(|cell| cell.split(',').next()).unwrap();
        table.insert((phase.to_owned(), cells.next().unwrap().to_owned()));
    }
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let mut world = world::plot::make(seed);
        world.seen = Some(BTreeSet::new());
        world.run_to_quiet(secs(900));
        seen.extend(world.seen.take().unwrap_or_default());
    }
    assert_eq!(seen, table);
}

const A: usize = 0;
const B: usize = 1;
const B2: usize = 2;
const C: usize = 2;

fn two() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)])
}

fn three() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("carol", 1)])
}

fn devices() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("bob", 2)])
}

/// A call from A to B with sound.
fn connected(world: &mut World) -> CallId {
    let call = world.dial(A, "bob");
    world.run(secs(1));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B].state(call), Some(CallState::Active));
    call
}

/// An invite of A to B that the network swallowed.
fn captured_invite(world: &mut World) -> Envelope {
    world.net.loss_percent = 100;
    let call = world.dial(A, "bob");
    world.run(millis(100));
    world.command(A, Command::HangUp(call));
    world.run_to_quiet(secs(300));
    world.net = Net::perfect();
    let invite = world.phones[A].sent.iter().find(|sent| sent.kind == "invite").unwrap();
    Envelope::decode(&invite.text).unwrap()
}

fn takes(world: &World, phone: usize) -> usize {
    let is_take = |told: &&(ConnId, MediaCommand)| matches!(told.1, MediaCommand::TakeAnswer { .. });
    world.phones[phone].told.iter().filter(is_take).count()
}

fn mallory() -> Sender {
    Sender {
        user: UserId::new("mallory").unwrap(),
        device: DeviceId::from_random([6; 16]),
        instance: Instance::from_random(6),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

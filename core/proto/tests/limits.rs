//! What strangers can cost: questions to the `may_ring` port, and who waits while they are asked.

#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod world;

use std::time::Duration;

use ringback_proto::CallId;
use ringback_proto::signal::{Body, Envelope, Invite, Sender};
use ringback_proto::{DeviceId, Instance, UserId};
use world::{Setup, World};

#[test]
fn a_flood_of_refused_invites_asks_the_port_a_few_times() {
    let mut world = refusing("mallory");
    let invite = captured_invite(&mut world);
    for _ in 0..600 {
        let call = CallId::from_random(world.rng.bytes16());
        hear(&mut world, stranger("mallory"), call, &invite);
        world.run(Duration::from_millis(100));
    }
    // One at the start of the minute, then one every 10 s and the 2 s that the port thinks.
    let asked = world.phones[BOB].asked.len();
    assert!((4..=6).contains(&asked), "{asked} questions in a minute");
    assert_eq!(world.phones[BOB].sent, []);
}

#[test]
fn four_questions_are_open_at_most_and_whoever_waits_is_asked_about_in_turn() {
    let mut world = refusing("nobody");
    let invite = captured_invite(&mut world);
    let mut calls = Vec::new();
    for number in 0..10 {
        let call = CallId::from_random(world.rng.bytes16());
        hear(&mut world, stranger(&format!("caller{number}")), call, &invite);
        calls.push(call);
        world.run(Duration::from_millis(1));
    }
    assert_eq!(world.phones[BOB].asked.len(), 4);
    world.run(PORT);
    assert_eq!(world.phones[BOB].asked.len(), 8);
    world.run(2 * PORT);
    let asked: Vec<CallId> = world.phones[BOB].asked.clone();
    assert_eq!(asked, calls);
}

#[test]
fn a_flood_of_one_user_leaves_room_for_the_question_about_another() {
    let mut world = refusing("mallory");
    let invite = captured_invite(&mut world);
    for _ in 0..100 {
        let call = CallId::from_random(world.rng.bytes16());
        hear(&mut world, stranger("mallory"), call, &invite);
    }
    let call = world.dial(ALICE, "bob");
    world.run(Duration::from_millis(100));
    assert!(world.phones[BOB].asked.contains(&call));
    world.run(PORT);
    assert_eq!(world.phones[BOB].phase(call), Some("Ringing"));
}

#[test]
fn a_user_who_was_refused_is_asked_about_again_after_a_while() {
    let mut world = refusing("alice");
    let refused = world.dial(ALICE, "bob");
    world.run(Duration::from_secs(3));
    world.command(ALICE, ringback_proto::call::Command::HangUp(refused));
    world.phones[BOB].setup.refuses = None;
    let welcome = world.dial(ALICE, "bob");
    world.run(Duration::from_secs(2));
    assert_eq!(world.phones[BOB].phase(welcome), None, "the refusal still stands");
    world.run(Duration::from_secs(20));
    assert_eq!(world.phones[BOB].phase(welcome), Some("Ringing"));
}

fn refusing(user: &'static str) -> World {
    let mut bob = Setup::new("bob", 1);
    bob.refuses = Some(user);
    let mut world = World::new(1, &[Setup::new("alice", 1), bob]);
    world.net.port_ms = PORT.as_millis() as u64;
    world
}

/// An invite of Alice to Bob that the network swallowed.
fn captured_invite(world: &mut World) -> Invite {
    world.net.loss_percent = 100;
    let call = world.dial(ALICE, "bob");
    world.run(Duration::from_millis(100));
    world.command(ALICE, ringback_proto::call::Command::HangUp(call));
    world.run_to_quiet(Duration::from_secs(300));
    world.net.loss_percent = 0;
    let invite = world.phones[ALICE].sent.iter().find(|sent| sent.kind == "invite").unwrap();
    let Body::Invite(invite) = Envelope::decode(&invite.text).unwrap().body else { panic!("an invite") };
    *invite
}

fn hear(world: &mut World, from: Sender, call: CallId, invite: &Invite) {
    world.forge(BOB, from, call, Some(Duration::ZERO), Body::Invite(Box::new(invite.clone())));
}

fn stranger(user: &str) -> Sender {
    Sender {
        user: UserId::new(user).unwrap(),
        device: DeviceId::from_random([6; 16]),
        instance: Instance::from_random(6),
    }
}

const ALICE: usize = 0;
const BOB: usize = 1;
/// How long the port thinks.
const PORT: Duration = Duration::from_secs(2);

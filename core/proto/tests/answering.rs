//! From Accept to being named the winner: what goes out, how often, and what is said when nobody hears it.

#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod world;

use std::time::Duration;

use ringback_proto::call::{CallState, Command};
use ringback_proto::{CallId, ElsewhereHow, EndReason};
use world::{Setup, World};

#[test]
fn nobody_else_is_told_who_won_if_only_the_winner_rang() {
    let mut world = World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)]);
    let call = ringing(&mut world);
    world.command(BOB, Command::Accept(call));
    world.run(Duration::from_secs(60));
    assert_eq!(world.phones[ALICE].state(call), Some(CallState::Active));
    assert_eq!(world.phones[ALICE].count("settled"), 1);
}

#[test]
fn a_device_whose_ringing_was_lost_learns_who_won_when_it_rings_again() {
    let mut world = World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1), Setup::new("bob", 2)]);
    let call = world.dial(ALICE, "bob");
    while world.phones[2].count("ringing") == 0 {
        world.run(Duration::from_millis(1));
    }
    world.drop_deliveries_from(&world.phones[2].sender());
    world.run(Duration::from_secs(1));
    world.command(BOB, Command::Accept(call));
    world.run(Duration::from_secs(1));
    assert_eq!(world.phones[2].phase(call), Some("Ringing"));
    world.run(Duration::from_secs(8));
    assert_eq!(world.phones[2].reason(call), Some(EndReason::Elsewhere(ElsewhereHow::Answered)));
    // To the winner, to the device that showed itself, and no more once that has acknowledged.
    world.run(Duration::from_secs(60));
    assert_eq!(world.phones[ALICE].count("settled"), 2);
}

fn ringing(world: &mut World) -> CallId {
    let call = world.dial(ALICE, "bob");
    world.run(Duration::from_secs(1));
    assert_eq!(world.phones[BOB].phase(call), Some("Ringing"));
    call
}

const ALICE: usize = 0;
const BOB: usize = 1;

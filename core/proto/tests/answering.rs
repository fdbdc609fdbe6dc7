//! From Accept to being named the winner: what goes out, how often, and what is said when nobody hears it.

#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

mod world;

use std::time::Duration;

use ringback_proto::call::{CallState, Command, Input};
use ringback_proto::session::{MediaEvent, PathState};
use ringback_proto::{CallId, ConnId, ConnectFailure, ElsewhereHow, EndReason};
use world::{Net, Setup, World};

#[test]
fn an_answer_goes_out_every_two_seconds_at_most() {
    let mut world = World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)]);
    let call = ringing(&mut world);
    world.net.loss_percent = 100;
    world.command(BOB, Command::Accept(call));
    world.run(Duration::from_secs(16));
    // At 0, 0.5, 1.5, 3.5, 5.5, 7.5, 9.5, 11.5 and 13.5 s.
    assert_eq!(world.phones[BOB].count("answer"), 9);
}

#[test]
fn a_callee_that_hears_nothing_after_accept_says_timeout() {
    assert_eq!(failure(100), ConnectFailure::Timeout);
}

#[test]
fn a_callee_that_heard_the_caller_says_what_the_engine_found() {
    assert_eq!(failure(0), ConnectFailure::TurnMissing);
}

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

/// Bob accepts, his engine finds that it needs TURN, and no media comes; says how his call ends.
fn failure(loss_percent: u64) -> ConnectFailure {
    let mut world = World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)]);
    let call = ringing(&mut world);
    world.engine.network_up = false;
    world.net.loss_percent = loss_percent;
    world.command(BOB, Command::Accept(call));
    world.run(Duration::from_secs(1));
    let conn = world.engine.conn_of(BOB, call).unwrap_or(ConnId(1));
    let failed = MediaEvent::Path(PathState::Failed(ConnectFailure::TurnMissing));
    // What the caller's clock says must not decide here.
    world.net = Net { loss_percent: 100, ..Net::perfect() };
    world.input(BOB, Input::Media(conn, failed));
    world.run(Duration::from_secs(16));
    match world.phones[BOB].reason(call) {
        Some(EndReason::ConnectFailed(why)) => why,
        other => panic!("a failed connect: {other:?}"),
    }
}

fn ringing(world: &mut World) -> CallId {
    let call = world.dial(ALICE, "bob");
    world.run(Duration::from_secs(1));
    assert_eq!(world.phones[BOB].phase(call), Some("Ringing"));
    call
}

const ALICE: usize = 0;
const BOB: usize = 1;

//! One test or more for each of the rules R1 to R15 of `call/mod.rs` (R11 is clippy's, R13 the core's).

mod world;

use std::time::Duration;

use ringback_proto::EndReason;
use ringback_proto::call::{CallState, Command};
use world::{Setup, World};

#[test]
fn an_ordinary_call_connects_and_ends_on_both_sides() {
    let mut world = two();
    let call = world.dial(A, "bob");
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Ringing));
    assert_eq!(world.phones[B].state(call), Some(CallState::Ringing));
    world.command(B, Command::Accept(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].state(call), Some(CallState::Active));
    assert_eq!(world.phones[B].state(call), Some(CallState::Active));
    world.command(A, Command::HangUp(call));
    world.run(secs(1));
    assert_eq!(world.phones[A].reason(call), Some(EndReason::HungUp));
    assert_eq!(world.phones[B].reason(call), Some(EndReason::HungUp));
    assert!(world.run_to_quiet(secs(200)));
    assert_eq!(world::oracle::judge(&world), Vec::<String>::new());
}

const A: usize = 0;
const B: usize = 1;

fn two() -> World {
    World::new(1, &[Setup::new("alice", 1), Setup::new("bob", 1)])
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

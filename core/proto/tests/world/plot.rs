//! Random schedules in which everybody keeps to the protocol, but for a stranger.

use std::time::Duration;

use ringback_proto::call::{BusyPolicy, Command, Input, Privacy, SignalingInput, StoredHow};
use ringback_proto::signal::RefusedWhy;
use ringback_proto::{CallId, MicrophoneFailure, UserId};

use super::phone::Persona;
use super::{Act, Happening, Net, Rng, Setup, World};

/// A world with its plot planned.
pub(crate) fn make(seed: u64) -> World {
    let mut rng = Rng::new(seed);
    let devices = 1 + rng.below(3);
    let mut setups = vec![setup(&mut rng, "alice", 1)];
    setups.extend((1..=devices).map(|device| setup(&mut rng, "bob", u8::try_from(device).unwrap_or(1))));
    setups.push(setup(&mut rng, "carol", 1));
    let mut world = World::new(rng.next(), &setups);
    world.net = Net::random(&mut rng);
    world.engine.delay_ms = 1 + rng.below(150);
    if rng.chance(20) {
        world.engine.failure_percent = 1 + rng.below(20);
    }
    plan_calls(&mut world, &mut rng);
    plan_troubles(&mut world, &mut rng);
    plan_verbs(&mut world, &mut rng);
    if rng.chance(20) {
        plan_stranger(&mut world, &mut rng);
    }
    world
}

fn setup(rng: &mut Rng, user: &'static str, device: u8) -> Setup {
    let mut setup = Setup::new(user, device);
    let eager = rng.chance(60);
    setup.persona = Persona {
        accepts: if eager { 80 } else { 30 },
        declines: if eager { 5 } else { 25 },
        hangs_up: 30,
        after_ms: if rng.chance(50) { (0, 1_500) } else { (0, 30_000) },
    };
    setup.verified = rng.chance(70);
    if rng.chance(20) {
        setup.busy_policy = BusyPolicy::CallWaiting;
    }
    setup.privacy = match rng.below(6) {
        0 => Privacy::RelayUntilAnswer,
        1 => Privacy::RelayOnly,
        _ => Privacy::Open,
    };
    if rng.chance(4) {
        setup.refuses = Some("carol");
    }
    setup
}

fn plan_calls(world: &mut World, rng: &mut Rng) {
    let alice = 0;
    let carol = world.phones.len() - 1;
    let first = Duration::from_millis(rng.below(2_000));
    dial(world, rng, first, alice, "bob");
    if rng.chance(35) {
        // Crossing calls.
        let bob = 1 + usize::try_from(rng.below(3)).unwrap_or(0) % (carol - 1);
        let near = first.saturating_sub(Duration::from_millis(200)) + rng.millis(0, 600);
        dial(world, rng, near, bob, "alice");
    }
    if rng.chance(30) {
        let whom = if rng.chance(50) { "bob" } else { "alice" };
        let at = rng.millis(0, 40_000);
        dial(world, rng, at, carol, whom);
    }
    if rng.chance(10) {
        let at = rng.millis(0, 40_000);
        dial(world, rng, at, alice, "carol");
    }
    if rng.chance(15) {
        let at = rng.millis(3_000, 60_000);
        dial(world, rng, at, alice, "bob");
    }
}

fn dial(world: &mut World, rng: &mut Rng, at: Duration, phone: usize, to: &str) {
    let mut dial = world.make_dial(to);
    if rng.chance(25) {
        dial.order = ringback_proto::call::CallOrder::AfterAccept;
    }
    let call = dial.call;
    let from = world.phones[phone].user.clone();
    world.act(at, phone, Act::Input(Input::Command(Command::Dial(dial))));
    if rng.chance(15) {
        announce(world, rng, at, call, &from, to);
    }
}

/// A push tells some devices of the callee.
fn announce(world: &mut World, rng: &mut Rng, at: Duration, call: CallId, from: &UserId, to: &str) {
    for phone in 0..world.phones.len() {
        if world.phones[phone].user.as_str() == to && rng.chance(70) {
            let push = Command::Announce { call, from: from.clone(), display: None };
            world.act(at + rng.millis(0, 3_000), phone, Act::Input(Input::Command(push)));
        }
    }
}

fn plan_troubles(world: &mut World, rng: &mut Rng) {
    let phones = u64::try_from(world.phones.len()).unwrap_or(1);
    let any = |rng: &mut Rng| usize::try_from(rng.below(phones)).unwrap_or(0);
    if rng.chance(15) {
        let at = rng.millis(0, 60_000);
        world.act(at, any(rng), Act::Restart);
    }
    if rng.chance(15) {
        let (at, span) = (rng.millis(0, 60_000), rng.millis(500, 70_000));
        world.act(at, any(rng), Act::Sleep(span));
    }
    if rng.chance(25) {
        let phone = any(rng);
        let (at, span) = (rng.millis(0, 40_000), rng.millis(100, 60_000));
        world.act(at, phone, Act::Link(false));
        world.act(at + span, phone, Act::Link(true));
    }
    if rng.chance(35) {
        let (at, span) = (rng.millis(0, 60_000), rng.millis(100, 45_000));
        let break_paths = rng.chance(50);
        world.plan(at, Happening::MediaNetwork { up: false, break_paths });
        world.plan(at + span, Happening::MediaNetwork { up: true, break_paths });
    }
    if rng.chance(20) {
        let at = rng.millis(0, 60_000);
        world.act(at, any(rng), Act::Input(Input::NetworkChanged));
    }
    if rng.chance(3) {
        let at = rng.millis(0, 40_000);
        let failed = ringback_proto::call::AudioInput::CaptureFailed(MicrophoneFailure::InUse);
        world.act(at, any(rng), Act::Input(Input::Audio(failed)));
    }
    if rng.chance(3) {
        let at = rng.millis(0, 60_000);
        world.act(at, any(rng), Act::Input(Input::Command(Command::Close)));
    }
}

fn plan_verbs(world: &mut World, rng: &mut Rng) {
    let phones = u64::try_from(world.phones.len()).unwrap_or(1);
    for _ in 0..rng.below(8) {
        let (at, phone) = (rng.millis(0, 70_000), usize::try_from(rng.below(phones)).unwrap_or(0));
        world.act(at, phone, Act::AnyVerb(rng.next()));
    }
    // Moments at which nothing happens but time.
    for _ in 0..40 {
        let (at, phone) = (rng.millis(0, 70_000), usize::try_from(rng.below(phones)).unwrap_or(0));
        world.act(at, phone, Act::Input(Input::Tick));
    }
    if rng.chance(5) {
        let at = rng.millis(0, 5_000);
        world.act(at, 0, Act::InviteReport(SignalingReport::Stored));
        world.act(at, 0, Act::InviteReport(SignalingReport::Refused));
    }
}

/// What the transport says of the last invite.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignalingReport {
    Stored,
    Refused,
}

impl SignalingReport {
    pub(crate) fn input(self, id: ringback_proto::MessageId) -> SignalingInput {
        match self {
            SignalingReport::Stored => SignalingInput::Receipt(id, StoredHow::Stored),
            SignalingReport::Refused => SignalingInput::Refused(id, RefusedWhy::RateLimited),
        }
    }
}

/// Mallory knows the ids of all calls, and speaks under her own name.
fn plan_stranger(world: &mut World, rng: &mut Rng) {
    for _ in 0..10 + rng.below(30) {
        let at = rng.millis(0, 60_000);
        let phone = usize::try_from(rng.below(u64::try_from(world.phones.len()).unwrap_or(1))).unwrap_or(0);
        world.act(at, phone, Act::Stranger(rng.next()));
    }
}

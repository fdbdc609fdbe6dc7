//! The call machine: four phones in the world of the schedules, whose plot is the input.

use std::time::Duration;

use ringback_proto::call::{AudioInput, Command, Input, SignalingInput};
use ringback_proto::signal::Sender;
use ringback_proto::{CallId, ConnId, MicrophoneFailure, UserId};

use crate::bytes::Reader;
use crate::world::coverage::KINDS;
use crate::world::phone::Persona;
use crate::world::{Act, Net, Rng, Setup, World, chaos, engine, oracle, plot};

/// A program of inputs: no panic, no timer in the past, one `Ended` for every call, and everything gets quiet.
///
/// The first byte says who takes part:
///
/// | bits | meaning |
/// |---|---|
/// | 0 | a peer may lie, and an engine report what never was; without it the table of pairs holds as well |
/// | 1 | users accept, decline and hang up by themselves |
/// | 2 | call waiting |
/// | 3, 4 | privacy |
/// | 5 | nobody is verified |
/// | 6 | engines fail now and then |
/// | 7 | the network loses, doubles and reorders |
///
/// The second byte seeds what the world leaves to chance. Then come steps: one byte with what happens (bits 0-4) to
/// which phone (bits 5, 6), and with most of them one or two bytes more, as `Plot::step` reads them.
pub fn machine_inputs(data: &[u8]) {
    let mut reader = Reader(data);
    let Some([traits, seed]) = reader.take() else { return };
    let mut plot = Plot::new(traits, seed);
    for _ in 0..MOST_STEPS {
        if plot.step(&mut reader).is_none() {
            break;
        }
    }
    plot.judge();
}

struct Plot {
    world: World,
    lies: bool,
    /// What was dialed, and the user who was called.
    calls: Vec<(CallId, &'static str)>,
}

impl Plot {
    fn new(traits: u8, seed: u8) -> Self {
        let has = |bit: u8| traits >> bit & 1 == 1;
        let setups = [("alice", 1), ("bob", 1), ("bob", 2), ("carol", 1)].map(|(user, device)| {
            let mut setup = Setup::new(user, device);
            if has(1) {
                setup.persona = Persona { accepts: 60, declines: 10, hangs_up: 20, after_ms: (0, 4_000) };
            }
            if has(2) {
                setup.busy_policy = ringback_proto::call::BusyPolicy::CallWaiting;
            }
            setup.privacy = match traits >> 3 & 3 {
                0 | 3 => ringback_proto::call::Privacy::Open,
                1 => ringback_proto::call::Privacy::RelayUntilAnswer,
                _ => ringback_proto::call::Privacy::RelayOnly,
            };
            setup.verified = !has(5);
            setup
        });
        let mut world = World::new(u64::from(seed), &setups);
        if has(6) {
            world.engine.failure_percent = 15;
        }
        if has(7) {
            let mut rng = Rng::new(u64::from(seed));
            world.net = Net { loss_percent: 25, duplicate_percent: 10, ..Net::random(&mut rng) };
        }
        Self { world, lies: has(0), calls: Vec::new() }
    }

    /// Reads a step and does it; `None` at the end of the program.
    ///
    /// | byte | then | what happens |
    /// |---|---|---|
    /// | 0 | time | time passes, in steps of 20 ms |
    /// | 1 | time | time passes, in steps of 400 ms |
    /// | 2, 3 | user | a call is placed, offer first or after Accept |
    /// | 4 | call | accept |
    /// | 5 | call | decline |
    /// | 6 | call | hang up |
    /// | 7, 8 | call | mute, hold; bit 7: no longer |
    /// | 9 | call, length | an app message |
    /// | 10 | call | a push announces it |
    /// | 11 | time | the process sleeps, in steps of 400 ms |
    /// | 12 | | the process restarts |
    /// | 13, 14 | | signaling goes, comes |
    /// | 15, 16 | | the media network goes, with broken paths; comes |
    /// | 17 | | the network of the device changed |
    /// | 18 | | the microphone is gone |
    /// | 19, 20 | | the transport says of the last invite: stored, refused for now |
    /// | 21 | choice | a stranger speaks of some call |
    /// | 22 | index | a message that was sent arrives once more, everywhere |
    /// | 23 | length, text | a text arrives |
    /// | 24 | | the phone is closed |
    /// | 25 | call, choice | a lie: a device of the peer says anything |
    /// | 26 | call, choice | a lie: the engine reports anything |
    /// | 27 | call, choice | a lie: the transport, the port, the audio or the system say anything |
    /// | 28 | call, kind, length, body | a lie: a device of the peer says exactly this |
    fn step(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let [byte] = reader.take()?;
        let phone = usize::from(byte >> 5 & 3);
        let world = &mut self.world;
        match byte & 31 {
            0 => world.run(Duration::from_millis(20 * u64::from(one(reader)?))),
            1 => world.run(Duration::from_millis(400 * u64::from(one(reader)?))),
            step @ (2 | 3) => {
                let to = USERS[usize::from(one(reader)?) % USERS.len()];
                let mut dial = world.make_dial(to);
                if step == 3 {
                    dial.order = ringback_proto::call::CallOrder::AfterAccept;
                }
                self.calls.push((dial.call, to));
                world.command(phone, Command::Dial(dial));
            }
            4 => {
                let call = self.call(one(reader)?)?;
                self.world.command(phone, Command::Accept(call));
            }
            5 => {
                let call = self.call(one(reader)?)?;
                self.world.command(phone, Command::Decline(call));
            }
            6 => {
                let call = self.call(one(reader)?)?;
                self.world.command(phone, Command::HangUp(call));
            }
            7 => {
                let which = one(reader)?;
                let call = self.call(which)?;
                self.world.command(phone, Command::SetMuted(call, which < 128));
            }
            8 => {
                let which = one(reader)?;
                let call = self.call(which)?;
                self.world.command(phone, Command::SetHeld(call, which < 128));
            }
            9 => {
                let [which, length] = reader.take()?;
                let call = self.call(which)?;
                self.world.command(phone, Command::Message(call, vec![7; 20 * usize::from(length)]));
            }
            10 => self.announce(phone, one(reader)?),
            11 => {
                let span = Duration::from_millis(400 * u64::from(one(reader)?));
                world.act(Duration::ZERO, phone, Act::Sleep(span));
            }
            12 => world.act(Duration::ZERO, phone, Act::Restart),
            13 => world.act(Duration::ZERO, phone, Act::Link(false)),
            14 => world.act(Duration::ZERO, phone, Act::Link(true)),
            15 => engine::set_network(world, false, true),
            16 => engine::set_network(world, true, true),
            17 => world.input(phone, Input::NetworkChanged),
            18 => world.input(phone, Input::Audio(AudioInput::CaptureFailed(MicrophoneFailure::InUse))),
            19 => {
                world.act(Duration::ZERO, phone, Act::InviteReport(plot::SignalingReport::Stored));
            }
            20 => {
                world.act(Duration::ZERO, phone, Act::InviteReport(plot::SignalingReport::Refused));
            }
            21 => world.act(Duration::ZERO, phone, Act::Stranger(one(reader)?.into())),
            22 => self.resend(phone, one(reader)?),
            23 => {
                let length = one(reader)?;
                let text = String::from_utf8_lossy(reader.take_up_to(length.into())).into_owned();
                let age = Some(Duration::ZERO);
                world.input(phone, Input::Signaling(SignalingInput::Message { age, text }));
            }
            24 => world.command(phone, Command::Close),
            25 => {
                let [which, choice] = reader.take()?;
                self.lie(phone, which, choice);
            }
            26 => {
                let [which, choice] = reader.take()?;
                let call = self.call(which)?;
                if self.lies {
                    let conn = self.world.engine.conn_of(phone, call).unwrap_or(ConnId(99));
                    let event = chaos::media_event(&mut Rng::new(choice.into()), phone, conn);
                    self.world.input(phone, Input::Media(conn, event));
                }
            }
            27 => {
                let [which, choice] = reader.take()?;
                let call = self.call(which)?;
                if self.lies {
                    let input = chaos::other(&mut self.world, &mut Rng::new(choice.into()), phone, call);
                    self.world.input(phone, input);
                }
            }
            28 => {
                let [which, kind, length] = reader.take()?;
                let body = String::from_utf8_lossy(reader.take_up_to(8 * usize::from(length)));
                self.speak(phone, which, kind, &body);
            }
            _ => {}
        }
        self.assert_bounded();
        Some(())
    }

    /// The number of a call, any if there are none yet.
    fn call(&mut self, which: u8) -> Option<CallId> {
        let count = self.calls.len();
        if count == 0 {
            self.calls.push((CallId::from_random([1; 16]), "bob"));
        }
        self.calls.get(usize::from(which & 127) % count.max(1)).map(|(call, _)| *call)
    }

    /// Dialed so long ago that an invite of now would be one of another call.
    fn is_old(&self, call: CallId) -> bool {
        let dialed = self.world.dialed_at.get(&call);
        dialed.is_some_and(|(at, _)| self.world.now - *at > Duration::from_secs(10))
    }

    fn may_lie_to(&self, phone: usize) -> bool {
        self.lies && self.world.phones[phone].awake
    }

    /// A push goes to the devices of the callee, and soon; another one is a lie.
    fn announce(&mut self, phone: usize, which: u8) {
        let Some(call) = self.call(which) else { return };
        let to_us = self.calls.contains(&(call, self.world.phones[phone].setup.user));
        if !self.lies && (!to_us || self.is_old(call)) {
            return;
        }
        let caller = self.world.dialed_at.get(&call).map(|(_, user)| user.clone());
        let from = caller.unwrap_or_else(|| UserId::new("dave").expect("a user"));
        self.world.command(phone, Command::Announce { call, from, display: None });
    }

    /// The transport says the age of what it repeats, which for an invite of a minute ago would be a lie.
    fn resend(&mut self, phone: usize, index: u8) {
        let sent = &self.world.phones[phone].sent;
        let Some(outgoing) = sent.iter().rev().nth(index.into()).cloned() else { return };
        if self.is_old(outgoing.call) && (!self.lies || outgoing.kind == "invite") {
            return;
        }
        let text = outgoing.text.as_str().into();
        self.world.carry(&outgoing, text);
    }

    fn lie(&mut self, phone: usize, which: u8, choice: u8) {
        let Some(call) = self.call(which) else { return };
        if !self.may_lie_to(phone) {
            return;
        }
        let mut rng = Rng::new(choice.into());
        let from = chaos::peer_of(&self.world, phone, call, &mut rng);
        let envelope = chaos::message(&self.world, &mut rng, phone, call, from);
        let kind = envelope.body.kind();
        if kind == "invite" && self.is_old(call) {
            return;
        }
        let age = rng.chance(90).then_some(Duration::ZERO);
        self.world.hear(phone, kind, call, age, &envelope.encode());
    }

    /// A device of the peer says exactly this, in an envelope that is in order.
    fn speak(&mut self, phone: usize, which: u8, kind: u8, body: &str) {
        let Some(call) = self.call(which) else { return };
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        if !self.may_lie_to(phone) || (kind == "invite" && self.is_old(call)) {
            return;
        }
        let Sender { user, device, instance } =
            chaos::peer_of(&self.world, phone, call, &mut Rng::new(kind.len() as u64));
        let to = self.world.phones[phone].sender();
        let id = CallId::from_random(self.world.rng.bytes16());
        let text = format!(
            r#"{{"v":1,"id":"{id}","call":"{call}","kind":"{kind}","ttl_ms":30000,"from":{{"user":"{user}","device":"{device}","instance":"{instance}"}},"to":{{"user":"{}","device":"{}"}},"body":{body}}}"#,
            to.user, to.device,
        );
        self.world.hear(phone, kind, call, Some(Duration::ZERO), &text);
    }

    fn assert_bounded(&self) {
        for phone in &self.world.phones {
            let count = |wanted: &str| phone.calls.phases().filter(|(_, phase)| *phase == wanted).count();
            // Twice the calls that may ring: an announced one rings when its invite comes.
            assert!(count("Ringing") + count("Announced") <= 8);
            assert!(count("Ended") <= 256);
        }
    }

    fn judge(mut self) {
        let world = &mut self.world;
        while world.phones.iter().any(|phone| !phone.awake) {
            world.run(Duration::from_secs(1));
        }
        engine::set_network(world, true, false);
        for phone in 0..world.phones.len() {
            world.act(Duration::ZERO, phone, Act::Link(true));
        }
        let quiet = world.run_to_quiet(PATIENCE);
        let wrong = if self.lies { oracle::judge_alone(world) } else { oracle::judge(world) };
        assert!(quiet, "still not quiet");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn one(reader: &mut Reader<'_>) -> Option<u8> {
    reader.take().map(|[byte]| byte)
}

const USERS: [&str; 4] = ["bob", "alice", "carol", "nobody"];
const MOST_STEPS: usize = 100;
/// Longer than every deadline in a row: two rings, a connect, a reconnect, a tombstone.
const PATIENCE: Duration = Duration::from_secs(900);

//! Media engines: descriptions pair up, paths form, break, and sound flows while the plan sends it.

use std::collections::BTreeMap;
use std::time::Duration;

use ringback_proto::call::LegSend;
use ringback_proto::session::{LocalCandidate, MediaCommand, MediaEvent, MediaFailure, PathState};
use ringback_proto::{CallId, ConnId, ConnectFailure};

use super::{Condition, Happening, World};

type Key = (usize, ConnId);

/// The media engines of all phones, and the network between them.
pub(crate) struct Engine {
    conns: BTreeMap<Key, SimConn>,
    /// The call of every connection that ever was.
    calls: BTreeMap<Key, CallId>,
    pub(crate) network_up: bool,
    /// Of 100 commands that could fail, so many do.
    pub(crate) failure_percent: u64,
    pub(crate) delay_ms: u64,
    /// Connections of this number never get keys.
    pub(crate) mute_dtls_of: Option<ConnId>,
    /// Connections opened by a phone, with their call.
    pub(crate) opened: Vec<(usize, CallId)>,
}

#[derive(Debug)]
struct SimConn {
    boot: u32,
    /// The round of our description, and of the peer's.
    local_round: u32,
    remote: Option<(usize, ConnId, u32)>,
    candidates: bool,
    /// The other end of the path that works, or worked.
    peer: Option<Key>,
    /// The round whose path works, or worked.
    path_round: Option<u32>,
    broken_round: Option<u32>,
    secured: bool,
    arrived: bool,
    missing: bool,
    within: Duration,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            conns: BTreeMap::new(),
            calls: BTreeMap::new(),
            network_up: true,
            failure_percent: 0,
            delay_ms: 20,
            mute_dtls_of: None,
            opened: Vec::new(),
        }
    }

    pub(crate) fn call_of(&self, phone: usize, conn: ConnId) -> Option<CallId> {
        self.calls.get(&(phone, conn)).copied()
    }

    /// The newest connection of a call, also one that was closed.
    pub(crate) fn conn_of(&self, phone: usize, call: CallId) -> Option<ConnId> {
        let of_call = self.calls.iter().filter(|(key, of)| key.0 == phone && **of == call);
        of_call.map(|(key, _)| key.1).max()
    }

    /// Whether an event still makes sense; notes it if so.
    pub(crate) fn holds(
        &mut self,
        phone: usize,
        conn: ConnId,
        event: &MediaEvent,
        only_if: Condition,
    ) -> bool {
        let flowing = self.is_flowing((phone, conn));
        let Some(this) = self.conns.get_mut(&(phone, conn)) else { return false };
        match only_if {
            Condition::Always => {}
            Condition::Flowing if !flowing => return false,
            Condition::NotFlowing if flowing => return false,
            Condition::Flowing | Condition::NotFlowing => {}
        }
        match event {
            MediaEvent::Secured => this.secured = true,
            MediaEvent::Arrived => {
                if this.arrived {
                    return false;
                }
                this.arrived = true;
            }
            MediaEvent::Missing => {
                if !this.arrived || this.missing {
                    return false;
                }
                this.missing = true;
            }
            MediaEvent::Back => {
                if !this.missing {
                    return false;
                }
                this.missing = false;
            }
            MediaEvent::Opened { .. }
            | MediaEvent::OfferReady { .. }
            | MediaEvent::AnswerReady { .. }
            | MediaEvent::Candidate(_)
            | MediaEvent::GatheringDone
            | MediaEvent::Path(_)
            | MediaEvent::PeerClosed
            | MediaEvent::Failed(_) => {}
        }
        true
    }

    /// The connection at the other end, if both ends hold each other's descriptions.
    fn other(&self, key: Key) -> Option<Key> {
        let this = self.conns.get(&key)?;
        let (phone, conn, round) = this.remote?;
        let other = self.conns.get(&(phone, conn))?;
        let paired = other.remote == Some((key.0, key.1, this.local_round))
            && round == other.local_round
            && round == this.local_round
            && (this.candidates || other.candidates);
        paired.then_some((phone, conn))
    }

    /// The other end of the path, if it is still there. A renegotiation under way leaves the path alone.
    fn far_end(&self, key: Key) -> Option<Key> {
        let far = self.conns.get(&key)?.peer?;
        (self.conns.get(&far)?.peer == Some(key)).then_some(far)
    }

    fn is_flowing(&self, key: Key) -> bool {
        let Some(far) = self.far_end(key) else { return false };
        let works = |end: Key| {
            let conn = &self.conns[&end];
            conn.path_round.is_some() && conn.path_round != conn.broken_round
        };
        self.network_up && works(key) && works(far)
    }
}

/// A phone tells its engine something.
pub(crate) fn command(world: &mut World, phone: usize, conn: ConnId, command: MediaCommand) {
    let key = (phone, conn);
    let boot = world.phones[phone].boot;
    let fails = world.rng.chance(world.engine.failure_percent);
    match command {
        MediaCommand::Open { call, .. } => {
            world.engine.calls.insert(key, call);
            world.engine.opened.push((phone, call));
            world.engine.conns.insert(key, SimConn::new(boot));
            let fingerprint = fingerprint(phone, boot, call);
            report(world, key, 1, MediaEvent::Opened { fingerprint });
            if fails && world.rng.chance(30) {
                report(world, key, 3, MediaEvent::Failed(MediaFailure::Engine));
            }
        }
        MediaCommand::CreateOffer { round, .. } => {
            describe(world, key, round, fails, |round, sdp| MediaEvent::OfferReady { round, sdp });
        }
        MediaCommand::TakeOffer { round, sdp } => {
            take(world, key, &sdp);
            describe(world, key, round, fails, |round, sdp| MediaEvent::AnswerReady { round, sdp });
        }
        MediaCommand::TakeAnswer { sdp, .. } => {
            take(world, key, &sdp);
            if fails {
                let failure =
                    if world.rng.chance(30) { MediaFailure::Description } else { MediaFailure::Dtls };
                report(world, key, 30, MediaEvent::Failed(failure));
            }
            pair(world, key);
        }
        MediaCommand::AddCandidates { .. } => {
            if let Some(this) = world.engine.conns.get_mut(&key) {
                this.candidates = true;
            }
            pair(world, key);
        }
        MediaCommand::ExpectMedia { within } => {
            if let Some(this) = world.engine.conns.get_mut(&key) {
                this.within = within;
            }
        }
        MediaCommand::AllowDirect => {}
        MediaCommand::Close => close(world, key),
    }
}

/// The process of a phone dies: no close_notify.
pub(crate) fn crash(world: &mut World, phone: usize) {
    let keys: Vec<Key> = world.engine.conns.keys().copied().filter(|key| key.0 == phone).collect();
    for key in keys {
        let other = world.engine.far_end(key);
        world.engine.conns.remove(&key);
        if let Some(other) = other {
            lose(world, other);
        }
    }
}

/// The media network goes down, or comes back.
pub(crate) fn set_network(world: &mut World, up: bool, break_paths: bool) {
    world.engine.network_up = up;
    let keys: Vec<Key> = world.engine.conns.keys().copied().collect();
    for key in keys {
        if up {
            pair(world, key);
            resume(world, key);
        } else if world.engine.conns[&key].path_round.is_some() {
            if break_paths && let Some(this) = world.engine.conns.get_mut(&key) {
                this.broken_round = this.path_round;
            }
            lose(world, key);
            let after = world.rng.below(2_500);
            report_if(world, key, after, MediaEvent::Path(PathState::Disconnected), Condition::NotFlowing);
            let failed = MediaEvent::Path(PathState::Failed(ConnectFailure::NoPath));
            report_if(world, key, 6_000, failed, Condition::NotFlowing);
        }
    }
}

/// The plan of a phone changed: what it sends may now arrive.
pub(crate) fn flow_from(world: &mut World, phone: usize) {
    let keys: Vec<Key> = world.engine.conns.keys().copied().filter(|key| key.0 == phone).collect();
    for key in keys {
        send_sound(world, key);
        if let Some(other) = world.engine.far_end(key) {
            send_sound(world, other);
        }
    }
}

impl SimConn {
    fn new(boot: u32) -> Self {
        Self {
            boot,
            local_round: 0,
            remote: None,
            candidates: false,
            peer: None,
            path_round: None,
            broken_round: None,
            secured: false,
            arrived: false,
            missing: false,
            within: Duration::from_millis(400),
        }
    }
}

fn describe(world: &mut World, key: Key, round: u32, fails: bool, event: impl Fn(u32, String) -> MediaEvent) {
    if fails {
        let die = world.rng.below(4);
        let failure = match die {
            0 => MediaFailure::Description,
            1 => MediaFailure::Engine,
            2 => MediaFailure::Overflow,
            // It never answers.
            _ => return,
        };
        report(world, key, 20, MediaEvent::Failed(failure));
        return;
    }
    let Some(this) = world.engine.conns.get_mut(&key) else { return };
    this.local_round = round;
    let boot = this.boot;
    let call = world.engine.calls[&key];
    let sdp = sdp(key, boot, round, &fingerprint(key.0, boot, call));
    let ready = 2 + world.rng.below(30);
    report(world, key, ready, event(round, sdp));
    let candidate =
        format!("candidate:{round} 1 udp 2130706431 192.0.2.{} {} typ host", key.0 + 1, 5000 + key.1.0);
    let found = LocalCandidate { candidate, mid: "0".to_owned() };
    // Some engines know the first candidates before the description is ready.
    let after = if world.rng.chance(30) { ready - 1 } else { ready + world.rng.below(80) };
    report(world, key, after, MediaEvent::Candidate(found));
    report(world, key, after + 5, MediaEvent::GatheringDone);
    pair(world, key);
}

fn take(world: &mut World, key: Key, sdp: &str) {
    let Some(this) = world.engine.conns.get_mut(&key) else { return };
    this.remote = parse(sdp).map(|(phone, conn, round)| (phone, ConnId(conn), round));
}

/// Both ends may have what they need: the path forms.
fn pair(world: &mut World, key: Key) {
    let Some(other) = world.engine.other(key) else { return };
    if !world.engine.network_up {
        return;
    }
    for (end, far) in [(key, other), (other, key)] {
        let Some(this) = world.engine.conns.get_mut(&end) else { return };
        this.peer = Some(far);
        let round = this.local_round;
        if this.path_round == Some(round) {
            continue;
        }
        let first = this.path_round.replace(round).is_none();
        let delay = world.engine.delay_ms;
        report_if(world, end, delay, MediaEvent::Path(PathState::Connected), Condition::Flowing);
        if first && world.engine.mute_dtls_of != Some(end.1) {
            let slow = if world.rng.chance(world.engine.failure_percent) { 9_000 } else { 0 };
            report_if(world, end, 2 * delay + slow, MediaEvent::Secured, Condition::Flowing);
        }
    }
    // Evaluated again when Secured has been handled, through the plan.
    resume(world, key);
    resume(world, other);
}

/// Sound flows again to an end that missed it.
fn resume(world: &mut World, key: Key) {
    if world.engine.is_flowing(key) && world.engine.conns[&key].missing {
        let delay = world.engine.delay_ms;
        report_if(world, key, delay, MediaEvent::Back, Condition::Flowing);
    }
    send_sound(world, key);
}

/// What this end sends arrives at the other, for the first time.
fn send_sound(world: &mut World, key: Key) {
    let Some(other) = world.engine.far_end(key) else { return };
    let sends =
        world.phones[key.0].plan.legs.iter().any(|leg| leg.conn == key.1 && leg.send != LegSend::Nothing);
    let (this, far) = (&world.engine.conns[&key], &world.engine.conns[&other]);
    if sends && this.secured && far.secured && !far.arrived && world.engine.is_flowing(key) {
        let delay = world.engine.delay_ms;
        report_if(world, other, delay, MediaEvent::Arrived, Condition::Flowing);
    }
}

fn close(world: &mut World, key: Key) {
    let other = world.engine.far_end(key);
    world.engine.conns.remove(&key);
    let Some(other) = other else { return };
    if world.engine.network_up && world.engine.conns[&other].secured && world.rng.chance(90) {
        let delay = world.engine.delay_ms;
        report(world, other, delay, MediaEvent::PeerClosed);
    }
    lose(world, other);
}

fn lose(world: &mut World, key: Key) {
    let Some(this) = world.engine.conns.get(&key) else { return };
    let after = u64::try_from(this.within.as_millis()).unwrap_or(400) + world.engine.delay_ms;
    report_if(world, key, after, MediaEvent::Missing, Condition::NotFlowing);
}

fn report(world: &mut World, key: Key, after_ms: u64, event: MediaEvent) {
    report_if(world, key, after_ms, event, Condition::Always);
}

fn report_if(world: &mut World, key: Key, after_ms: u64, event: MediaEvent, only_if: Condition) {
    let (phone, conn) = key;
    let boot = world.phones[phone].boot;
    world.plan(Duration::from_millis(after_ms), Happening::Media { phone, boot, conn, event, only_if });
}

fn fingerprint(phone: usize, boot: u32, call: CallId) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(call.as_bytes());
    bytes[30] = u8::try_from(boot % 256).unwrap_or(0);
    bytes[31] = u8::try_from(phone).unwrap_or(0);
    bytes
}

/// A description in the shape of a real one; its ICE user name says whose it is.
pub(crate) fn sdp(key: (usize, ConnId), boot: u32, round: u32, fingerprint: &[u8; 32]) -> String {
    let hex: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    let (phone, conn) = (key.0, key.1.0);
    [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        &format!("a=fingerprint:sha-256 {}", hex.join(":")),
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=setup:actpass",
        "a=mid:0",
        &format!("a=ice-ufrag:p{phone}/{boot}/{conn}/{round}"),
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=sendrecv",
        "",
    ]
    .join("\r\n")
}

fn parse(sdp: &str) -> Option<(usize, u64, u32)> {
    let name = sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:p"))?;
    let mut parts = name.split('/');
    let phone = parts.next()?.parse().ok()?;
    let _boot: u32 = parts.next()?.parse().ok()?;
    let conn = parts.next()?.parse().ok()?;
    let round = parts.next()?.parse().ok()?;
    Some((phone, conn, round))
}

//! The lobby: messages for calls that this phone does not know, until the `may_ring` port has spoken.
//!
//! Nobody gets a reply of any kind before: no `ringing`, `busy`, `ack` or `error`, since each tells who is online. What
//! waits here is bounded, and leaves after its life.
//!
//! | message | waits as | once admitted |
//! |---|---|---|
//! | fresh `invite` | an invite | rings, when the backlog is through; or is busy, or loses a glare |
//! | `candidates` | the newest list | join their invite |
//! | `cancel`, `settled` to others | an end | acknowledged; its invite never rings |
//! | `decline`, `busy`, `hangup` | a debt | acknowledged: the process before this one may have called |
//! | `ringing`, `answer` | a debt | `cancel {gone}`: the process before this one called |
//! | an invite that we cannot read or take | a debt | `error` |

use std::time::Duration;

use super::calls::Calls;
use super::context::{Context, ENDING_TTL, MESSAGE_TTL, to_device};
use super::facts::{Call, Facts};
use super::glare::{self, Verdict};
use super::heard::Heard;
use super::outbox::Slot;
use super::phase::Phase;
use super::ring::is_same_device;
use super::{Admission, BusyPolicy, Direction, Incoming, Output, timers};
use crate::signal::{
    Body, Cancel, CancelReason, Candidates, Envelope, ErrorCode, Invite, ProtocolError, Sender, Unsupported,
    VERSION, check_sdp,
};
use crate::{By, CallId, DeviceId, End, EndReason, MessageId, Timestamp, UserId};

/// Who waits, and what is remembered of who called before.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    guests: Vec<Guest>,
    heard: Heard,
    /// When somebody last got an `error`.
    errors: Vec<(UserId, Timestamp)>,
}

/// A device that speaks of a call we do not know.
#[derive(Debug)]
struct Guest {
    call: CallId,
    from: Sender,
    since: Timestamp,
    expires: Timestamp,
    word: Word,
    invite: Option<(Box<Invite>, Timestamp)>,
    later: Option<Candidates>,
    /// Its call was over before its invite came.
    over: bool,
    debts: Vec<Debt>,
}

/// What the port says of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    NotAsked,
    Asked,
    Said(Admission),
}

/// A reply that is owed once the guest is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debt {
    Ack(MessageId),
    Error(MessageId, ErrorCode),
    Gone,
}

impl Lobby {
    pub(super) fn deadline(&self) -> Timestamp {
        self.guests.iter().map(|guest| guest.expires).min().unwrap_or(Timestamp::NEVER)
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.guests.retain(|guest| guest.expires > now);
    }

    pub(super) fn clear(&mut self) {
        self.guests.clear();
    }

    /// The guest of a call and device; a new one if there is room. Another user has no part in a call that waits.
    fn guest(&mut self, now: Timestamp, call: CallId, from: &Sender) -> Option<&mut Guest> {
        let of_call = |guest: &&Guest| guest.call == call;
        if self.guests.iter().filter(of_call).any(|guest| guest.from.user != from.user) {
            return None;
        }
        let known =
            self.guests.iter().position(|guest| guest.call == call && guest.from.device == from.device);
        let index = match known {
            Some(index) => index,
            None => {
                self.make_room(&from.user)?;
                self.guests.push(Guest::new(now, call, from.clone()));
                self.guests.len() - 1
            }
        };
        self.guests.get_mut(index)
    }

    /// Makes room for one more guest: those whose call is over and who were told so go first.
    fn make_room(&mut self, user: &UserId) -> Option<()> {
        let of_user = self.guests.iter().filter(|guest| guest.from.user == *user).count();
        let crowded = of_user >= GUESTS_PER_USER;
        if !crowded && self.guests.len() < GUESTS {
            return Some(());
        }
        let leaves =
            self.guests.iter().position(|guest| guest.is_done() && (!crowded || guest.from.user == *user))?;
        self.guests.remove(leaves);
        Some(())
    }

    fn may_send_error(&mut self, now: Timestamp, user: &UserId) -> bool {
        self.errors.retain(|(_, at)| now - *at < ERROR_APART);
        let free = self.errors.len() < GUESTS && self.errors.iter().all(|(told, _)| told != user);
        if free {
            self.errors.push((user.clone(), now));
        }
        free
    }
}

impl Guest {
    fn new(now: Timestamp, call: CallId, from: Sender) -> Self {
        Self {
            call,
            from,
            since: now,
            expires: now + MESSAGE_TTL,
            word: Word::NotAsked,
            invite: None,
            later: None,
            over: false,
            debts: Vec::new(),
        }
    }

    fn owe(&mut self, debt: Debt) {
        if self.debts.len() < DEBTS && !self.debts.contains(&debt) {
            self.debts.push(debt);
        }
    }

    /// Nothing is owed and nothing will ring.
    fn is_done(&self) -> bool {
        self.invite.is_none() && self.debts.is_empty()
    }

    fn asks(&self) -> bool {
        !self.is_done() && self.word == Word::NotAsked
    }

    fn incoming(&self) -> Incoming {
        let invite = self.invite.as_ref().map(|(invite, _)| invite);
        Incoming {
            call: self.call,
            from: self.from.user.clone(),
            verified: false,
            display: invite.and_then(|invite| invite.display.clone()),
            context: invite.and_then(|invite| invite.context.clone()),
        }
    }
}

impl Calls {
    /// A message for a call that is not here (or only announced).
    pub(super) fn on_stranger(&mut self, envelope: Envelope, age: Option<Duration>) {
        let Envelope { id, call, ttl, from, body, .. } = envelope;
        let now = self.cx.now();
        let ours = self.cx.config.device;
        // What nobody needs here takes no place.
        let matters = match &body {
            Body::Invite(invite) => invite.resume.is_none() && is_fresh(ttl, age),
            Body::Settled(settled) => settled.winner != ours,
            Body::Candidates(_)
            | Body::Cancel(_)
            | Body::Decline(_)
            | Body::Busy {}
            | Body::Hangup(_)
            | Body::Ringing(_)
            | Body::Answer(_) => true,
            Body::Negotiate(_) | Body::Media(_) | Body::Message(_) | Body::Ack(_) | Body::Error(_) => false,
        };
        if !matters {
            return;
        }
        let Some(guest) = self.lobby.guest(now, call, &from) else { return };
        match body {
            Body::Invite(invite) => {
                let readable = invite.offer.as_ref().is_none_or(|sdp| check_sdp(sdp).is_ok());
                if !readable || (invite.offer.is_none() && invite.order == super::CallOrder::OfferFirst) {
                    guest.owe(Debt::Error(id, ErrorCode::UnsupportedCodec));
                } else if guest.from.instance == from.instance {
                    let deadline = now + ttl.saturating_sub(age.unwrap_or_default());
                    guest.expires = guest.expires.max(deadline);
                    guest.invite = Some((invite, deadline));
                }
            }
            Body::Candidates(list) => guest.later = Some(list),
            Body::Cancel(_) | Body::Settled(_) => {
                guest.over = true;
                guest.invite = None;
                guest.expires = now + ENDING_TTL;
                guest.owe(Debt::Ack(id));
            }
            Body::Decline(_) | Body::Busy {} | Body::Hangup(_) => guest.owe(Debt::Ack(id)),
            Body::Ringing(_) | Body::Answer(_) => guest.owe(Debt::Gone),
            Body::Negotiate(_) | Body::Media(_) | Body::Message(_) | Body::Ack(_) | Body::Error(_) => {}
        }
        self.attend(call);
    }

    /// An envelope of a version that we do not speak.
    pub(super) fn on_unsupported(&mut self, unsupported: Unsupported) {
        let Unsupported { id, call, kind, from } = unsupported;
        let foreign = from.user != self.cx.config.user;
        if !foreign || kind == "error" || kind == "ack" || self.calls.contains_key(&call) {
            return;
        }
        let Some(guest) = self.lobby.guest(self.cx.now(), call, &from) else { return };
        guest.owe(Debt::Error(id, ErrorCode::UnsupportedVersion));
        self.attend(call);
    }

    /// The port spoke.
    pub(super) fn on_admitted(&mut self, call: CallId, admission: Admission) {
        for guest in
            self.lobby.guests.iter_mut().filter(|guest| guest.call == call && guest.word == Word::Asked)
        {
            guest.word = Word::Said(admission);
        }
        self.attend(call);
    }

    /// The backlog is through: whatever still has life left may ring, in the order it came.
    pub(super) fn attend_all(&mut self) {
        let mut waiting: Vec<(Timestamp, CallId)> =
            self.lobby.guests.iter().map(|guest| (guest.since, guest.call)).collect();
        waiting.sort_unstable();
        waiting.dedup();
        for (_, call) in waiting {
            self.attend(call);
        }
    }

    /// Asks about the guests of a call, pays what they are owed, and lets their invite ring.
    fn attend(&mut self, call: CallId) {
        let devices: Vec<DeviceId> = self
            .lobby
            .guests
            .iter()
            .filter(|guest| guest.call == call)
            .map(|guest| guest.from.device)
            .collect();
        for device in devices {
            let place = |guest: &Guest| guest.call == call && guest.from.device == device;
            let Some(index) = self.lobby.guests.iter().position(place) else { continue };
            let guest = &mut self.lobby.guests[index];
            match guest.word {
                Word::NotAsked => {
                    if guest.asks() {
                        guest.word = Word::Asked;
                        let incoming = guest.incoming();
                        self.cx.out.push_back(Output::Ask(incoming));
                    }
                }
                Word::Asked => {}
                Word::Said(Admission::Refused) => {
                    guest.debts.clear();
                    guest.invite = None;
                }
                Word::Said(admission @ (Admission::Verified | Admission::Unverified)) => {
                    let (from, debts) = (guest.from.clone(), std::mem::take(&mut guest.debts));
                    self.pay(call, &from, debts);
                    self.let_in(call, device, admission == Admission::Verified);
                }
            }
        }
    }

    fn pay(&mut self, call: CallId, from: &Sender, debts: Vec<Debt>) {
        for debt in debts {
            match debt {
                Debt::Ack(of) => self.cx.ack(call, from, of),
                Debt::Error(of, code) => {
                    if self.lobby.may_send_error(self.cx.now(), &from.user) {
                        let max = (code == ErrorCode::UnsupportedVersion).then_some(VERSION);
                        let to = super::context::to_instance(from);
                        self.cx.send_once(call, to, Body::Error(ProtocolError { of, code, max }));
                    }
                }
                Debt::Gone => {
                    let to = to_device(&from.user, from.device);
                    let gone = Cancel { reason: CancelReason::Gone, by: None };
                    self.cx.send_once(call, to, Body::Cancel(gone));
                }
            }
        }
    }

    /// An admitted invite rings, unless something speaks against it.
    fn let_in(&mut self, call: CallId, device: DeviceId, verified: bool) {
        let now = self.cx.now();
        let place = |guest: &Guest| guest.call == call && guest.from.device == device;
        let Some(index) = self.lobby.guests.iter().position(place) else { return };
        let guest = &mut self.lobby.guests[index];
        if guest.over || !self.cx.caught_up {
            return;
        }
        let Some((invite, deadline)) = guest.invite.take() else { return };
        let (from, later) = (guest.from.clone(), guest.later.take());
        if deadline <= now
            || !self.awaits(call, &from.user)
            || !self.lobby.heard.admit(&from, invite.seq, call)
        {
            return;
        }
        let verdict = glare::judge(self.calls.values(), &from.user, call);
        let mut accept = match &verdict {
            Verdict::NoGlare => false,
            Verdict::OursWins => return,
            Verdict::TheirsWins { .. } => verified && !invite.media.video,
        };
        if let Verdict::TheirsWins { ours } = verdict {
            for lost in ours {
                self.update(lost, |facts, cx, phase| {
                    facts.end(cx, phase, EndReason::Replaced { by: call }, By::Remote)
                });
            }
        }
        if self.is_busy_for(call, &from.user) {
            self.tell_busy(call, from, &invite);
            return;
        }
        self.replace_older(call, &from);
        let ringing = self.calls.values().filter(|one| matches!(one.phase, Phase::Ringing(_))).count();
        if ringing >= MAX_RINGING {
            return;
        }
        self.lobby.guests.retain(|guest| guest.call != call);
        let announced = self.calls.get(&call).map(|call| (&call.phase, call.phase.is_busy()));
        if let Some((Phase::Announced(_), accepted)) = announced {
            accept |= accepted;
            self.update(call, |facts, cx, _| {
                facts.learn(verified, &invite);
                facts.begin_ringing(cx, from, invite, deadline)
            });
        } else {
            let new = Call::ring(&mut self.cx, call, from, verified, invite, deadline);
            self.admit(new);
        }
        self.join_candidates(call, later);
        if accept {
            self.accept(call);
        }
    }

    /// Whether an invite of this user is news: the call is unknown, or announced as theirs.
    fn awaits(&self, call: CallId, from: &UserId) -> bool {
        match self.calls.get(&call) {
            None => true,
            Some(Call { facts, phase }) => phase.awaits_invite() && facts.peer == *from,
        }
    }

    /// Busy: a call that is neither ended nor merely ringing, but for one of this user that lost its media.
    fn is_busy_for(&self, call: CallId, from: &UserId) -> bool {
        let others = self.calls.values().filter(|other| other.facts.id != call && other.phase.is_busy());
        let own_lost =
            |other: &&Call| other.facts.peer == *from && matches!(other.phase, Phase::Reconnecting(_));
        match self.cx.config.busy_policy {
            BusyPolicy::Reject => others.filter(|other| !own_lost(other)).count() > 0,
            BusyPolicy::CallWaiting => false,
        }
    }

    /// Says `busy` for this device, and remembers it.
    fn tell_busy(&mut self, call: CallId, from: Sender, invite: &Invite) {
        if self.calls.contains_key(&call) {
            // It was announced: the app has seen it.
            self.update(call, |facts, cx, phase| facts.end(cx, phase, EndReason::Missed, By::System));
        }
        let mut facts = match self.calls.remove(&call) {
            Some(Call { facts, .. }) => facts,
            None => Facts::new(call, Direction::Incoming, from.user.clone(), invite.order),
        };
        let envelope = self.cx.envelope(call, to_device(&from.user, from.device), Body::Busy {});
        facts.outbox.post(&mut self.cx, Slot::Ending, envelope, ENDING_TTL);
        let end = End { reason: EndReason::Busy, by: By::Local };
        self.lobby.guests.retain(|guest| guest.call != call);
        self.calls.insert(call, Call::buried(facts, from, end, self.cx.now()));
    }

    /// One ringing call a device: the newer one takes the place of the older.
    fn replace_older(&mut self, call: CallId, from: &Sender) {
        let is_older = |older: &&Call| match &older.phase {
            Phase::Ringing(ringing) => older.facts.id != call && is_same_device(&ringing.from, from),
            Phase::Preparing(_)
            | Phase::Dialing(_)
            | Phase::Announced(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_) => false,
        };
        let older: Vec<CallId> = self.calls.values().filter(is_older).map(|older| older.facts.id).collect();
        for id in older {
            self.update(id, |facts, cx, phase| facts.end(cx, phase, EndReason::Missed, By::System));
        }
    }

    fn join_candidates(&mut self, call: CallId, later: Option<Candidates>) {
        if let Some(Call { phase: Phase::Ringing(ringing), .. }) = self.calls.get_mut(&call) {
            ringing.later = later;
        }
    }
}

impl Context {
    /// The age of a message, unless the clock jumped: then nobody knows.
    pub(super) fn trusted_age(&self, age: Option<Duration>, distrust: Timestamp) -> Option<Duration> {
        if self.now() < distrust { None } else { age }
    }
}

/// An invite of unknown age, or with too little life left, never rings (R9).
fn is_fresh(ttl: Duration, age: Option<Duration>) -> bool {
    age.is_some_and(|age| ttl.saturating_sub(age) >= timers::RING_LEFT_MIN)
}

/// Messages of unknown calls that are kept, in all and of one user.
const GUESTS: usize = 256;
const GUESTS_PER_USER: usize = 16;
/// Replies owed to one guest: one a kind of message, with a repeat or two.
const DEBTS: usize = 8;
/// Calls that ring at once: more is a flood, and no user can choose.
pub(super) const MAX_RINGING: usize = 4;
/// Between two `error` messages to one user.
const ERROR_APART: Duration = Duration::from_secs(60);

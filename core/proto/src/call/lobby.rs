//! The lobby: messages for calls that this phone does not know, until the `may_ring` port has spoken.
//!
//! Nobody gets a reply of any kind before: no `ringing`, `busy`, `ack` or `error`, since each tells who is online. What
//! waits here is bounded, and leaves after its life.
//!
//! The port may be a database, so it is asked a little at a time ([`super::questions`]). Whoever cannot be asked about
//! waits for an answer to another question, or for the next resend.
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
use super::glare::{self, Verdict};
use super::heard::Heard;
use super::questions::{Questions, Turn};
use super::{Admission, Incoming, Output, timers};
use crate::signal::{
    Body, Cancel, CancelReason, Candidates, Envelope, ErrorCode, Invite, ProtocolError, Sender, Unsupported,
    VERSION, check_sdp,
};
use crate::{CallId, DeviceId, MessageId, Timestamp, UserId};

/// Who waits, and what is remembered of who called before.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    guests: Vec<Guest>,
    heard: Heard,
    /// When somebody last got an `error`.
    errors: Vec<(UserId, Timestamp)>,
    questions: Questions,
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

/// An invite that has been admitted.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) from: Sender,
    pub(super) invite: Box<Invite>,
    /// Until then it rings.
    pub(super) deadline: Timestamp,
    /// Candidates that came with it.
    pub(super) later: Option<Candidates>,
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

    /// Takes the invite of a device, unless its call is over already.
    pub(super) fn take_arrival(&mut self, call: CallId, device: DeviceId) -> Option<Arrival> {
        let place = |guest: &&mut Guest| guest.call == call && guest.from.device == device && !guest.over;
        let guest = self.guests.iter_mut().find(place)?;
        let (invite, deadline) = guest.invite.take()?;
        Some(Arrival { from: guest.from.clone(), invite, deadline, later: guest.later.take() })
    }

    /// Whether no newer call of this device was heard of.
    pub(super) fn is_newest(&mut self, from: &Sender, seq: u64, call: CallId) -> bool {
        self.heard.admit(from, seq, call)
    }

    /// The call is here now, or decided.
    pub(super) fn forget(&mut self, call: CallId) {
        self.guests.retain(|guest| guest.call != call);
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
        let Envelope { id, call, ttl, from, to, body } = envelope;
        let now = self.cx.now();
        let ours = self.cx.config.device;
        // What nobody needs here takes no place.
        let matters = match &body {
            Body::Invite(invite) => invite.resume.is_none() && is_fresh(ttl, age),
            Body::Settled(settled) => settled.winner != ours,
            // From a device that a push told, to all devices of the caller: those without the call stay silent.
            Body::Decline(_) => to.device.is_some(),
            Body::Candidates(_)
            | Body::Cancel(_)
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
        if from.user == self.cx.config.user || kind == "error" || kind == "ack" {
            return;
        }
        if let Some(live) = self.calls.get(&call) {
            // Whoever is in a call with us was admitted long ago.
            if live.facts.peer == from.user {
                self.pay(call, &from, vec![Debt::Error(id, ErrorCode::UnsupportedVersion)]);
            }
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
        self.lobby.questions.answered(self.cx.now(), call, admission);
        self.attend(call);
        self.attend_where(Guest::asks);
    }

    /// The backlog is through: whatever still has life left may ring, in the order it came.
    pub(super) fn attend_all(&mut self) {
        self.attend_where(|_| true);
    }

    fn attend_where(&mut self, which: impl Fn(&Guest) -> bool) {
        let waiting = self.lobby.guests.iter().filter(|guest| which(guest));
        let mut waiting: Vec<(Timestamp, CallId)> = waiting.map(|guest| (guest.since, guest.call)).collect();
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
            self.attend_guest(call, device);
        }
    }

    fn attend_guest(&mut self, call: CallId, device: DeviceId) {
        let place = |guest: &&mut Guest| guest.call == call && guest.from.device == device;
        let Some(guest) = self.lobby.guests.iter_mut().find(place) else { return };
        let verified = match guest.word {
            Word::Asked => return,
            Word::NotAsked => return self.ask(call, device),
            Word::Said(Admission::Verified) => true,
            Word::Said(Admission::Unverified) => false,
            Word::Said(Admission::Refused) => {
                // Who dials somebody lets them ring meanwhile: the glare rule speaks before the port.
                if glare::judge(self.calls.values(), &guest.from.user, call) == Verdict::NoGlare {
                    guest.debts.clear();
                    guest.invite = None;
                    return;
                }
                false
            }
        };
        let (from, debts) = (guest.from.clone(), std::mem::take(&mut guest.debts));
        self.pay(call, &from, debts);
        self.let_in(call, device, verified);
    }

    /// Asks the port about a guest, if it may be asked now.
    fn ask(&mut self, call: CallId, device: DeviceId) {
        let now = self.cx.now();
        let place = |guest: &Guest| guest.call == call && guest.from.device == device && guest.asks();
        let Some(index) = self.lobby.guests.iter().position(place) else { return };
        let user = self.lobby.guests[index].from.user.clone();
        let glare = glare::judge(self.calls.values(), &user, call) != Verdict::NoGlare;
        if self.lobby.questions.was_refused(now, &user) && !glare {
            // Its next resend asks again; until then its place is free for others.
            let guest = &mut self.lobby.guests[index];
            guest.invite = None;
            guest.debts.clear();
            return;
        }
        let turn = self.lobby.questions.turn(call, &user);
        let guest = &mut self.lobby.guests[index];
        match turn {
            Turn::Later => {}
            Turn::UnderWay => guest.word = Word::Asked,
            Turn::Now => {
                guest.word = Word::Asked;
                self.cx.out.push_back(Output::Ask(guest.incoming()));
                self.lobby.questions.ask(call, user);
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
/// Between two `error` messages to one user.
const ERROR_APART: Duration = Duration::from_secs(60);

//! An admitted invite: it rings, unless something speaks against it.
//!
//! In this order: the call is over or known; the device has called again since; a glare decides; the phone is busy; too
//! much rings already. What is dropped silently comes again with the next resend of the invite, and is judged again.

use super::calls::Calls;
use super::context::{ENDING_TTL, to_device};
use super::facts::{Call, Facts};
use super::glare::{self, Verdict};
use super::lobby::Arrival;
use super::outbox::Slot;
use super::phase::Phase;
use super::ring::is_same_device;
use super::{BusyPolicy, Direction};
use crate::signal::{Body, Candidates, Invite, Sender};
use crate::{By, CallId, DeviceId, End, EndReason, UserId};

impl Calls {
    /// An admitted invite rings, unless something speaks against it.
    pub(super) fn let_in(&mut self, call: CallId, device: DeviceId, verified: bool) {
        if !self.cx.caught_up {
            return;
        }
        let Some(arrival) = self.lobby.take_arrival(call, device) else { return };
        let Arrival { from, invite, deadline, later } = arrival;
        if deadline <= self.cx.now()
            || !self.awaits(call, &from.user)
            || !self.lobby.is_newest(&from, invite.seq, call)
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
        self.lobby.forget(call);
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
        self.lobby.forget(call);
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

/// Calls that ring at once: more is a flood, and no user can choose.
pub(super) const MAX_RINGING: usize = 4;

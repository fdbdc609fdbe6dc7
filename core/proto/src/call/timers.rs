//! The deadlines of the phases. The table is in [`super`]; a test holds it against these constants.

use std::time::Duration;

use super::Direction;
use super::context::Context;
use super::facts::{Call, Facts};
use super::phase::Phase;
use crate::session::Session;
use crate::signal::{Body, Ringing as RingingBody};
use crate::{By, ConnectFailure, EndReason, Timestamp};

impl Call {
    /// When something is due.
    pub(super) fn deadline(&self) -> Timestamp {
        let session = self.phase.session().map_or(Timestamp::NEVER, Session::deadline);
        self.phase.deadline().min(session).min(self.facts.outbox.deadline())
    }
}

impl Phase {
    fn deadline(&self) -> Timestamp {
        match self {
            Phase::Preparing(preparing) => preparing.deadline,
            Phase::Dialing(dialing) => {
                let refusal = dialing.refusal.as_ref().map_or(Timestamp::NEVER, |refusal| refusal.at);
                dialing.deadline.min(refusal)
            }
            Phase::Announced(announced) => announced.deadline,
            Phase::Ringing(ringing) => ringing.deadline.min(ringing.again),
            Phase::Answering(answering) => answering.deadline,
            Phase::Connecting(connecting) => connecting.deadline,
            Phase::Connected(_) => Timestamp::NEVER,
            Phase::Reconnecting(reconnecting) => reconnecting.deadline,
            Phase::Ended(ended) => ended.expires,
        }
    }
}

impl Facts {
    /// Does what is due: the deadline of the phase first, since it may end the call.
    pub(super) fn on_timeout(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        let mut phase = self.on_deadline(cx, phase);
        if let Some(session) = phase.session_mut() {
            session.handle_timeout(&mut cx.env);
        }
        self.outbox.handle_timeout(cx);
        phase
    }

    fn on_deadline(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        let now = cx.now();
        if phase.deadline() > now {
            return phase;
        }
        match phase {
            Phase::Preparing(preparing) => {
                let reason = if cx.up { EndReason::Internal } else { EndReason::Offline };
                self.end(cx, Phase::Preparing(preparing), reason, By::System)
            }
            Phase::Dialing(mut dialing) => {
                let refusal = dialing.refusal.take_if(|refusal| refusal.at <= now);
                let reason = match refusal {
                    Some(refusal) => refusal.reason,
                    None if dialing.rang.is_empty() => EndReason::Unreachable,
                    None => EndReason::NoAnswer,
                };
                let by = if reason == EndReason::Busy { By::Remote } else { By::System };
                self.end(cx, Phase::Dialing(dialing), reason, by)
            }
            Phase::Announced(announced) => {
                let reason = if announced.accepted {
                    EndReason::ConnectFailed(ConnectFailure::Timeout)
                } else {
                    EndReason::Missed
                };
                self.end(cx, Phase::Announced(announced), reason, By::System)
            }
            Phase::Ringing(mut ringing) => {
                if ringing.deadline <= now {
                    return self.end(cx, Phase::Ringing(ringing), EndReason::Missed, By::System);
                }
                ringing.again = now + RINGING_AGAIN;
                self.say_ringing(cx, &ringing.from);
                Phase::Ringing(ringing)
            }
            Phase::Answering(answering) => {
                // What the engine found out about the path explains nothing while the caller is not there.
                let why = match answering.heard {
                    true => answering.talk.session.explanation(),
                    false => ConnectFailure::Timeout,
                };
                let reason = EndReason::ConnectFailed(why);
                self.end(cx, Phase::Answering(answering), reason, By::System)
            }
            Phase::Connecting(connecting) => {
                let reason = EndReason::ConnectFailed(connecting.talk.session.explanation());
                self.end(cx, Phase::Connecting(connecting), reason, By::System)
            }
            Phase::Connected(talk) => Phase::Connected(talk),
            Phase::Reconnecting(reconnecting) => {
                let phase = Phase::Reconnecting(reconnecting);
                self.end(cx, phase, EndReason::ConnectionLost, By::System)
            }
            // The phone removes a tombstone that has expired.
            Phase::Ended(ended) => Phase::Ended(ended),
        }
    }

    /// Tells the caller that this device rings.
    pub(super) fn say_ringing(&self, cx: &mut Context, from: &crate::signal::Sender) {
        debug_assert_eq!(self.direction, Direction::Incoming);
        let body = Body::Ringing(RingingBody { shown: true, offer: None });
        cx.send_once(self.id, super::context::to_instance(from), body);
    }

    /// Signaling works again, or we slept: everything unproven goes out.
    pub(super) fn on_signaling_up(&mut self, cx: &mut Context, phase: Phase) -> Phase {
        self.outbox.restart(cx);
        match phase {
            Phase::Preparing(preparing) => self.try_invite(cx, preparing),
            Phase::Announced(mut announced) => {
                if cx.caught_up {
                    announced.deadline = announced.deadline.min(cx.now() + ANNOUNCED_CAUGHT_UP);
                }
                Phase::Announced(announced)
            }
            phase @ (Phase::Dialing(_)
            | Phase::Ringing(_)
            | Phase::Answering(_)
            | Phase::Connecting(_)
            | Phase::Connected(_)
            | Phase::Reconnecting(_)
            | Phase::Ended(_)) => phase,
        }
    }
}

/// Signaling down at `call()`: the app hears `Offline` then.
pub(super) const OFFLINE: Duration = Duration::from_secs(10);
/// The engine's offer takes milliseconds; one that takes this long never comes.
pub(super) const PREPARING: Duration = Duration::from_secs(10);
/// The shortest and the longest ring that an app may ask for.
pub(super) const RING_MIN: Duration = Duration::from_secs(15);
pub(super) const RING_MAX: Duration = Duration::from_secs(120);
/// An invite with less life than this left does not ring: nobody could answer it.
pub(super) const RING_LEFT_MIN: Duration = Duration::from_secs(2);
/// The caller waits this much longer than the callee rings: an answer at the last moment still counts.
pub(super) const RING_CALLER_EXTRA: Duration = Duration::from_secs(5);
/// While it rings, the callee says so this often.
pub(super) const RINGING_AGAIN: Duration = Duration::from_secs(8);
/// An announced call without an invite, after the backlog is through.
pub(super) const ANNOUNCED_CAUGHT_UP: Duration = Duration::from_secs(10);
/// The same, at most, from the push.
pub(super) const ANNOUNCED: Duration = Duration::from_secs(20);
/// From the first device that cannot take the call: another may still ring.
pub(super) const REFUSAL: Duration = Duration::from_secs(3);
/// From the answer to media.
pub(super) const CONNECT: Duration = Duration::from_secs(15);
/// Media is missing.
pub(super) const RECONNECT: Duration = Duration::from_secs(30);
/// How long an ended call absorbs late messages and repeats its ending.
pub(super) const TOMBSTONE: Duration = Duration::from_secs(120);
/// How long an ended call stays in the snapshots.
pub(super) const SHOWN: Duration = Duration::from_secs(10);
/// Our own tones after an end.
pub(super) const END_TONE: Duration = Duration::from_secs(3);
/// A suspend or a late timer longer than this makes the age of what is read unknown.
pub(super) const GAP: Duration = Duration::from_secs(5);
/// For at most so long after such a gap: the buffer of a socket is read within a second of waking.
pub(super) const DISTRUST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::timing;

    /// Rows of the table in the module docs, with what the code does.
    const TABLE: [(&str, Duration); 23] = [
        ("signaling down at `call()`", OFFLINE),
        ("preparing", PREPARING),
        ("shortest ring", RING_MIN),
        ("longest ring", RING_MAX),
        ("life left of an invite that still rings", RING_LEFT_MIN),
        ("ring at the caller, beyond that of the callee", RING_CALLER_EXTRA),
        ("`ringing` again", RINGING_AGAIN),
        ("announced, no invite, caught up", ANNOUNCED_CAUGHT_UP),
        ("announced, no invite, at most", ANNOUNCED),
        ("first `busy` or `error`, nothing rang", REFUSAL),
        ("connect", CONNECT),
        ("ICE up, DTLS not", timing::RUNG),
        ("between ICE restarts", timing::RESTART_APART),
        ("media missing", timing::MISSING),
        ("media missing while a side is silent", timing::MISSING_QUIET),
        ("the peer closed its only connection", timing::PEER_CLOSED_WAIT),
        ("reconnect", RECONNECT),
        ("candidates batch", timing::BATCH),
        ("tombstone", TOMBSTONE),
        ("an ended call in the snapshots", SHOWN),
        ("busy or congestion tone after an end", END_TONE),
        ("a suspend, or a late timer, that puts ages in doubt", GAP),
        ("ages in doubt", DISTRUST),
    ];

    #[test]
    fn the_table_of_timers_says_what_the_code_does() {
        let docs = include_str!("mod.rs");
        let section = docs.split("# Timers").nth(1).and_then(|rest| rest.split("# Pairs").next()).unwrap();
        let rows: Vec<(String, Duration)> = section
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .skip(1)
            .map(|line| {
                let mut cells = line.split(" | ");
                (cells.next().unwrap().to_owned(), parse(cells.next().unwrap()))
            })
            .collect();
        let table: Vec<(String, Duration)> =
            TABLE.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        assert_eq!(rows, table);
    }

    fn parse(text: &str) -> Duration {
        let (number, unit) = text.split_once(' ').unwrap();
        let number = number.parse().unwrap();
        match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            other => panic!("a unit: {other}"),
        }
    }
}

//! What the audio engine should have open, as a function of the calls.
//!
//! | phase | microphone | sends | plays | tone |
//! |---|---|---|---|---|
//! | Preparing, Announced | closed | | | |
//! | Dialing | closed | | | ringback once it rang |
//! | Ringing | closed | | | call waiting, if another call is answered |
//! | Answering | closed | silence | | |
//! | Connecting, Connected, Reconnecting | open, unless held | microphone; silence if muted or held by either side | yes, unless held | |
//! | Ended | closed | | | busy or congestion, for 3 s at the caller |
//!
//! A leg sends once its connection has keys. The ring of an incoming call belongs to the platform.

use super::facts::Call;
use super::phase::{Answering, Phase, Talk};
use super::{AudioLeg, AudioPlan, Direction, LegSend, Tone};
use crate::{End, EndReason};

/// The plan for these calls; `end_tone` is that of a call that just ended.
pub(super) fn plan<'a>(calls: impl Iterator<Item = &'a Call> + Clone, end_tone: Option<Tone>) -> AudioPlan {
    let mut plan = AudioPlan::default();
    let answered = calls.clone().any(|call| call.phase.talk().is_some());
    for call in calls {
        match &call.phase {
            Phase::Preparing(_) | Phase::Announced(_) | Phase::Ended(_) => {}
            Phase::Dialing(dialing) => {
                if !dialing.rang.is_empty() && !answered {
                    plan.tone = Some(Tone::Ringback);
                }
            }
            Phase::Ringing(_) => {
                if answered {
                    plan.tone = Some(Tone::CallWaiting);
                }
            }
            Phase::Answering(Answering { talk, .. }) => add_leg(&mut plan, call, talk, false),
            Phase::Connecting(connecting) => add_leg(&mut plan, call, &connecting.talk, true),
            Phase::Connected(talk) => add_leg(&mut plan, call, talk, true),
            Phase::Reconnecting(reconnecting) => add_leg(&mut plan, call, &reconnecting.talk, true),
        }
    }
    if !answered && plan.tone.is_none() {
        plan.tone = end_tone;
    }
    plan.playback = plan.tone.is_some() || plan.legs.iter().any(|leg| leg.play);
    plan
}

/// The tone that the end of a call deserves.
pub(super) fn end_tone(direction: Direction, end: &End) -> Option<Tone> {
    let placed = direction == Direction::Outgoing;
    match &end.reason {
        EndReason::Busy => placed.then_some(Tone::Busy),
        EndReason::Unreachable | EndReason::Offline => placed.then_some(Tone::Congestion),
        EndReason::ConnectFailed(_) | EndReason::ConnectionLost => Some(Tone::Congestion),
        EndReason::HungUp
        | EndReason::Declined
        | EndReason::Cancelled
        | EndReason::NoAnswer
        | EndReason::Elsewhere(_)
        | EndReason::Missed
        | EndReason::NotAllowed
        | EndReason::Microphone(_)
        | EndReason::Replaced { .. }
        | EndReason::Resumed
        | EndReason::Unsupported(_)
        | EndReason::EndedByServer
        | EndReason::Internal
        | EndReason::Other { .. } => None,
    }
}

fn add_leg(plan: &mut AudioPlan, call: &Call, talk: &Talk, settled: bool) {
    let facts = &call.facts;
    let open = settled && !facts.held;
    plan.capture |= open;
    let silent = !open || facts.muted || facts.peer_media.held;
    let send = match talk.session.sounding() {
        None => LegSend::Nothing,
        Some(_) if silent => LegSend::Silence,
        Some(_) => LegSend::Microphone,
    };
    plan.legs.push(AudioLeg { call: facts.id, conn: talk.session.conn(), send, play: open });
}

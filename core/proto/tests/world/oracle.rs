//! What may be true when everything is quiet: the table of pairs, and nobody connected alone.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use ringback_proto::CallId;
use ringback_proto::EndReason;
use ringback_proto::call::{CallState, Direction};

use super::{Phone, World};

/// Everything that is wrong with the end of a run.
pub(crate) fn judge(world: &World) -> Vec<String> {
    let mut wrong = world.violations.clone();
    let calls: BTreeSet<CallId> = world.phones.iter().flat_map(|phone| phone.logs.keys().copied()).collect();
    for call in calls {
        judge_call(world, call, &mut wrong);
    }
    wrong
}

/// What a phone promises by itself, whatever the others do.
pub(crate) fn judge_alone(world: &World) -> Vec<String> {
    let mut wrong = world.violations.clone();
    for phone in &world.phones {
        for call in phone.logs.keys() {
            judge_log(phone, *call, &mut wrong);
        }
    }
    wrong
}

fn judge_call(world: &World, call: CallId, wrong: &mut Vec<String>) {
    for phone in &world.phones {
        judge_log(phone, call, wrong);
    }
    let alive = |phone: &&Phone| !phone.lost.contains(&call);
    let side = |direction| {
        world
            .phones
            .iter()
            .filter(move |phone| phone.logs.get(&call).is_some_and(|log| log.direction == Some(direction)))
    };
    let caller = side(Direction::Outgoing).next();
    // A stranger may use the id of a call at a phone that does not know it: that is another call.
    let is_from =
        |phone: &&Phone| caller.is_some_and(|caller| phone.log(call).peer.as_ref() == Some(&caller.user));
    let callees: Vec<&Phone> = side(Direction::Incoming).filter(is_from).collect();
    let winner = world.winners.get(&call);
    let active = |phone: &Phone| phone.state(call) == Some(CallState::Active);

    let Some(caller) = caller else {
        // Announced only, or a forged call: nobody may be connected.
        if side(Direction::Incoming).any(active) {
            wrong.push(format!("{call}: connected to nobody"));
        }
        return;
    };
    let caller_lost = caller.lost.contains(&call);
    if !caller_lost && active(caller) {
        let far = callees.iter().find(|phone| Some(&phone.device) == winner);
        if !far.is_some_and(|far| alive(far) && active(far)) {
            wrong.push(format!("{call}: the caller {} is connected alone", caller.name()));
        }
    }
    for callee in callees.iter().filter(|phone| alive(phone)) {
        let won = Some(&callee.device) == winner;
        if active(callee) {
            if caller_lost || !won || !active(caller) {
                wrong.push(format!("{call}: the callee {} is connected alone", callee.name()));
            }
            continue;
        }
        let (Some(theirs), Some(ours)) = (callee.reason(call), caller.reason(call)) else { continue };
        if caller_lost || callee.ever_lost.contains(&call) {
            continue;
        }
        let fine = if winner.is_some() && !won { may_lose(&theirs) } else { may_pair(&ours, &theirs) };
        if !fine {
            let role = if won { "winner" } else { "device" };
            wrong.push(format!(
                "{call}: {ours:?} at the caller {}, {theirs:?} at the {role} {}",
                caller.name(),
                callee.name()
            ));
        }
    }
}

fn judge_log(phone: &Phone, call: CallId, wrong: &mut Vec<String>) {
    let Some(log) = phone.logs.get(&call) else { return };
    let lost = phone.lost.contains(&call);
    let name = phone.name();
    if log.ended > log.begun || (!lost && log.ended + 1 < log.begun) {
        wrong.push(format!("{name}: {call} ended {} times (R5)", log.ended));
    }
    if lost {
        return;
    }
    match log.state() {
        Some(CallState::Active | CallState::Ended(_)) => {}
        other => wrong.push(format!("{name}: {call} is stuck: {other:?}")),
    }
}

/// Whether the table of pairs in the docs of `call` allows this, caller's reason first.
pub(crate) fn may_pair(caller: &EndReason, callee: &EndReason) -> bool {
    is_fault(caller) || is_fault(callee) || pairs().contains(&(name(caller), name(callee)))
}

/// Whether it allows this for a device that did not win, whatever the caller reports.
pub(crate) fn may_lose(reason: &EndReason) -> bool {
    is_fault(reason) || pairs().contains(&("a device that did not win".to_owned(), name(reason)))
}

/// A fault of one side: the other hears of it, or its own clock ends the call.
fn is_fault(reason: &EndReason) -> bool {
    matches!(reason, EndReason::Internal | EndReason::Microphone(_) | EndReason::Unsupported(_))
}

/// The table, read from the docs themselves.
pub(crate) fn pairs() -> &'static BTreeSet<(String, String)> {
    static PAIRS: OnceLock<BTreeSet<(String, String)>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let docs = include_str!("../../src/call/mod.rs");
        let section = docs.split("# Pairs").nth(1).and_then(|rest| rest.split("\n//! # ").next()).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1);
        let split = |cell: &str| cell.split(", ").map(str::to_owned).collect::<Vec<_>>();
        let mut pairs = BTreeSet::new();
        for row in rows {
            let mut cells = row.split(" | ");
            let (callers, callees) = (split(cells.next().unwrap()), split(cells.next().unwrap()));
            for caller in &callers {
                pairs.extend(callees.iter().map(|callee| (caller.clone(), callee.clone())));
            }
        }
        pairs
    })
}

/// The name of a reason, without what it carries.
pub(crate) fn name(reason: &EndReason) -> String {
    let text = format!("{reason:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

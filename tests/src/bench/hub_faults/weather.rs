//! The weather: one fault after the other, with fine moments between them.

use std::time::Instant;

use ringback_server::{ConnectRefusal, FaultAct, FaultSwitches, JoinRefusal, RunningHub};
use tokio::time::sleep;

use super::dice::Dice;

/// Lets faults happen until then, and puts everything right. Returns how many there were.
pub(super) async fn blow(hub: &RunningHub, mut dice: Dice, until: Instant) -> usize {
    let mut faults = 0;
    while Instant::now() < until {
        sleep(dice.pause(500, 4000)).await;
        match dice.below(3) {
            0 => {
                let act = act(&mut dice);
                tracing::debug!(?act, "it happens");
                hub.act(act);
            }
            _ => {
                let switches = switches(&mut dice);
                tracing::debug!(?switches, "it lasts");
                hub.set_faults(switches);
                sleep(dice.pause(500, 5000)).await;
                hub.set_faults(fine());
            }
        }
        faults += 1;
    }
    hub.set_faults(fine());
    faults
}

/// What happens once.
fn act(dice: &mut Dice) -> FaultAct {
    match dice.below(6) {
        0 => FaultAct::Kick(*dice.pick(&CLOSE_CODES).unwrap_or(&1012)),
        1 => FaultAct::Restart,
        2 => FaultAct::Disconnect,
        3 => FaultAct::Crash(None),
        4 => FaultAct::Crash(Some(format!("realtime:user:person-{}", dice.below(20)))),
        _ => FaultAct::Inject(dice.pick(&BAD_FRAMES).unwrap_or(&"").to_string()),
    }
}

/// What lasts for a while.
fn switches(dice: &mut Dice) -> FaultSwitches {
    let mut switches = fine();
    match dice.below(7) {
        0 => switches.drop_percent = 10 + dice.below(50) as u8,
        1 => switches.delay_ms = 50 + dice.below(1500),
        2 => switches.mute = true,
        3 => switches.refuse_connects = dice.pick(&CONNECTS).copied(),
        4 => switches.refuse_joins = dice.pick(&JOINS).copied(),
        5 => switches.replication_lost = true,
        _ => (switches.drop_percent, switches.delay_ms) = (20, 300),
    }
    switches
}

fn fine() -> FaultSwitches {
    FaultSwitches::default()
}

/// Normal, going away, internal error, restart (RFC 6455 section 7.4.1, and the IANA registry for 1012).
const CLOSE_CODES: [u16; 4] = [1000, 1001, 1011, 1012];
const BAD_FRAMES: [&str; 4] =
    ["{bad", "[]", r#"[null,null,"realtime:user:person-0","broadcast",7]"#, r#"[1,2,3,4,5]"#];
const CONNECTS: [ConnectRefusal; 3] =
    [ConnectRefusal::TooManyConnectedUsers, ConnectRefusal::TooManyJoins, ConnectRefusal::Broken];
const JOINS: [JoinRefusal; 5] = [
    JoinRefusal::ClientJoinRateLimitReached,
    JoinRefusal::ConnectionRateLimitReached,
    JoinRefusal::InitializingProjectConnection,
    JoinRefusal::RealtimeRestarting,
    JoinRefusal::UnknownErrorOnChannel,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_one_weather() {
        let roll = || {
            let mut dice = Dice::new(7, 1);
            (0..50).map(|_| (act(&mut dice), switches(&mut dice))).collect::<Vec<_>>()
        };
        assert_eq!(roll(), roll());
    }
}

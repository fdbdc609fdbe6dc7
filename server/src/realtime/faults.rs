//! What the hub does wrong when told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::realtime::refusal::{ConnectRefusal, JoinRefusal};

/// The switches for faults. The default is a server without any; as JSON at `/local/faults`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSwitches {
    /// The share of deliveries that are lost, 0 to 100. The n-th delivery of a hub always meets the same fate.
    pub drop_percent: u8,
    /// How late deliveries come, in milliseconds. Replies are not late.
    pub delay_ms: u64,
    /// Nothing is delivered, while acknowledgements stay `ok`.
    pub mute: bool,
    /// Every websocket is refused.
    pub refuse_connects: Option<ConnectRefusal>,
    /// Every join that it concerns is refused.
    pub refuse_joins: Option<JoinRefusal>,
    /// The replication connection is dead: what the database sends is stored and reaches nobody, and nobody is told.
    pub replication_lost: bool,
    /// The body of a 2.0.0 broadcast goes into 1.0.0 frames as it is, as on the real server (on at first). Off: it is
    /// parsed, and lost if it is no JSON.
    pub splice_v1: bool,
    /// The database does not answer: rights that were not judged before are neither granted nor refused.
    pub database_down: bool,
    /// How long a private join waits for the database, in milliseconds. Default 17,000: with the 5 s of every refusal
    /// that makes the 22 s that were measured.
    pub database_timeout_ms: u64,
    /// How long the database stays down after it is switched on again, in milliseconds. Default 35,000, as measured.
    pub database_recovery_ms: u64,
}

/// The switches of a hub, and what they have done so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    state: RwLock<State>,
    rolls: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    switches: FaultSwitches,
    /// When the database answers again after it was down.
    recovered_at: Option<Instant>,
}

/// What happens to the deliveries of one broadcast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Treatment {
    drop_percent: u8,
    mute: bool,
    pub(crate) splice_v1: bool,
    pub(crate) due: Option<Instant>,
}

impl Default for FaultSwitches {
    fn default() -> Self {
        Self {
            drop_percent: 0,
            delay_ms: 0,
            mute: false,
            refuse_connects: None,
            refuse_joins: None,
            replication_lost: false,
            splice_v1: true,
            database_down: false,
            database_timeout_ms: 17_000,
            database_recovery_ms: 35_000,
        }
    }
}

impl Faults {
    pub(crate) fn switches(&self) -> FaultSwitches {
        self.state().switches.clone()
    }

    /// Changes the switches in one step.
    pub(crate) fn change(&self, change: impl FnOnce(&mut FaultSwitches)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let was_down = state.switches.database_down;
        change(&mut state.switches);
        state.switches.drop_percent = state.switches.drop_percent.min(100);
        if was_down && !state.switches.database_down {
            let rest = Duration::from_millis(state.switches.database_recovery_ms);
            state.recovered_at = Some(Instant::now() + rest);
        }
    }

    pub(crate) fn refused_connect(&self) -> Option<ConnectRefusal> {
        self.state().switches.refuse_connects
    }

    pub(crate) fn refused_join(&self, private: bool) -> Option<JoinRefusal> {
        self.state().switches.refuse_joins.filter(|refusal| refusal.concerns(private))
    }

    pub(crate) fn replication_lost(&self) -> bool {
        self.state().switches.replication_lost
    }

    pub(crate) fn database_answers(&self) -> bool {
        let state = self.state();
        !state.switches.database_down && state.recovered_at.is_none_or(|at| at <= Instant::now())
    }

    pub(crate) fn database_timeout(&self) -> Duration {
        Duration::from_millis(self.state().switches.database_timeout_ms)
    }

    pub(crate) fn treatment(&self) -> Treatment {
        let state = self.state();
        let FaultSwitches { drop_percent, delay_ms, mute, splice_v1, .. } = state.switches;
        let due = (delay_ms > 0).then(|| Instant::now() + Duration::from_millis(delay_ms));
        Treatment { drop_percent, mute, splice_v1, due }
    }

    /// Whether this delivery is to vanish. The n-th roll of a hub is always the same.
    pub(crate) fn loses(&self, treatment: Treatment) -> bool {
        if treatment.mute {
            return true;
        }
        let percent = u64::from(treatment.drop_percent);
        if percent == 0 {
            return false;
        }
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        // Fibonacci hashing: spreads consecutive numbers over the whole range.
        (roll.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100 < percent
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

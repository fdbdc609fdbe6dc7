//! The one live phone per user and device in this process.
//!
//! Two phones with one device id would answer each other's messages. A restarted app (hot restart, a second isolate)
//! that builds its phone again adopts the live one with its calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared::Shared;
use crate::proto::{DeviceId, UserId};

/// What every handle of a phone holds. When the last one goes, the phone closes.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.signals.close();
    }
}

/// Where a live phone is found. `kept` holds it alive without a handle.
#[derive(Debug)]
pub(super) struct Entry {
    live: Weak<Live>,
    kept: Option<Arc<Live>>,
}

pub(super) type Phones = BTreeMap<(UserId, DeviceId), Entry>;

/// All live phones. Held only to look up or register.
pub(super) fn phones() -> MutexGuard<'static, Phones> {
    static PHONES: Mutex<Phones> = Mutex::new(BTreeMap::new());
    PHONES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    pub(super) fn new(live: &Arc<Live>, keep_alive: bool) -> Self {
        Self { live: Arc::downgrade(live), kept: keep_alive.then(|| live.clone()) }
    }

    /// The phone, unless it is closing.
    pub(super) fn adopt(&self) -> Option<Arc<Live>> {
        self.kept.clone().or_else(|| self.live.upgrade()).filter(|live| !live.shared.signals.is_closed())
    }
}

/// Forgets a phone that closed. `shared` tells it from one that was built after it.
pub(crate) fn forget(key: &(UserId, DeviceId), shared: &Arc<Shared>) {
    let mut phones = phones();
    let ours = phones.get(key).is_some_and(|entry| match entry.live.upgrade() {
        Some(live) => Arc::ptr_eq(&live.shared, shared),
        None => true,
    });
    let gone = if ours { phones.remove(key) } else { None };
    // A kept phone drops here: outside the lock, because its drop may look for the registry again.
    drop(phones);
    drop(gone);
}

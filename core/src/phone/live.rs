//! The one live phone per user and device in this process.
//!
//! Two phones with one device id would answer each other's messages. A restarted app (hot restart, a second isolate)
//! that builds its phone again adopts the live one with its calls. A phone that closes keeps its place until its driver
//! is gone, and a start beside it waits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::shared::Shared;
use crate::proto::{DeviceId, UserId};
use crate::signaling::Signaling;

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

/// Where a phone is found from its start until its driver is gone. `kept` holds it alive without a handle.
pub(super) struct Entry {
    live: Weak<Live>,
    kept: Option<Arc<Live>>,
    shared: Arc<Shared>,
    signaling: Weak<dyn Signaling>,
}

/// How a phone that has its place is found.
pub(super) enum Found {
    Live(Arc<Live>),
    Closing(Arc<Shared>),
}

/// The place of a phone among the live ones; leaves it when the driver goes, however that comes about.
pub(crate) struct Place {
    key: (UserId, DeviceId),
    shared: Arc<Shared>,
}

pub(super) type Phones = BTreeMap<(UserId, DeviceId), Entry>;

/// All phones that are not gone. Held to look up, and while a phone is put together, so that two starts cannot meet.
pub(super) fn phones() -> MutexGuard<'static, Phones> {
    static PHONES: Mutex<Phones> = Mutex::new(BTreeMap::new());
    PHONES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Entry {
    pub(super) fn new(live: &Arc<Live>, keep_alive: bool, signaling: &Arc<dyn Signaling>) -> Self {
        Self {
            live: Arc::downgrade(live),
            kept: keep_alive.then(|| live.clone()),
            shared: live.shared.clone(),
            signaling: Arc::downgrade(signaling),
        }
    }

    pub(super) fn found(&self) -> Found {
        let live = self.kept.clone().or_else(|| self.live.upgrade());
        match live.filter(|live| !live.shared.signals.is_closed()) {
            Some(live) => Found::Live(live),
            None => Found::Closing(self.shared.clone()),
        }
    }

    /// Whether the phone sends and receives by this very transport.
    pub(super) fn uses(&self, signaling: &Arc<dyn Signaling>) -> bool {
        std::ptr::addr_eq(self.signaling.as_ptr(), Arc::as_ptr(signaling))
    }
}

impl Place {
    pub(super) fn new(key: (UserId, DeviceId), shared: Arc<Shared>) -> Self {
        Self { key, shared }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        forget(&self.key, &self.shared);
        self.shared.set_closed();
    }
}

/// Forgets a phone. `shared` tells it from one that was built after it.
pub(super) fn forget(key: &(UserId, DeviceId), shared: &Arc<Shared>) {
    let mut phones = phones();
    let ours = phones.get(key).is_some_and(|entry| Arc::ptr_eq(&entry.shared, shared));
    let gone = if ours { phones.remove(key) } else { None };
    // What the phone held drops here, outside the lock: some of it is the app's, whose drop may do anything.
    drop(phones);
    drop(gone);
}

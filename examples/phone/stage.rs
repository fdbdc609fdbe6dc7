//! Two phones in one process, for tests of what stands around a phone: one of them rings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::proto::DeviceId;
use ringback::signaling::memory::MemoryHub;
use ringback::{Call, Phone};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::setup::Ready;

/// The driver's phone, which rings before anybody listens, and the rider's, which calls it.
pub(crate) struct Stage {
    pub(crate) driver: Phone,
    pub(crate) rings: Call,
    /// The rider's handle of the call; it holds the rider's phone, too.
    pub(crate) placed: Call,
}

impl Stage {
    pub(crate) async fn ringing() -> Self {
        let hub = MemoryHub::new(1);
        let (rider, driver) = (phone(&hub, "rider").await, phone(&hub, "driver").await);
        let mut incoming = driver.incoming();
        let placed = rider.call("driver").await.unwrap();
        let rings = in_time(incoming.next()).await.unwrap();
        Self { driver, rings, placed }
    }

    /// The driver's phone as it is after its start.
    pub(crate) fn ready(&self) -> Ready {
        Ready {
            phone: self.driver.clone(),
            online: watch::channel(Vec::new()).1,
            echo: None,
            notes: Vec::new(),
            chosen: Vec::new(),
            trials: JoinSet::new(),
        }
    }
}

/// What is waited for, or a failed test.
pub(crate) async fn in_time<T>(waited: impl Future<Output = T>) -> T {
    // Far beyond what a busy machine needs.
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it comes within 30 s")
}

async fn phone(hub: &MemoryHub, user: &str) -> Phone {
    // A process has one phone of a user on a device, and tests run side by side.
    static PHONES: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(PHONES.fetch_add(1, Ordering::Relaxed));
    let device = DeviceId::from_random(number.to_be_bytes());
    let tone = CaptureFrom::Tone { frequency_hz: 440.0, level_dbfs: -20.0 };
    Phone::builder(Arc::new(hub.join(user.parse().unwrap(), device)))
        .user(user)
        .device(device)
        .audio_devices(Arc::new(ClockedDevices::new(tone, PlaybackTo::Null)))
        .local_demo(true)
        .start()
        .await
        .unwrap()
}

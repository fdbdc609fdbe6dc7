//! A device opened for a moment, to see whether it can be had.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::device::{DeviceError, DeviceReport, OpenDevice, Reports};

/// Opens, waits for the outcome however long it takes, and closes. Returns the device's name.
pub(super) async fn try_open<End: Send>(
    open: impl FnOnce(Reports<End>) -> OpenDevice,
) -> Result<String, DeviceError> {
    let (reports, outcome) = Reports::channel();
    let device = open(reports);
    let mut opened: Option<(String, Instant)> = None;
    loop {
        match outcome.try_recv() {
            Ok(DeviceReport::Opened { name, .. }) => opened = Some((name, Instant::now())),
            Ok(DeviceReport::Lost) => return Err(DeviceError::Lost),
            Ok(DeviceReport::Failed(error)) => return Err(error),
            Err(_) => {}
        }
        if let Some((name, at)) = opened.take_if(|(_, at)| at.elapsed() >= SETTLE) {
            tracing::debug!(open_ms = at.elapsed().as_millis() as u64, "a device opens");
            drop(device);
            return Ok(name);
        }
        sleep(LOOK).await;
    }
}

/// Reports come through a queue that wakes nobody; the engine looks as often.
const LOOK: Duration = Duration::from_millis(10);
/// A stream that cannot run says so within this.
const SETTLE: Duration = Duration::from_millis(200);

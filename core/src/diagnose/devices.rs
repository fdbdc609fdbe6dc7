//! Microphone and speaker: opened for a moment, or only listed. A call has them to itself, also one that begins meanwhile.

use tokio::time::{Instant, timeout_at};

use super::{DeviceFinding, DiagnoseOptions};
use crate::audio::{AudioHandle, DeviceError, DeviceKind};

/// What may be done to the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    Open,
    List,
}

impl Touch {
    pub(super) fn of(options: &DiagnoseOptions) -> Self {
        if options.open_devices { Touch::Open } else { Touch::List }
    }
}

pub(super) async fn check(
    audio: &AudioHandle,
    kind: DeviceKind,
    touch: Touch,
    call_is_up: impl Future<Output = ()>,
    until: Instant,
) -> DeviceFinding {
    let checked = async {
        match touch {
            Touch::Open => match audio.try_open(kind).await {
                Ok(name) => DeviceFinding::Opens { name },
                Err(error) => DeviceFinding::Failed(error),
            },
            Touch::List => match audio.devices().await {
                Ok(devices) => match devices.iter().filter(|device| device.kind == kind).count() {
                    0 => DeviceFinding::Failed(DeviceError::NoDevice),
                    devices => DeviceFinding::Listed { devices },
                },
                Err(error) => DeviceFinding::Failed(error),
            },
        }
    };
    tokio::select! {
        biased;
        // What was opened is closed again.
        () = call_is_up => DeviceFinding::InCall,
        finding = timeout_at(until, checked) => finding.unwrap_or(DeviceFinding::Silent),
    }
}

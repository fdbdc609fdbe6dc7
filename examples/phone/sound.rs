//! The sound system, asked with a limit: one that hangs is no reason to stand still.
//!
//! [`try_out`] opens microphone and speaker for a moment beside the start of the phone: a device that is listed need not
//! open, and nobody wants to learn that from a call.

use std::future::Future;
use std::time::Duration;

use ringback::Phone;
use ringback::audio::{AudioDevice, DeviceChoice, DeviceError, DeviceKind};
use ringback::diagnose::{Check, Verdict};
use ringback::proto::Language;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Why something could not be had of the sound system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unusable {
    Failed(DeviceError),
    /// It did not answer in time.
    Silent,
}

/// A device that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: DeviceKind,
    /// What it is, and what to do about it.
    pub(crate) check: Check,
}

/// Opens these devices for a moment, in the background. What opens, or is needed by a call meanwhile, is no trouble.
pub(crate) fn try_out(
    phone: &Phone,
    kinds: impl IntoIterator<Item = DeviceKind>,
) -> JoinSet<Option<Trouble>> {
    let mut trials = JoinSet::new();
    for kind in kinds {
        let phone = phone.clone();
        trials.spawn(async move {
            let check = phone.diagnose_device(kind).await;
            (check.verdict() == Verdict::Problem).then_some(Trouble { kind, check })
        });
    }
    trials
}

/// How to call without a device.
pub(crate) fn way_out(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Capture => "To call without a microphone, start with --capture tone.",
        DeviceKind::Playback => "To call without a speaker, start with --playback null.",
    }
}

impl Trouble {
    pub(crate) fn explain(&self) -> String {
        self.check.explain(Language::En)
    }
}

/// The devices of now.
pub(crate) async fn devices(phone: &Phone) -> Result<Vec<AudioDevice>, Unusable> {
    in_time(phone.audio().devices()).await
}

/// Uses another device from now on.
pub(crate) async fn choose(phone: &Phone, kind: DeviceKind, choice: DeviceChoice) -> Result<(), Unusable> {
    in_time(phone.audio().choose(kind, choice)).await
}

/// An answer of the sound system, waited for 3 s.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, DeviceError>>) -> Result<T, Unusable> {
    match timeout(LIMIT, answer).await {
        Ok(answer) => answer.map_err(Unusable::Failed),
        Err(_) => Err(Unusable::Silent),
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::Failed(error) => error.fmt(f),
            Unusable::Silent => f.write_str("the sound system does not answer"),
        }
    }
}

impl std::error::Error for Unusable {}

/// A list takes a fraction of a second, and a person waits.
const LIMIT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sound_system_that_hangs_is_waited_for_3_s_only() {
        tokio::time::pause();
        let never = std::future::pending::<Result<(), DeviceError>>();
        assert_eq!(in_time(never).await, Err(Unusable::Silent));
        let failed = std::future::ready(Err::<(), _>(DeviceError::NoServer));
        assert_eq!(in_time(failed).await, Err(Unusable::Failed(DeviceError::NoServer)));
    }
}

//! What stands between this phone and a good call, found out before one fails: [`Phone::diagnose`](crate::Phone::diagnose).
//!
//! | check | how | at most |
//! |---|---|---|
//! | microphone, speaker | opened for a moment, unless a call is up; closed at once if one begins | 5 s |
//! | signaling | a sign of life over the connection in use | 5 s |
//! | clock | the signaling server's, against ours | 5 s |
//! | ICE servers | the list is fetched | 5 s |
//! | each `stun:` URL | a binding request (RFC 8489) | 5 s after the list, 7.9 s in all |
//! | mapping | servers are asked from one socket: do two that can be compared see the same address? | the same |
//! | each `turn:` and `turns:` URL | an allocation (RFC 8656), given back at once | the same |
//! | relay | what the allocations mean for calls | |
//!
//! All run at the same time; none shares a socket, a task or a device with a call. No task of its own is spawned: a
//! dropped diagnosis leaves nothing behind but, at worst, a port on a TURN server for ten minutes, a look-up of a name or
//! a list of devices on a thread of tokio's blocking pool until the system answers, and an HTTP connection that closes.
//! A runtime that is dropped waits for such a thread: `Runtime::shutdown_background` does not.
//!
//! A [`Check`] owns what was found, with its figures; what that is worth ([`Check::verdict`]), what it is called
//! ([`Check::code`]) and what people read ([`Check::explain`]) follow from it. An explanation holds no address.
//!
//! It does not send media, and it does not try voice calls against oneself.

mod code;
mod devices;
mod explain;
mod finding;
mod servers;
mod signaling;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Shared;
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::finding::{
    Check, ClockFinding, DeviceFinding, IceServersFinding, MappingFinding, RelayFinding, SignalingFinding,
    StunFinding, TurnFinding, TurnTransport, Verdict,
};
use crate::BoxFuture;
use crate::audio::{AudioHandle, DeviceKind};
use crate::media::ice::IceServers;
use crate::net::Resolver;
pub use crate::net::failure::{ServerFailure, TlsFailure};
pub use crate::net::roots::{BadRoots, RootCertificates};
use crate::signaling::{Signaling, SignalingHealth};

/// What a diagnosis may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnoseOptions {
    /// Open microphone and speaker for a moment. The system may ask the user for permission then. Default true;
    /// without it they are only listed.
    pub open_devices: bool,
    /// Certificates to trust beside the web's, for a TURN server of one's own. Default none. Calls do not know them.
    pub extra_roots: RootCertificates,
}

impl Default for DiagnoseOptions {
    fn default() -> Self {
        Self { open_devices: true, extra_roots: RootCertificates::default() }
    }
}

/// What a diagnosis found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Every check: devices, signaling, clock, then servers in the order of the list.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// The worst verdict of all checks.
    pub fn verdict(&self) -> Verdict {
        self.checks.iter().map(Check::verdict).max().unwrap_or(Verdict::Skipped)
    }
}

/// Done as soon as there is a call.
pub(crate) type CallIsUp = Shared<BoxFuture<'static, ()>>;

/// The parts of a phone that are looked at.
pub(crate) struct Patient {
    pub(crate) audio: AudioHandle,
    /// Done as soon as a call may use the devices.
    pub(crate) call_is_up: CallIsUp,
    /// `None` once the phone is closed.
    pub(crate) signaling: Option<Arc<dyn Signaling>>,
    pub(crate) health: watch::Receiver<SignalingHealth>,
    pub(crate) ice_servers: Option<Arc<dyn IceServers>>,
    pub(crate) resolver: Arc<dyn Resolver>,
}

/// Runs every check.
pub(crate) async fn diagnose(patient: Patient, options: DiagnoseOptions) -> Diagnosis {
    let Patient { audio, call_is_up, signaling, health, ice_servers, resolver } = patient;
    let start = Instant::now();
    let until = start + CHECK_LIMIT;
    let touch = devices::Touch::of(&options);
    let (microphone, speaker, online, clock, servers) = tokio::join!(
        devices::check(&audio, DeviceKind::Capture, touch, call_is_up.clone(), until),
        devices::check(&audio, DeviceKind::Playback, touch, call_is_up, until),
        signaling::check(signaling.as_deref(), health, until),
        signaling::clock(signaling.as_deref(), until),
        servers::check(ice_servers.as_deref(), &*resolver, &options.extra_roots, start + WHOLE_LIMIT),
    );
    let mut checks = vec![
        Check::Device { kind: DeviceKind::Capture, finding: microphone },
        Check::Device { kind: DeviceKind::Playback, finding: speaker },
        Check::Signaling(online),
        Check::Clock(clock),
    ];
    checks.extend(servers);
    Diagnosis { checks }
}

/// Runs the check of one device.
pub(crate) async fn device(audio: &AudioHandle, kind: DeviceKind, call_is_up: CallIsUp) -> Check {
    let until = Instant::now() + CHECK_LIMIT;
    Check::Device {
        kind,
        finding: devices::check(audio, kind, devices::Touch::Open, call_is_up, until).await,
    }
}

/// A server on a mobile network in a tunnel answers within 3 s, or does not.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// After the slowest list this leaves the servers those 3 s; people are promised 8 s.
const WHOLE_LIMIT: Duration = Duration::from_millis(7_900);

#[cfg(test)]
mod tests;

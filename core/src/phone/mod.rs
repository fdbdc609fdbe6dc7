//! The public surface: a [`Phone`] that places and receives calls, and a [`Call`] for each.
//!
//! | file | what it is |
//! |---|---|
//! | `builder.rs` | how a phone is put together, and adopted if it lives already |
//! | `call.rs` | the handle of one call |
//! | `live.rs` | the one live phone per user and device in this process |
//! | `shared.rs` | what handles and driver share |

mod builder;
mod call;
mod live;
mod shared;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

pub use self::builder::PhoneBuilder;
pub use self::call::{Call, CallStats};
use self::live::Live;
pub(crate) use self::live::Place;
pub(crate) use self::shared::{Asked, Shared, Signal};
use crate::audio::AudioHandle;
use crate::error::CallError;
use crate::events::{Event, EventKind, Events};
use crate::proto::call::{CallOrder, CallSnapshot, CallState, Command, Dial, Direction, VerbError};
use crate::proto::{CallId, DeviceId, UserId};
use crate::signaling::{Signaling, SignalingHealth};

/// A phone of one user on one device: it places calls, receives them, and lives until it is closed.
///
/// Clones are handles of the same phone. Dropping the last handle (calls included) closes it, unless it was built with
/// [`PhoneBuilder::keep_alive`].
///
/// # Examples
/// ```no_run
/// # async fn place(signaling: std::sync::Arc<dyn ringback::signaling::Signaling>) -> Result<(), Box<dyn std::error::Error>> {
/// let phone = ringback::Phone::builder(signaling).user("rider").start().await?;
/// let call = phone.call("driver").await?;
/// println!("{:?}", call.ended().await);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Phone {
    live: Arc<Live>,
}

/// What an outgoing call may carry besides the user to call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// The name to show at the callee, at most 128 bytes. A claim: the callee's app had better resolve names itself.
    pub display: Option<String>,
    /// The app's own context, a trip id say, at most 2 KiB.
    pub context: Option<String>,
    /// Whether the offer travels with the invite. Default: it does, which is the fastest.
    pub order: CallOrder,
}

/// The incoming calls of a phone, each once.
#[derive(Debug)]
pub struct IncomingCalls {
    phone: Phone,
    events: Events,
    waiting: VecDeque<CallId>,
    given: BTreeSet<CallId>,
}

impl Phone {
    /// Starts to put a phone together. Signaling belongs to one phone, which closes it when it closes.
    pub fn builder(signaling: Arc<dyn Signaling>) -> PhoneBuilder {
        PhoneBuilder::new(signaling)
    }

    /// Places a call and returns its handle at once; the state says how it goes.
    ///
    /// If that user's call rings here already, it is accepted instead and its handle is returned.
    ///
    /// # Errors
    /// The user id is malformed, it is this phone's own user, or the phone is closed. Being offline is not an error:
    /// the call ends as `Offline` if signaling stays away for 10 s.
    pub async fn call(&self, user: &str) -> Result<Call, CallError> {
        self.call_with(user, CallOptions::default()).await
    }

    /// Places a call with a display name, a context or another order of negotiation.
    ///
    /// # Errors
    /// As for [`Phone::call`], and if the display name or the context is too long.
    pub async fn call_with(&self, user: &str, options: CallOptions) -> Result<Call, CallError> {
        let to = UserId::new(user)?;
        let id = CallId::from_random(self.shared().ids.next().map_err(|_| CallError::NoEntropy)?);
        let CallOptions { display, context, order } = options;
        let placed = self.shared().ask(Command::Dial(Dial { call: id, to, display, context, order })).await?;
        placed.and_then(|id| self.handle(id)).ok_or(CallError::Verb(VerbError::UnknownCall))
    }

    /// Incoming calls from now on, and those that ring already, the oldest first.
    pub fn incoming(&self) -> IncomingCalls {
        let events = self.events();
        let waiting =
            self.shared().snapshots().into_iter().filter(rings_here).map(|call| call.call).collect();
        IncomingCalls { phone: self.clone(), events, waiting, given: BTreeSet::new() }
    }

    /// The calls that have not ended, the oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.shared().snapshots().into_iter().filter_map(|call| self.handle(call.call)).collect()
    }

    /// One ordered stream of everything that happens, from now on.
    pub fn events(&self) -> Events {
        self.shared().publisher.subscribe()
    }

    /// How signaling does: the current state first, then every change.
    pub fn signaling_health(&self) -> watch::Receiver<SignalingHealth> {
        self.shared().health.subscribe()
    }

    /// The sound devices: list, choose, volume, levels.
    pub fn audio(&self) -> &AudioHandle {
        &self.shared().audio
    }

    /// Tells the phone that the network changed (another Wi-Fi, cellular): it checks its paths at once.
    pub fn network_changed(&self) {
        self.shared().signals.network_changed();
    }

    /// Looks for what stands between this phone and a good call: devices, signaling, clock, STUN and TURN servers.
    ///
    /// Takes 8 s at most, and can run during a call, which it does not disturb: the devices are left alone then, and
    /// closed again as soon as a call begins. See [`diagnose`](crate::diagnose).
    ///
    /// # Cancel safety
    /// Dropping the future gives the diagnosis up; a TURN server may hold a port for ten minutes.
    #[cfg(feature = "diagnose")]
    pub async fn diagnose(&self, options: crate::diagnose::DiagnoseOptions) -> crate::diagnose::Diagnosis {
        let shared = self.shared();
        let patient = crate::diagnose::Patient {
            audio: shared.audio.clone(),
            call_is_up: self.call_is_up(),
            signaling: shared.signaling.upgrade(),
            health: shared.health.subscribe(),
            ice_servers: shared.ice_servers.clone(),
            resolver: Arc::new(crate::net::SystemResolver),
        };
        crate::diagnose::diagnose(patient, options).await
    }

    /// Opens the microphone or the speaker for a moment: this check of a [diagnosis](Phone::diagnose) alone.
    ///
    /// Takes 5 s at most, usually a fraction of one. The system may ask the user for permission.
    ///
    /// # Cancel safety
    /// Dropping the future closes the device.
    #[cfg(feature = "diagnose")]
    pub async fn diagnose_device(&self, kind: crate::audio::DeviceKind) -> crate::diagnose::Check {
        crate::diagnose::device(&self.shared().audio, kind, self.call_is_up()).await
    }

    /// The user of this phone.
    pub fn user(&self) -> &UserId {
        &self.live.user
    }

    /// The device of this phone.
    pub fn device(&self) -> DeviceId {
        self.live.device
    }

    /// Ends every call and closes the phone. Returns at once; [`Phone::closed`] waits for the end of it.
    pub fn close(&self) {
        self.shared().signals.close();
    }

    /// Returns once the phone is closed and no task, thread, socket or device of it is left: at most 2 s after
    /// [`Phone::close`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn closed(&self) {
        self.shared().closed().await;
    }

    #[cfg(feature = "diagnose")]
    fn call_is_up(&self) -> crate::diagnose::CallIsUp {
        let (shared, mut events) = (self.shared().clone(), self.events());
        let call: crate::BoxFuture<'static, ()> = Box::pin(async move {
            while shared.snapshots().is_empty() {
                if events.next().await.is_none() {
                    // Closed: there will be none.
                    std::future::pending().await
                }
            }
        });
        futures_util::FutureExt::shared(call)
    }

    fn handle(&self, call: CallId) -> Option<Call> {
        Some(Call::new(self.live.clone(), call, self.shared().watch(call)?))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.live.shared
    }
}

impl IncomingCalls {
    /// The next incoming call; `None` once the phone is closed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Call> {
        loop {
            while let Some(id) = self.waiting.pop_front() {
                if let Some(call) = self.phone.handle(id)
                    && self.given.insert(id)
                {
                    return Some(call);
                }
            }
            match self.events.next().await? {
                Event::Call(event) => match event.kind {
                    EventKind::Incoming(incoming) => self.waiting.push_back(incoming.call),
                    EventKind::State(CallState::Ended(_)) => {
                        self.given.remove(&event.call);
                    }
                    EventKind::State(_)
                    | EventKind::Outgoing
                    | EventKind::Delivery(_)
                    | EventKind::PeerMedia { .. }
                    | EventKind::Message(_)
                    | EventKind::Path(_)
                    | EventKind::FirstSound
                    | EventKind::PeerLevel { .. } => {}
                },
                Event::Lagged(calls) => {
                    self.waiting.extend(calls.iter().filter(|call| rings_here(call)).map(|call| call.call));
                }
                Event::Signaling(_)
                | Event::DeviceInUse { .. }
                | Event::DeviceFailed { .. }
                | Event::MicrophoneLevel { .. } => {}
            }
        }
    }
}

fn rings_here(call: &CallSnapshot) -> bool {
    call.direction == Direction::Incoming && call.state == CallState::Ringing
}

//! Audio calls for apps: call control, WebRTC media and pluggable signaling.
#![forbid(unsafe_code)]

pub mod audio;
pub mod clock;
#[cfg(feature = "diagnose")]
pub mod diagnose;
mod driver;
mod entropy;
mod error;
mod events;
pub mod media;
pub mod net;
mod phone;
mod policy;
#[cfg(any(feature = "webrtc", feature = "supabase", feature = "diagnose"))]
mod redacted;
pub mod signaling;
pub mod store;

pub use ringback_proto as proto;

pub use crate::error::{CallError, StartError};
pub use crate::events::{CallEvent, Event, EventKind, Events};
pub use crate::phone::{Call, CallOptions, CallStats, IncomingCalls, Phone, PhoneBuilder};
pub use crate::policy::{Everybody, MayRing};

/// A future of a port, boxed so that the port can be a trait object.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

#[cfg(all(doctest, feature = "diagnose"))]
#[doc = include_str!("../../docs/doctor.md")]
struct Doctor;

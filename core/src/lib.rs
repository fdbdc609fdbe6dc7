//! Audio calls for apps: call control, WebRTC media and pluggable signaling.
#![forbid(unsafe_code)]

pub mod audio;
pub mod clock;
pub mod media;
pub mod net;
pub mod signaling;

pub use ringback_proto as proto;

/// A future of a port, boxed so that the port can be a trait object.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

//! The port `MediaEngine`: connections that carry media.
//!
//! Call control speaks to a connection through [`MediaCommand`] and [`MediaEvent`]; sound goes past it, through the
//! queues of [`link`], between the engine's tasks and the audio engine.

pub mod ice;
pub mod link;
#[cfg(feature = "webrtc")]
pub mod webrtc;

use std::time::Duration;

use crate::BoxFuture;
pub use crate::proto::ConnId;
pub use crate::proto::session::{MediaCommand, MediaEvent};

/// Connections that carry media.
pub trait MediaEngine: Send + Sync + 'static {
    /// Queues a command. Never waits. Commands of one connection run in order; `Close` has room always.
    ///
    /// # Errors
    /// [`QueueFull`] if the 64 places of the connection are taken: the call is to end as `Internal`.
    fn command(&self, conn: ConnId, command: MediaCommand) -> Result<(), QueueFull>;

    /// The next thing that happened on any connection. Called by one task only.
    fn next(&self) -> BoxFuture<'_, (ConnId, EngineEvent)>;

    /// Statistics of a connection, counted since it was opened; `None` if there is no such connection.
    fn stats(&self, conn: ConnId) -> BoxFuture<'_, Option<ConnStats>>;

    /// The network under the phone changed: what was learned of the one before may be wrong. Never waits. The default
    /// does nothing; restarts of connections come as commands.
    fn network_changed(&self) {}

    /// Closes every connection; returns when no task and no socket of the engine is left.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// The queue of a connection is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the command queue of the connection is full")]
pub struct QueueFull;

/// What the engine reports.
#[derive(Debug)]
pub enum EngineEvent {
    /// For call control.
    Session(MediaEvent),
    /// The queues of the connection's sound: comes once, right after `Open`, before any media flows.
    Sound(link::SoundLink),
    /// The connection goes over another candidate pair.
    PathChanged(SelectedPath),
}

/// The candidate pair in use, without addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectedPath {
    /// Our candidate's type.
    pub local: PathKind,
    /// The peer's candidate's type.
    pub remote: PathKind,
}

/// The type of a candidate (RFC 8445 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// An address of the machine itself.
    Host,
    /// An address that a STUN server saw.
    ServerReflexive,
    /// An address that the peer saw.
    PeerReflexive,
    /// An address of a TURN server.
    Relay,
}

impl PathKind {
    /// The word of the candidate attribute (RFC 8839 section 5.1): `host`, `srflx`, `prflx`, `relay`.
    pub fn name(self) -> &'static str {
        match self {
            PathKind::Host => "host",
            PathKind::ServerReflexive => "srflx",
            PathKind::PeerReflexive => "prflx",
            PathKind::Relay => "relay",
        }
    }
}

/// Counters of one connection since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ConnStats {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// Packets that the peer sent and that never came (RFC 3550 appendix A.3).
    pub packets_lost: u64,
    /// The loss that the peer last reported for what we send, 0 to 1.
    pub remote_loss: f32,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// Round-trip time, from RTCP or STUN; `None` until one was measured.
    pub round_trip: Option<Duration>,
    /// The pair in use.
    pub path: Option<SelectedPath>,
}

//! How large a message and its parts may be.
//!
//! What is larger is refused whole, by its decoder here and by a server that checks before it stores.

/// An envelope, in bytes of JSON. A WebSocket hub of the Realtime kind takes 250 KB; an SDP of audio has 2.
pub const ENVELOPE_BYTES: usize = 64 * 1024;
/// A session description, in bytes.
pub const SDP_BYTES: usize = 16 * 1024;
/// Candidates in one generation.
pub const CANDIDATES: usize = 32;
/// One candidate attribute, in bytes: the longest legal one with an IPv6 address and a related address has under 300.
pub const CANDIDATE_BYTES: usize = 512;
/// A media section's name, in bytes.
pub const MID_BYTES: usize = 32;
/// The app's context in an invite, in bytes.
pub const CONTEXT_BYTES: usize = 2 * 1024;
/// An app message, in bytes before base64.
pub const MESSAGE_BYTES: usize = 4 * 1024;
/// A display name, in bytes.
pub const DISPLAY_BYTES: usize = 128;
/// A reason or capability, in bytes.
pub const CODE_BYTES: usize = 64;
/// Capabilities in an invite.
pub const CAPS: usize = 32;
/// The longest life of a message, in milliseconds: that of an ending and of the longest ring.
pub const TTL_MS: u64 = 120_000;

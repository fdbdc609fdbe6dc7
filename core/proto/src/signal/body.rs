//! What an envelope says: one variant for each kind of message.
//!
//! | kind | from | proof of receipt |
//! |---|---|---|
//! | `invite` | caller | per device: `ringing`, `busy`, `decline`, `answer` |
//! | `ringing` | callee device | none; sent again on a repeated invite, and every 8 s while it rings |
//! | `answer` | callee device | `settled` |
//! | `settled` | caller | winner: none, sent again on a repeated answer; losers: `ack` |
//! | `decline` | callee device | `ack` |
//! | `busy` | callee device | `ack` |
//! | `cancel` | caller | `ack`, per device |
//! | `candidates` | either | `ack` |
//! | `negotiate` | either | an offer by its answer, `wanted` and `rebuild` by the offer |
//! | `media` | either | `ack` |
//! | `message` | either | `ack` |
//! | `hangup` | either | `ack` |
//! | `ack`, `error` | either | none |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Hex;
use crate::call::CallOrder;
use crate::{CallId, DeviceId, MessageId};

/// The content of a message, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// The caller wants to talk.
    Invite(Box<Invite>),
    /// A device of the callee rings.
    Ringing(Ringing),
    /// A device of the callee accepted.
    Answer(Box<Answer>),
    /// The caller names the device that won.
    Settled(Settled),
    /// The callee does not want to.
    Decline(Decline),
    /// A device of the callee is in another call.
    Busy {},
    /// The caller gave up, or somebody else decided.
    Cancel(Cancel),
    /// All candidates of a generation, as far as they are known.
    Candidates(Candidates),
    /// A step of media negotiation after the first.
    Negotiate(Negotiate),
    /// What the sender sends.
    Media(MediaState),
    /// Bytes of the app.
    Message(Message),
    /// An answered call is over.
    Hangup(Hangup),
    /// A message was received.
    Ack(Ack),
    /// A message was not understood.
    Error(ProtocolError),
}

impl Body {
    /// The kind on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Body::Invite(_) => "invite",
            Body::Ringing(_) => "ringing",
            Body::Answer(_) => "answer",
            Body::Settled(_) => "settled",
            Body::Decline(_) => "decline",
            Body::Busy {} => "busy",
            Body::Cancel(_) => "cancel",
            Body::Candidates(_) => "candidates",
            Body::Negotiate(_) => "negotiate",
            Body::Media(_) => "media",
            Body::Message(_) => "message",
            Body::Hangup(_) => "hangup",
            Body::Ack(_) => "ack",
            Body::Error(_) => "error",
        }
    }
}

/// The caller wants to talk. Its offer, if any, is round 1 of connection 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Counts the calls of the caller's instance.
    pub seq: u64,
    /// The caller's description; absent when it offers after Accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
    /// The caller's candidates so far.
    #[serde(default)]
    pub candidates: Vec<WireCandidate>,
    /// What the caller wants to send and receive.
    #[serde(default)]
    pub media: Kinds,
    /// The caller's claimed name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The app's context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// What the caller's software can do; unknown ones mean nothing.
    #[serde(default)]
    pub caps: Vec<String>,
    /// Whether the offer is here or comes after Accept.
    #[serde(default)]
    pub order: CallOrder,
    /// `SHA-256(nonce, caller's fingerprint)`; the nonce comes in `settled`.
    pub commit: Hex<32>,
    /// Present if a restarted process wants its call back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

/// The claim of a restarted process to a call of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// `HMAC-SHA-256(secret, call, new instance, new fingerprint)`.
    pub proof: Hex<32>,
}

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// Sound.
    #[serde(default)]
    pub audio: bool,
    /// Pictures.
    #[serde(default)]
    pub video: bool,
}

impl Default for Kinds {
    fn default() -> Self {
        Self { audio: true, video: false }
    }
}

/// A device of the callee rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ringing {
    /// The user can see or hear it.
    pub shown: bool,
    /// A connection that the device offers while it rings (pre-connection).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
}

/// A device of the callee accepted. Its description, if any, answers round 1 of connection 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The callee's description; absent when the offer comes after Accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The callee's candidates so far.
    #[serde(default)]
    pub candidates: Vec<WireCandidate>,
    /// SHA-256 of the callee's DTLS certificate.
    pub fingerprint: Hex<32>,
    /// The callee's half of the safety code.
    pub nonce: Hex<16>,
    /// The callee's half of the secret that lets a restarted process back in.
    pub share: Hex<16>,
}

/// The caller names the device that won. The winner's own copy carries nonce and share, the others' does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The device that won.
    pub winner: DeviceId,
    /// The caller's half of the safety code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Hex<16>>,
    /// The caller's half of the secret that lets a restarted process back in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Hex<16>>,
}

/// The callee does not want to talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// Why.
    #[serde(default)]
    pub reason: DeclineReason,
}

/// Why a device declined. An unknown reason reads as `declined`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// Its user pressed Decline.
    #[default]
    Declined,
    /// Its user took another call that rang at the same time.
    Busy,
}

impl<'de> Deserialize<'de> for DeclineReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "busy" => DeclineReason::Busy,
            _ => DeclineReason::Declined,
        })
    }
}

/// The caller gave up, or somebody else decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Why.
    pub reason: CancelReason,
    /// The call that goes on, after `glare`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<CallId>,
}

/// Why the caller's side ended an unanswered call. An unknown reason reads as `user`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The caller hung up.
    User,
    /// Nobody answered in time.
    Timeout,
    /// Both called each other, and the other call goes on.
    Glare,
    /// A device of the callee declined.
    Declined,
    /// The callee is busy.
    Busy,
    /// The caller's process is not the one that called, or the call broke.
    Gone,
}

impl<'de> Deserialize<'de> for CancelReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "timeout" => CancelReason::Timeout,
            "glare" => CancelReason::Glare,
            "declined" => CancelReason::Declined,
            "busy" => CancelReason::Busy,
            "gone" => CancelReason::Gone,
            _ => CancelReason::User,
        })
    }
}

/// All candidates of a generation, as far as they are known. Addressed to all devices it is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// The connection: 1 for the first of the call, one more for each rebuild.
    pub conn: u32,
    /// The round whose description carries the ICE credentials that these belong to.
    pub generation: u32,
    /// The complete list so far.
    #[serde(default)]
    pub candidates: Vec<WireCandidate>,
    /// No more will come.
    #[serde(default)]
    pub end: bool,
}

/// A candidate with its media section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCandidate {
    /// The attribute without `a=`.
    pub candidate: String,
    /// The media section.
    pub mid: String,
}

/// A step of media negotiation after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiate {
    /// The connection.
    pub conn: u32,
    /// The round: that of the offer, or for `wanted` and `rebuild` the last one the sender knows.
    pub round: u32,
    /// What this is.
    pub what: Negotiation,
    /// The description of an offer or answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// With new ICE credentials.
    #[serde(default)]
    pub ice_restart: bool,
}

/// What a `negotiate` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Negotiation {
    /// The caller's offer.
    Offer,
    /// The callee's answer.
    Answer,
    /// The callee asks for an offer.
    Wanted,
    /// The callee asks for a new connection.
    Rebuild,
}

/// What the sender sends. The last revision wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaState {
    /// Counts the changes.
    pub revision: u64,
    /// It sends silence.
    #[serde(default)]
    pub muted: bool,
    /// It put the call on hold.
    #[serde(default)]
    pub held: bool,
    /// It records.
    #[serde(default)]
    pub recording: bool,
}

/// Bytes of the app, base64 on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The bytes.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub data: Vec<u8>,
}

/// An answered call is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hangup {
    /// The stable code of the end reason.
    pub reason: String,
}

/// A message was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The message.
    pub of: MessageId,
}

/// A message was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolError {
    /// The message.
    pub of: MessageId,
    /// What was wrong with it.
    pub code: ErrorCode,
    /// The highest version that the sender of the error speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// What was wrong with a message. An unknown code reads as `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The version of the envelope.
    UnsupportedVersion,
    /// The description: it does not parse, or asks for what we cannot do.
    UnsupportedCodec,
    /// Something that a newer version knows.
    Other,
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.as_str() {
            "unsupported_version" => ErrorCode::UnsupportedVersion,
            "unsupported_codec" => ErrorCode::UnsupportedCodec,
            _ => ErrorCode::Other,
        })
    }
}

fn to_base64<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(|_| de::Error::custom("not base64"))
}

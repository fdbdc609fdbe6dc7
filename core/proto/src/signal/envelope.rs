//! The envelope, version 1: what surrounds every message, and its JSON form.
//!
//! ```json
//! {"v":1,"id":"<uuid v4>","call":"<uuid v4>","kind":"invite","ttl_ms":45000,
//!  "from":{"user":"u1","device":"<uuid>","instance":"<16 hex>"},
//!  "to":{"user":"u2","device":null,"instance":null},"body":{},"auth":null}
//! ```
//!
//! Fields that this version does not know are skipped, and of a field given twice the last counts. An envelope of
//! another version is refused with enough of it read to answer its sender.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::{Body, Invite, WireCandidate};
use super::{To, limits};
use crate::{CallId, DeviceId, Instance, MessageId, UserId};

/// The version that this crate speaks.
pub const VERSION: u32 = 1;

/// A message with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The idempotency key; a resend keeps it.
    pub id: MessageId,
    /// The call.
    pub call: CallId,
    /// The life left, in whole milliseconds: at most 120 s.
    pub ttl: Duration,
    /// Who sends it: a claim, unless the transport stamps it.
    pub from: Sender,
    /// Whom it is for.
    pub to: To,
    /// What it says.
    pub body: Body,
}

/// Who sends a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sender {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// The run of its process.
    pub instance: Instance,
}

/// Why a text is not a message for us. None of these ends a call or costs the transport's connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Over 64 KiB.
    #[error("the envelope is larger than 65536 bytes")]
    TooLarge,
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("the envelope is malformed")]
    Malformed,
    /// A part of it is over its limit.
    #[error("a part of the envelope is over its limit")]
    OverLimit,
    /// A kind of a newer version: to be ignored.
    #[error("the kind of the message is unknown")]
    UnknownKind,
    /// Another version: to be answered with `error {unsupported_version}`, if its header could be read.
    #[error("the version of the envelope is not supported")]
    UnsupportedVersion(Option<Box<Unsupported>>),
}

/// What could be read of an envelope of another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The message.
    pub id: MessageId,
    /// The call.
    pub call: CallId,
    /// Its kind, unchecked.
    pub kind: String,
    /// Who sent it.
    pub from: Sender,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`DecodeError`] says why the text is not a message for us; it is dropped then.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        if text.len() > limits::ENVELOPE_BYTES {
            return Err(DecodeError::TooLarge);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| DecodeError::Malformed)?;
        let version = value.get("v").and_then(Value::as_u64).ok_or(DecodeError::Malformed)?;
        if version != u64::from(VERSION) {
            return Err(DecodeError::UnsupportedVersion(Unsupported::read(&value)));
        }
        let header = Header::deserialize(&value).map_err(|_| DecodeError::Malformed)?;
        let body = value.get("body").unwrap_or(&Value::Null);
        let body = decode_body(&header.kind, body)?;
        check_limits(&body)?;
        Ok(Self {
            id: header.id,
            call: header.call,
            ttl: Duration::from_millis(header.ttl_ms.min(limits::TTL_MS)),
            from: header.from,
            to: header.to,
            body,
        })
    }

    /// Writes it as JSON.
    pub fn encode(&self) -> String {
        let whole = Whole {
            v: VERSION,
            id: self.id,
            call: self.call,
            kind: self.body.kind(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(limits::TTL_MS),
            from: &self.from,
            to: &self.to,
            body: &self.body,
            auth: None,
        };
        // Strings, numbers and maps with string keys only: serde_json has nothing to refuse.
        serde_json::to_string(&whole).unwrap_or_default()
    }
}

impl Unsupported {
    fn read(value: &Value) -> Option<Box<Self>> {
        let Header { id, call, kind, from, .. } = Header::deserialize(value).ok()?;
        Some(Box::new(Self { id, call, kind, from }))
    }
}

#[derive(Deserialize)]
struct Header {
    id: MessageId,
    call: CallId,
    kind: String,
    ttl_ms: u64,
    from: Sender,
    to: To,
}

#[derive(Serialize)]
struct Whole<'a> {
    v: u32,
    id: MessageId,
    call: CallId,
    kind: &'static str,
    ttl_ms: u64,
    from: &'a Sender,
    to: &'a To,
    body: &'a Body,
    auth: Option<String>,
}

fn decode_body(kind: &str, body: &Value) -> Result<Body, DecodeError> {
    fn read<'de, T: Deserialize<'de>>(body: &'de Value) -> Result<T, DecodeError> {
        T::deserialize(body).map_err(|_| DecodeError::Malformed)
    }
    Ok(match kind {
        "invite" => Body::Invite(read(body)?),
        "ringing" => Body::Ringing(read(body)?),
        "answer" => Body::Answer(read(body)?),
        "settled" => Body::Settled(read(body)?),
        "decline" => Body::Decline(read(body)?),
        "busy" => Body::Busy {},
        "cancel" => Body::Cancel(read(body)?),
        "candidates" => Body::Candidates(read(body)?),
        "negotiate" => Body::Negotiate(read(body)?),
        "media" => Body::Media(read(body)?),
        "message" => Body::Message(read(body)?),
        "hangup" => Body::Hangup(read(body)?),
        "ack" => Body::Ack(read(body)?),
        "error" => Body::Error(read(body)?),
        _ => return Err(DecodeError::UnknownKind),
    })
}

fn check_limits(body: &Body) -> Result<(), DecodeError> {
    let kept = match body {
        Body::Invite(invite) => invite_keeps(invite),
        Body::Ringing(ringing) => sdp_keeps(ringing.offer.as_deref()),
        Body::Answer(answer) => sdp_keeps(answer.answer.as_deref()) && candidates_keep(&answer.candidates),
        Body::Candidates(list) => candidates_keep(&list.candidates),
        Body::Negotiate(step) => sdp_keeps(step.sdp.as_deref()),
        Body::Message(message) => message.data.len() <= limits::MESSAGE_BYTES,
        Body::Hangup(hangup) => hangup.reason.len() <= limits::CODE_BYTES,
        Body::Settled(_)
        | Body::Decline(_)
        | Body::Busy {}
        | Body::Cancel(_)
        | Body::Media(_)
        | Body::Ack(_)
        | Body::Error(_) => true,
    };
    if kept { Ok(()) } else { Err(DecodeError::OverLimit) }
}

fn invite_keeps(invite: &Invite) -> bool {
    sdp_keeps(invite.offer.as_deref())
        && candidates_keep(&invite.candidates)
        && invite.display.as_ref().is_none_or(|text| text.len() <= limits::DISPLAY_BYTES)
        && invite.context.as_ref().is_none_or(|text| text.len() <= limits::CONTEXT_BYTES)
        && invite.caps.len() <= limits::CAPS
        && invite.caps.iter().all(|cap| cap.len() <= limits::CODE_BYTES)
}

fn sdp_keeps(sdp: Option<&str>) -> bool {
    sdp.is_none_or(|text| text.len() <= limits::SDP_BYTES)
}

fn candidates_keep(list: &[WireCandidate]) -> bool {
    let keeps = |one: &WireCandidate| {
        one.candidate.len() <= limits::CANDIDATE_BYTES && one.mid.len() <= limits::MID_BYTES
    };
    list.len() <= limits::CANDIDATES && list.iter().all(keeps)
}

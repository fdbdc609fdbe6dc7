//! The outer layer of the wire: websocket messages to frames and back, in both serializers.
//!
//! | serializer | text | binary |
//! |---|---|---|
//! | 2.0.0 | `[join_ref, ref, topic, event, payload]` | kinds 0 to 4, see [`super::binary`] |
//! | 1.0.0 | `{"topic","event","payload","ref"}`, from the server never with a `join_ref` | none |
//!
//! In 1.0.0 the server splices the body of other clients' broadcasts unparsed into its frames, so a body may bring
//! keys of the frame along. A duplicate key is therefore refused, at both levels that we read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::binary::{self, BinaryFrame};

/// A websocket message, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// The version of the serializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serializer {
    /// 1.0.0. Only for servers that know nothing else: its frames can be forged by whoever may write a topic.
    V1,
    /// 2.0.0, the default.
    #[default]
    V2,
}

impl Serializer {
    /// The value of the query parameter `vsn`.
    pub const fn vsn(self) -> &'static str {
        match self {
            Serializer::V1 => "1.0.0",
            Serializer::V2 => "2.0.0",
        }
    }
}

/// Why a frame was thrown away. The socket lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// Not a text frame of the serializer in use, or one with a key twice.
    #[error("not a text frame of the serializer in use")]
    Text,
    /// A binary frame that is cut short, is of no known kind, or came on a 1.0.0 socket.
    #[error("not a binary frame of the serializer in use")]
    Binary,
    /// The payload of a known event has another shape.
    #[error("a known event with a payload of another shape")]
    Payload,
}

/// The `ref` or `join_ref` of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// Null or missing.
    None,
    /// A number: ours, if we gave it out.
    Number(u64),
    /// Anything else: never ours.
    Foreign,
}

impl Tag {
    /// Whether it is this number of ours.
    pub(super) fn is(self, number: u64) -> bool {
        self == Tag::Number(number)
    }
}

/// One frame from the server, its payload unread.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) join_ref: Tag,
    pub(super) reference: Tag,
    pub(super) topic: Cow<'a, str>,
    pub(super) event: Cow<'a, str>,
    pub(super) payload: RawPayload<'a>,
}

/// A payload, unread.
#[derive(Debug)]
pub(super) enum RawPayload<'a> {
    Json(&'a str),
    /// A binary reply: its status says it all.
    Status(&'a str),
    /// Bytes that we have no use for.
    Opaque,
    /// A user broadcast of binary kind 4: the event of the frame is the user's.
    Broadcast {
        metadata: &'a str,
        json: bool,
        body: &'a [u8],
    },
}

pub(super) fn decode(serializer: Serializer, packet: &Packet) -> Result<Frame<'_>, BadFrame> {
    match (serializer, packet) {
        (Serializer::V2, Packet::Text(text)) => decode_v2(text),
        (Serializer::V1, Packet::Text(text)) => decode_v1(text),
        (Serializer::V2, Packet::Binary(bytes)) => binary::decode(bytes).map(Frame::from),
        (Serializer::V1, Packet::Binary(_)) => Err(BadFrame::Binary),
    }
}

/// A text frame to the server.
pub(super) fn encode(
    serializer: Serializer,
    join_ref: Option<u64>,
    reference: u64,
    topic: &str,
    event: &str,
    payload: &impl Serialize,
) -> Result<Packet, serde_json::Error> {
    #[derive(Serialize)]
    struct WireV1<'a, P> {
        topic: &'a str,
        event: &'a str,
        payload: &'a P,
        #[serde(rename = "ref")]
        reference: String,
        join_ref: Option<String>,
    }
    let (join_ref, reference) = (join_ref.map(|number| number.to_string()), reference.to_string());
    let text = match serializer {
        Serializer::V2 => serde_json::to_string(&(join_ref, reference, topic, event, payload)),
        Serializer::V1 => serde_json::to_string(&WireV1 { topic, event, payload, reference, join_ref }),
    };
    text.map(Packet::Text)
}

impl<'a> From<BinaryFrame<'a>> for Frame<'a> {
    fn from(binary: BinaryFrame<'a>) -> Self {
        let (join_ref, reference, topic, event, payload) = match binary {
            BinaryFrame::Push { join_ref, topic, event, body: _ } => {
                (tag_of(join_ref), Tag::None, topic, event, RawPayload::Opaque)
            }
            BinaryFrame::Reply { join_ref, reference, topic, status, body: _ } => {
                (tag_of(join_ref), tag_of(reference), topic, "phx_reply", RawPayload::Status(status))
            }
            BinaryFrame::Broadcast { topic, event, body: _ } => {
                (Tag::None, Tag::None, topic, event, RawPayload::Opaque)
            }
            BinaryFrame::UserBroadcast { topic, event, metadata, json, body } => {
                (Tag::None, Tag::None, topic, event, RawPayload::Broadcast { metadata, json, body })
            }
        };
        Frame { join_ref, reference, topic: topic.into(), event: event.into(), payload }
    }
}

fn decode_v2(text: &str) -> Result<Frame<'_>, BadFrame> {
    #[derive(Deserialize)]
    struct Wire<'a>(
        #[serde(borrow)] &'a RawValue,
        #[serde(borrow)] &'a RawValue,
        #[serde(borrow)] Cow<'a, str>,
        #[serde(borrow)] Cow<'a, str>,
        #[serde(borrow)] &'a RawValue,
    );
    let Wire(join_ref, reference, topic, event, payload) =
        serde_json::from_str(text).map_err(|_| BadFrame::Text)?;
    Ok(Frame {
        join_ref: tag(join_ref),
        reference: tag(reference),
        topic,
        event,
        payload: RawPayload::Json(payload.get()),
    })
}

fn decode_v1(text: &str) -> Result<Frame<'_>, BadFrame> {
    // serde refuses a key of these twice; a `join_ref` can only be forged and is not read.
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        topic: Cow<'a, str>,
        #[serde(borrow)]
        event: Cow<'a, str>,
        #[serde(borrow)]
        payload: &'a RawValue,
        #[serde(borrow, rename = "ref", default)]
        reference: Option<&'a RawValue>,
    }
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|_| BadFrame::Text)?;
    Ok(Frame {
        join_ref: Tag::None,
        reference: wire.reference.map_or(Tag::None, tag),
        topic: wire.topic,
        event: wire.event,
        payload: RawPayload::Json(wire.payload.get()),
    })
}

fn tag(raw: &RawValue) -> Tag {
    match raw.get() {
        "null" => Tag::None,
        text => tag_of(text.trim_matches('"')),
    }
}

fn tag_of(text: &str) -> Tag {
    if text.is_empty() {
        return Tag::None;
    }
    text.parse().map_or(Tag::Foreign, Tag::Number)
}

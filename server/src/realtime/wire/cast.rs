//! Broadcasts on their way out. Each is encoded once for each serializer, however many sockets get it.
//!
//! | from | at 2.0.0 | at 1.0.0 |
//! |---|---|---|
//! | kind 3, single REST, database | binary kind 4 | text, the body spliced in unparsed |
//! | the same with bytes | binary kind 4 | nothing |
//! | a text frame, batch REST | text with a null join_ref | text |
//! | a raw push of bytes (kind 0) | binary kind 2 | nothing |
//! | a replay | text with the join_ref and `meta`; bytes: kind 4 | text with `meta`; bytes: nothing |

use axum::extract::ws::Message;
use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Vsn, frame};

/// The body of a broadcast. JSON is passed on unparsed, as the real server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Json(Bytes),
    Bytes(Bytes),
}

/// A broadcast on its way to the subscribers of a topic.
#[derive(Debug, Clone)]
pub(crate) enum Cast {
    /// From a kind-3 frame, the single REST call or the database, which gives it an id.
    User { event: String, content: Content, id: Option<String> },
    /// From a text frame or the batch REST call: the whole payload as JSON, extra keys included.
    Text { payload: String },
    /// From a kind-0 frame.
    Raw { bytes: Bytes },
    /// A presence diff, as JSON.
    Presence { payload: String },
}

/// A cast in both serializers, each encoded when the first socket needs it.
pub(crate) struct Encoded<'a> {
    cast: &'a Cast,
    topic: &'a str,
    splice_v1: bool,
    v1: Option<Option<Message>>,
    v2: Option<Option<Message>>,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        match self {
            Content::Json(body) | Content::Bytes(body) => body.len(),
        }
    }
}

impl Cast {
    /// Whether nobody gets it: a length does not fit into the byte it has in a kind-4 frame, and the real server fails
    /// before it has sent anything.
    pub(crate) fn does_not_fit(&self, topic: &str) -> bool {
        match self {
            Cast::User { event, .. } => topic.len() > MOST_LENGTH || event.len() > MOST_LENGTH,
            Cast::Raw { .. } => topic.len() > MOST_LENGTH,
            Cast::Text { .. } | Cast::Presence { .. } => false,
        }
    }
}

impl<'a> Encoded<'a> {
    pub(crate) fn new(cast: &'a Cast, topic: &'a str, splice_v1: bool) -> Self {
        Self { cast, topic, splice_v1, v1: None, v2: None }
    }

    /// The frame for a socket; `None` if it cannot get this one.
    pub(crate) fn frame(&mut self, vsn: Vsn) -> Option<Message> {
        let Self { cast, topic, splice_v1, v1, v2 } = self;
        match vsn {
            Vsn::V1 => v1.get_or_insert_with(|| encode_v1(cast, topic, *splice_v1)),
            Vsn::V2 => v2.get_or_insert_with(|| encode_v2(cast, topic)),
        }
        .clone()
    }
}

/// A stored message for one who joins late.
pub(crate) fn replayed(
    vsn: Vsn,
    join_ref: Option<&str>,
    topic: &str,
    event: &str,
    content: &Content,
    id: &str,
) -> Option<Message> {
    let meta = json!({"replayed": true, "id": id});
    match (content, vsn) {
        (Content::Bytes(body), Vsn::V2) => kind_4(topic, event, &meta.to_string(), 0, body),
        (Content::Bytes(_), Vsn::V1) => None,
        (Content::Json(body), Vsn::V1 | Vsn::V2) => {
            let payload: Value = serde_json::from_slice(body).ok()?;
            let payload = json!({"type": "broadcast", "event": event, "payload": payload, "meta": meta});
            Some(frame(vsn, join_ref, None, topic, "broadcast", &payload))
        }
    }
}

fn encode_v2(cast: &Cast, topic: &str) -> Option<Message> {
    match cast {
        Cast::User { event, content, id } => {
            let meta = id.as_ref().map(|id| json!({"id": id}).to_string()).unwrap_or_default();
            match content {
                Content::Bytes(body) => kind_4(topic, event, &meta, 0, body),
                Content::Json(body) => kind_4(topic, event, &meta, 1, body),
            }
        }
        Cast::Raw { bytes } => {
            let lengths = [2, u8::try_from(topic.len()).ok()?, BROADCAST_LENGTH];
            Some(Message::Binary(
                [&lengths[..], topic.as_bytes(), BROADCAST.as_bytes(), bytes].concat().into(),
            ))
        }
        Cast::Text { payload } => Some(text_v2(topic, BROADCAST, payload)),
        Cast::Presence { payload } => Some(text_v2(topic, "presence_diff", payload)),
    }
}

fn encode_v1(cast: &Cast, topic: &str, splice: bool) -> Option<Message> {
    match cast {
        Cast::User { event, content: Content::Json(body), id } => {
            let body = body_v1(body, splice)?;
            let event = json!(event);
            let meta = id.as_ref().map(|id| format!(r#","meta":{{"id":{}}}"#, json!(id))).unwrap_or_default();
            let payload = format!(r#"{{"type":"broadcast","event":{event},"payload":{body}{meta}}}"#);
            Some(text_v1(topic, BROADCAST, &payload))
        }
        Cast::User { content: Content::Bytes(_), .. } | Cast::Raw { .. } => None,
        Cast::Text { payload } => Some(text_v1(topic, BROADCAST, payload)),
        Cast::Presence { payload } => Some(text_v1(topic, "presence_diff", payload)),
    }
}

/// The body as it goes into a 1.0.0 frame: as it is, were it forged or broken, or with the fault switched off as JSON.
fn body_v1(body: &Bytes, splice: bool) -> Option<String> {
    if splice {
        return Some(String::from_utf8_lossy(body).into_owned());
    }
    serde_json::from_slice::<&RawValue>(body).ok().map(|body| body.get().to_owned())
}

fn kind_4(topic: &str, event: &str, meta: &str, encoding: u8, body: &[u8]) -> Option<Message> {
    let length = |text: &str| u8::try_from(text.len()).ok();
    let header = [4, length(topic)?, length(event)?, length(meta)?, encoding];
    let frame = [&header[..], topic.as_bytes(), event.as_bytes(), meta.as_bytes(), body].concat();
    Some(Message::Binary(frame.into()))
}

fn text_v2(topic: &str, event: &str, payload: &str) -> Message {
    let (topic, event) = (json!(topic), json!(event));
    Message::Text(format!("[null,null,{topic},{event},{payload}]").into())
}

fn text_v1(topic: &str, event: &str, payload: &str) -> Message {
    let (topic, event) = (json!(topic), json!(event));
    Message::Text(format!(r#"{{"topic":{topic},"event":{event},"payload":{payload},"ref":null}}"#).into())
}

const BROADCAST: &str = "broadcast";
const BROADCAST_LENGTH: u8 = 9;
/// Every length of a binary frame is one byte.
const MOST_LENGTH: usize = 255;

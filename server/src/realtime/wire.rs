//! The server's side of the wire: frames of clients in, frames to clients out, in both serializers.
//!
//! Written apart from the client's codec in `ringback-proto`, so that one mistake does not hide in both.

use axum::extract::ws::Message;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The version of the serializer of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vsn {
    V1,
    V2,
}

/// A frame of a client.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) join_ref: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) topic: String,
    pub(crate) event: String,
    pub(crate) payload: UpPayload,
}

#[derive(Debug)]
pub(crate) enum UpPayload {
    Json(Value),
    /// A kind-3 broadcast: the event is the user's.
    Broadcast(Content),
}

/// The body of a broadcast. JSON is passed on unparsed, as the real server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Json(Bytes),
    Bytes(Bytes),
}

/// A broadcast on its way to the subscribers of a topic.
#[derive(Debug, Clone)]
pub(crate) enum Cast {
    /// From a kind-3 frame or the single REST call: kind 4 for 2.0.0, spliced text for 1.0.0.
    User { event: String, content: Content },
    /// From a text frame or the batch REST call: the whole payload as it came, extra keys included.
    Text { payload: String },
    /// A presence diff.
    Presence { payload: String },
}

/// Reads a client's frame; `None`: it makes no sense and is ignored.
pub(crate) fn read(vsn: Vsn, message: &Message) -> Option<Up> {
    match (vsn, message) {
        (Vsn::V1, Message::Text(text)) => read_v1(text),
        (Vsn::V2, Message::Text(text)) => read_v2(text),
        (Vsn::V2, Message::Binary(bytes)) => read_binary(bytes),
        _ => None,
    }
}

/// A frame to a client. In 1.0.0 the join_ref is left out.
pub(crate) fn frame(
    vsn: Vsn,
    join_ref: Option<&str>,
    reference: Option<&str>,
    topic: &str,
    event: &str,
    payload: &Value,
) -> Message {
    let text = match vsn {
        Vsn::V2 => json!([join_ref, reference, topic, event, payload]),
        Vsn::V1 => json!({"topic": topic, "event": event, "payload": payload, "ref": reference}),
    };
    Message::Text(text.to_string().into())
}

/// A broadcast to a client; `None` if this client cannot get it: 1.0.0 has no bytes.
pub(crate) fn cast(vsn: Vsn, topic: &str, cast: &Cast) -> Option<Message> {
    match (cast, vsn) {
        (Cast::User { event, content }, Vsn::V2) => {
            let (encoding, body) = match content {
                Content::Bytes(body) => (0, body),
                Content::Json(body) => (1, body),
            };
            let lengths = [u8::try_from(topic.len()).ok()?, u8::try_from(event.len()).ok()?, 0, encoding];
            Some(Message::Binary(
                [&[4], &lengths[..], topic.as_bytes(), event.as_bytes(), body].concat().into(),
            ))
        }
        (Cast::User { event, content: Content::Json(body) }, Vsn::V1) => {
            let body = String::from_utf8_lossy(body);
            let payload = format!(r#"{{"type":"broadcast","event":{},"payload":{body}}}"#, json!(event));
            Some(spliced(vsn, topic, "broadcast", &payload))
        }
        (Cast::User { content: Content::Bytes(_), .. }, Vsn::V1) => None,
        (Cast::Text { payload }, _) => Some(spliced(vsn, topic, "broadcast", payload)),
        (Cast::Presence { payload }, _) => Some(spliced(vsn, topic, "presence_diff", payload)),
    }
}

fn spliced(vsn: Vsn, topic: &str, event: &str, payload: &str) -> Message {
    let (topic, event) = (json!(topic), json!(event));
    let text = match vsn {
        Vsn::V2 => format!("[null,null,{topic},{event},{payload}]"),
        Vsn::V1 => format!(r#"{{"topic":{topic},"event":{event},"payload":{payload},"ref":null}}"#),
    };
    Message::Text(text.into())
}

fn read_v1(text: &str) -> Option<Up> {
    #[derive(Deserialize)]
    struct Wire {
        topic: String,
        event: String,
        #[serde(default)]
        payload: Value,
        #[serde(default, rename = "ref")]
        reference: Option<String>,
        #[serde(default)]
        join_ref: Option<String>,
    }
    let Wire { topic, event, payload, reference, join_ref } = serde_json::from_str(text).ok()?;
    Some(Up { join_ref, reference, topic, event, payload: UpPayload::Json(payload) })
}

fn read_v2(text: &str) -> Option<Up> {
    let (join_ref, reference, topic, event, payload) = serde_json::from_str(text).ok()?;
    Some(Up { join_ref, reference, topic, event, payload: UpPayload::Json(payload) })
}

fn read_binary(bytes: &Bytes) -> Option<Up> {
    let (&header, rest) = bytes.split_first_chunk::<7>()?;
    let [3, join_ref, reference, topic, event, metadata, encoding] = header else { return None };
    let mut rest = rest;
    let mut text = |length: u8| {
        let (field, after) = rest.split_at_checked(usize::from(length))?;
        rest = after;
        String::from_utf8(field.to_vec()).ok()
    };
    let (join_ref, reference) = (text(join_ref)?, text(reference)?);
    let (topic, event, _metadata) = (text(topic)?, text(event)?, text(metadata)?);
    let body = bytes.slice_ref(rest);
    let content = match encoding {
        0 => Content::Bytes(body),
        1 => Content::Json(body),
        _ => return None,
    };
    let some = |text: String| (!text.is_empty()).then_some(text);
    let payload = UpPayload::Broadcast(content);
    Some(Up { join_ref: some(join_ref), reference: some(reference), topic, event, payload })
}

/// Whether the bytes are one JSON value.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

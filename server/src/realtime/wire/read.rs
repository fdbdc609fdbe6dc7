//! Frames of clients.

use axum::extract::ws::Message;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::{Content, Vsn};

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
    /// A kind-3 broadcast. The frame's event is `broadcast`; the user's is here.
    Broadcast {
        event: String,
        content: Content,
    },
    /// A kind-0 push of bytes.
    Raw(Bytes),
}

/// Reads a client's frame; `None`: it makes no sense and is ignored.
pub(crate) fn read(vsn: Vsn, message: &Message) -> Option<Up> {
    match (vsn, message) {
        (Vsn::V1, Message::Text(text)) => read_v1(text),
        (Vsn::V2, Message::Text(text)) => read_v2(text),
        (Vsn::V2, Message::Binary(bytes)) => match bytes.first()? {
            0 => read_push(bytes),
            3 => read_broadcast(bytes),
            _ => None,
        },
        _ => None,
    }
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

fn read_push(bytes: &Bytes) -> Option<Up> {
    let (&[_, join_ref, reference, topic, event], rest) = bytes.split_first_chunk::<5>()?;
    let mut fields = Fields(rest);
    let (join_ref, reference) = (fields.text(join_ref)?, fields.text(reference)?);
    let (topic, event) = (fields.text(topic)?, fields.text(event)?);
    let payload = UpPayload::Raw(bytes.slice_ref(fields.0));
    Some(Up { join_ref: some(join_ref), reference: some(reference), topic, event, payload })
}

fn read_broadcast(bytes: &Bytes) -> Option<Up> {
    let (&[_, join_ref, reference, topic, event, metadata, encoding], rest) =
        bytes.split_first_chunk::<7>()?;
    let mut fields = Fields(rest);
    let (join_ref, reference) = (fields.text(join_ref)?, fields.text(reference)?);
    let (topic, event, _metadata) = (fields.text(topic)?, fields.text(event)?, fields.text(metadata)?);
    let body = bytes.slice_ref(fields.0);
    // Whatever is not 0 is JSON.
    let content = if encoding == 0 { Content::Bytes(body) } else { Content::Json(body) };
    Some(Up {
        join_ref: some(join_ref),
        reference: some(reference),
        topic,
        event: "broadcast".into(),
        payload: UpPayload::Broadcast { event, content },
    })
}

/// What is left of a binary frame.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn text(&mut self, length: u8) -> Option<String> {
        let (field, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        String::from_utf8(field.to_vec()).ok()
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

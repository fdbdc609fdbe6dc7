//! The server's side of the wire: frames of clients in, frames to clients out, in both serializers.
//!
//! Written apart from the client's codec in `ringback-proto`, so that one mistake does not hide in both.

mod cast;
mod read;

use axum::extract::ws::Message;
use serde_json::{Value, json};

pub(crate) use cast::{Cast, Content, Encoded, replayed};
pub(crate) use read::{Up, UpPayload, read};

/// The version of the serializer of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vsn {
    V1,
    V2,
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

//! The inner layer of the wire: what a frame from the server says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::frame::{BadFrame, Frame, RawPayload};
use super::refusal::{JoinRefusal, SystemNote};

/// The payload of a broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// JSON text, exactly as the sender wrote it.
    Json(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Reply(Reply),
    Broadcast {
        event: String,
        payload: Payload,
        replayed: bool,
    },
    PresenceState(Presences),
    PresenceDiff {
        joins: Presences,
        leaves: Presences,
    },
    System(SystemNote),
    Close,
    Error,
    /// An event that we have no use for.
    Other,
}

/// A reply to something we sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ok,
    /// The reason of a refused join, or the text of another refusal; empty if there is none.
    Error(String),
}

/// Presences by key, then by `phx_ref`: the metadata as JSON text.
pub(super) type Presences = BTreeMap<String, BTreeMap<String, String>>;

impl Reply {
    pub(super) fn refusal(self) -> Result<(), JoinRefusal> {
        match self {
            Reply::Ok => Ok(()),
            Reply::Error(reason) => Err(JoinRefusal::of(&reason)),
        }
    }
}

pub(super) fn read(frame: Frame<'_>) -> Result<Body, BadFrame> {
    let json = match frame.payload {
        RawPayload::Json(text) => text,
        RawPayload::Broadcast { metadata, json, body } => {
            return read_binary_broadcast(&frame.event, metadata, json, body);
        }
        RawPayload::Status("ok") => return Ok(Body::Reply(Reply::Ok)),
        RawPayload::Status(status) => return Ok(Body::Reply(Reply::Error(status.to_owned()))),
        // Stock binary pushes and broadcasts: Realtime sends none that we asked for.
        RawPayload::Opaque => return Ok(Body::Other),
    };
    match frame.event.as_ref() {
        "phx_reply" => read_reply(json).map(Body::Reply),
        "broadcast" => read_broadcast(json),
        "presence_state" => read_presences(json).map(Body::PresenceState),
        "presence_diff" => {
            #[derive(Deserialize)]
            struct Diff<'a> {
                #[serde(borrow, default)]
                joins: Option<&'a RawValue>,
                #[serde(borrow, default)]
                leaves: Option<&'a RawValue>,
            }
            let diff: Diff<'_> = parse(json)?;
            let side =
                |raw: Option<&RawValue>| raw.map_or(Ok(Presences::new()), |raw| read_presences(raw.get()));
            Ok(Body::PresenceDiff { joins: side(diff.joins)?, leaves: side(diff.leaves)? })
        }
        "system" => {
            #[derive(Deserialize)]
            struct System<'a> {
                #[serde(borrow, default)]
                message: Cow<'a, str>,
            }
            let system: System<'_> = parse(json)?;
            Ok(Body::System(SystemNote::of(&system.message)))
        }
        "phx_close" => Ok(Body::Close),
        "phx_error" => Ok(Body::Error),
        _ => Ok(Body::Other),
    }
}

fn read_reply(json: &str) -> Result<Reply, BadFrame> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        #[serde(borrow, default)]
        response: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Reason<'a> {
        #[serde(borrow, default)]
        reason: Cow<'a, str>,
    }
    let wire: Wire<'_> = parse(json)?;
    if wire.status == "ok" {
        return Ok(Reply::Ok);
    }
    // Mostly {"reason": ..}; a text for a payload over the limit; {} for a denied presence.
    let response = wire.response.map_or("{}", RawValue::get);
    let reason = parse::<Reason<'_>>(response).map(|reason| reason.reason.into_owned());
    Ok(Reply::Error(reason.or_else(|_| parse::<String>(response)).unwrap_or_default()))
}

fn read_broadcast(json: &str) -> Result<Body, BadFrame> {
    // serde refuses a key of these twice: the body of another client may be spliced in here.
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        event: Cow<'a, str>,
        #[serde(borrow, default)]
        payload: Option<&'a RawValue>,
        #[serde(borrow, default)]
        meta: Option<&'a RawValue>,
    }
    let wire: Wire<'_> = parse(json)?;
    Ok(Body::Broadcast {
        event: wire.event.into_owned(),
        payload: Payload::Json(wire.payload.map_or("{}", RawValue::get).to_owned()),
        replayed: wire.meta.is_some_and(|meta| is_replayed(meta.get())),
    })
}

fn read_binary_broadcast(event: &str, metadata: &str, json: bool, body: &[u8]) -> Result<Body, BadFrame> {
    let payload = if json {
        let text = std::str::from_utf8(body).map_err(|_| BadFrame::Payload)?;
        // The server passes a body on unparsed.
        parse::<&RawValue>(text)?;
        Payload::Json(text.to_owned())
    } else {
        Payload::Bytes(body.to_owned())
    };
    Ok(Body::Broadcast { event: event.to_owned(), payload, replayed: is_replayed(metadata) })
}

/// Whether the metadata say so. Whatever is not clearly a "no" counts: a replayed message taken for a live one rings.
fn is_replayed(metadata: &str) -> bool {
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, default)]
        replayed: Option<&'a RawValue>,
    }
    if metadata.is_empty() || metadata == "null" {
        return false;
    }
    match parse::<Meta<'_>>(metadata) {
        Ok(meta) => meta.replayed.is_some_and(|value| !matches!(value.get(), "false" | "null")),
        Err(_) => true,
    }
}

fn read_presences(json: &str) -> Result<Presences, BadFrame> {
    #[derive(Deserialize)]
    struct Metas<'a> {
        #[serde(borrow, default)]
        metas: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, default)]
        phx_ref: Cow<'a, str>,
    }
    let wire: BTreeMap<String, Metas<'_>> = parse(json)?;
    let mut presences = Presences::new();
    for (key, Metas { metas }) in wire {
        let mut by_ref = BTreeMap::new();
        for meta in metas {
            let Meta { phx_ref } = parse(meta.get())?;
            by_ref.insert(phx_ref.into_owned(), meta.get().to_owned());
        }
        presences.insert(key, by_ref);
    }
    Ok(presences)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, BadFrame> {
    serde_json::from_str(json).map_err(|_| BadFrame::Payload)
}

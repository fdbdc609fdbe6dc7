//! Broadcasts over REST.
//!
//! | call | private without the right | shape at 2.0.0 receivers |
//! |---|---|---|
//! | one message: `/api/broadcast/{topic}/events/{event}?private=true` | 403 | binary kind 4 |
//! | a batch: `/api/broadcast` | 202, and dropped | text |
//!
//! The topic goes without `realtime:`; with it the message is accepted for a topic that nobody has joined. Bodies are
//! parsed and written anew, so nothing can be forged into 1.0.0 frames from here.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::auth::{Claims, bearer};
use crate::realtime::http::{Shared, api_key, refusal};
use crate::realtime::hub::HubState;
use crate::realtime::topics::TopicKey;
use crate::realtime::wire::{Cast, Content};

#[derive(Deserialize)]
pub(crate) struct SingleQuery {
    #[serde(default)]
    private: Option<String>,
}

pub(crate) async fn single(
    State(Shared { hub, .. }): State<Shared>,
    Path((topic, event)): Path<(String, String)>,
    Query(query): Query<SingleQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(claims) = caller(&hub, &headers) else { return unauthorized() };
    let content = match content(&headers, body) {
        Ok(content) => content,
        Err(refused) => return *refused,
    };
    if content.len() > hub.config.payload_limit {
        return invalid(&json!({"payload": [TOO_LARGE]}));
    }
    if hub.meters.messages.is_over(Instant::now()) {
        return told(StatusCode::TOO_MANY_REQUESTS, OVER_THE_RATE);
    }
    let private = query.private.as_deref() == Some("true");
    if private && !hub.faults.database_answers() {
        return told(StatusCode::TOO_MANY_REQUESTS, "Connection pool exhausted");
    }
    if private && !may_write(&hub, &claims, &topic) {
        return told(StatusCode::FORBIDDEN, "Unauthorized");
    }
    fan_out(&hub, TopicKey { private, name: topic }, &Cast::User { event, content, id: None });
    StatusCode::ACCEPTED.into_response()
}

#[derive(Debug, Deserialize)]
struct BatchMessage {
    topic: String,
    event: String,
    payload: serde_json::Map<String, Value>,
    #[serde(default)]
    private: bool,
    /// Passed on as `meta.id`.
    #[serde(default)]
    id: Option<String>,
}

pub(crate) async fn batch(
    State(Shared { hub, .. }): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(claims) = caller(&hub, &headers) else { return unauthorized() };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return bad_json() };
    let Some(listed) = body["messages"].as_array() else {
        return invalid(&json!({"messages": ["can't be blank"]}));
    };
    let mut messages = Vec::with_capacity(listed.len());
    for message in listed {
        match BatchMessage::deserialize(message) {
            Ok(message) if message.topic.is_empty() || message.event.is_empty() => {
                return invalid(&json!({"messages": [{"topic, event": ["can't be blank"]}]}));
            }
            Ok(message) if message.size() > hub.config.payload_limit => {
                return invalid(&json!({"messages": [{"payload": [TOO_LARGE]}]}));
            }
            Ok(message) => messages.push(message),
            Err(error) => return invalid(&json!({"messages": [error.to_string()]})),
        }
    }
    let now = Instant::now();
    if hub.meters.messages.would_be_over(0, now) {
        return told(StatusCode::TOO_MANY_REQUESTS, OVER_THE_RATE);
    }
    if hub.meters.messages.would_be_over(messages.len(), now) {
        let message = "Too many messages to broadcast, please reduce the batch size";
        return told(StatusCode::TOO_MANY_REQUESTS, message);
    }
    // Public ones first, as on the real server.
    messages.sort_by_key(|message| message.private);
    for BatchMessage { topic, event, payload, private, id } in messages {
        if private && !(hub.faults.database_answers() && may_write(&hub, &claims, &topic)) {
            continue;
        }
        let mut payload = json!({"type": "broadcast", "event": event, "payload": payload});
        if let Some(id) = id {
            payload["meta"] = json!({"id": id});
        }
        fan_out(&hub, TopicKey { private, name: topic }, &Cast::Text { payload: payload.to_string() });
    }
    StatusCode::ACCEPTED.into_response()
}

impl BatchMessage {
    fn size(&self) -> usize {
        serde_json::to_vec(&self.payload).map_or(0, |payload| payload.len())
    }
}

/// Whose request it is: the bearer's, or the API key's. The key is asked for as the gateway before the real server does.
fn caller(hub: &HubState, headers: &HeaderMap) -> Option<Claims> {
    let key_claims = hub.keys.check_api_key(api_key(headers, None)?).ok()?;
    if !headers.contains_key(header::AUTHORIZATION) {
        return Some(key_claims);
    }
    hub.keys.check_api_key(bearer(headers)?).ok()
}

fn content(headers: &HeaderMap, body: Bytes) -> Result<Content, Box<Response>> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    // Without a type it is taken for JSON, as old callers expect.
    match kind.unwrap_or(JSON).split(';').next().unwrap_or_default().trim() {
        JSON => match serde_json::from_slice::<Value>(&body) {
            Ok(body @ Value::Object(_)) => Ok(Content::Json(body.to_string().into())),
            // What is no object gets a key: so does the framework of the real server.
            Ok(body) => Ok(Content::Json(json!({"_json": body}).to_string().into())),
            Err(_) => Err(Box::new(bad_json())),
        },
        "application/octet-stream" => Ok(Content::Bytes(body)),
        _ => {
            let message = "Unsupported Media Type. Use application/json or application/octet-stream";
            Err(Box::new(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)))
        }
    }
}

fn may_write(hub: &HubState, claims: &Claims, topic: &str) -> bool {
    claims.is_service() || hub.config.authorizer.may_write(claims, topic)
}

fn fan_out(hub: &HubState, key: TopicKey, cast: &Cast) {
    hub.meters.messages.add(1, Instant::now());
    hub.counters.add_message();
    if let Some(topic) = hub.topics.get(&key) {
        topic.cast(hub, None, cast);
    }
}

fn told(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

fn unauthorized() -> Response {
    told(StatusCode::UNAUTHORIZED, "Unauthorized")
}

fn bad_json() -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"errors": {"detail": "Bad Request"}}))).into_response()
}

fn invalid(errors: &Value) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"errors": errors}))).into_response()
}

const JSON: &str = "application/json";
const OVER_THE_RATE: &str = "You have exceeded your rate limit";
const TOO_LARGE: &str = "Payload size exceeds tenant limit";

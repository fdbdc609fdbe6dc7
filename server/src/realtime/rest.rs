//! Broadcasts over REST.
//!
//! | call | private without the right | shape at 2.0.0 receivers |
//! |---|---|---|
//! | one message: `/api/broadcast/{topic}/events/{event}?private=true` | 403 | binary kind 4 |
//! | a batch: `/api/broadcast` | 202, and dropped | text |

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::Claims;
use crate::realtime::http::{Shared, api_key, refusal};
use crate::realtime::hub::HubState;
use crate::realtime::topics::TopicKey;
use crate::realtime::wire::{Cast, Content, is_json};

#[derive(Deserialize)]
pub(crate) struct SingleQuery {
    #[serde(default)]
    private: bool,
}

pub(crate) async fn single(
    State(Shared { hub, .. }): State<Shared>,
    Path((topic, event)): Path<(String, String)>,
    Query(query): Query<SingleQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let claims = match caller(&hub, &headers) {
        Ok(claims) => claims,
        Err(message) => return refusal(StatusCode::UNAUTHORIZED, &message),
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let content = match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" if is_json(&body) => Content::Json(body),
        "application/json" => return refusal(StatusCode::BAD_REQUEST, "invalid JSON"),
        "application/octet-stream" => Content::Bytes(body),
        _ => return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported content type"),
    };
    if size(&content) > hub.config.payload_limit {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "Payload size exceeds tenant limit");
    }
    if query.private && !may_write(&hub, &claims, &topic) {
        return refusal(StatusCode::FORBIDDEN, "You do not have permissions to write to this topic");
    }
    let key = TopicKey { private: query.private, name: topic };
    hub.topics().cast(&hub.faults, &key, None, Cast::User { event, content });
    StatusCode::ACCEPTED.into_response()
}

#[derive(Deserialize)]
struct Batch {
    messages: Vec<BatchMessage>,
}

#[derive(Deserialize)]
struct BatchMessage {
    topic: String,
    event: String,
    payload: Value,
    #[serde(default)]
    private: bool,
}

pub(crate) async fn batch(
    State(Shared { hub, .. }): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let claims = match caller(&hub, &headers) {
        Ok(claims) => claims,
        Err(message) => return refusal(StatusCode::UNAUTHORIZED, &message),
    };
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "invalid JSON");
    };
    let Ok(Batch { messages }) = serde_json::from_value(value) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "invalid messages");
    };
    for BatchMessage { topic, event, payload, private } in messages {
        if private && !may_write(&hub, &claims, &topic) {
            continue;
        }
        let payload = json!({"type": "broadcast", "event": event, "payload": payload}).to_string();
        let key = TopicKey { private, name: topic };
        hub.topics().cast(&hub.faults, &key, None, Cast::Text { payload });
    }
    StatusCode::ACCEPTED.into_response()
}

/// Whose request it is: the bearer's, or the API key's.
fn caller(hub: &HubState, headers: &HeaderMap) -> Result<Claims, String> {
    let key = api_key(headers, None).ok_or("API key is missing")?;
    let key_claims = hub.keys.check_api_key(key).map_err(|error| error.to_string())?;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        None => Ok(key_claims),
        Some(token) => hub.keys.check_api_key(token).map_err(|error| error.to_string()),
    }
}

fn may_write(hub: &HubState, claims: &Claims, topic: &str) -> bool {
    claims.is_service() || hub.config.authorizer.may_write(claims, topic)
}

fn size(content: &Content) -> usize {
    match content {
        Content::Json(body) | Content::Bytes(body) => body.len(),
    }
}

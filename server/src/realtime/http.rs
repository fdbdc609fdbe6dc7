//! The routes of the hub, what every request has to show, and how connections are refused.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::auth::TokenError;
use crate::realtime::hub::HubState;
use crate::realtime::refusal::ConnectRefusal;
use crate::realtime::wire::Vsn;
use crate::realtime::{local, rest, socket};

/// What the routes share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Arc<HubState>,
    #[expect(dead_code, reason = "held, not read: the hub waits until every clone is gone")]
    alive: mpsc::Sender<()>,
}

pub(crate) fn router(hub: Arc<HubState>, alive: mpsc::Sender<()>) -> Router {
    let (demo, on_loopback) = (hub.config.demo, hub.config.listen.ip().is_loopback());
    let mut router = Router::new()
        .route("/health", get(health))
        .route("/realtime/v1/websocket", get(websocket))
        .route("/realtime/v1/api/broadcast", post(rest::batch))
        .route("/realtime/v1/api/broadcast/{topic}/events/{event}", post(rest::single))
        .layer(DefaultBodyLimit::max(MAX_FRAME));
    if demo {
        router = router.merge(local::router(on_loopback));
    }
    router.with_state(Shared { hub, alive })
}

/// The API key of a request: the header `x-api-key` wins over `apikey`, which wins over the query.
pub(crate) fn api_key<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<&'a str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    header("x-api-key").or_else(|| header("apikey")).or(query).filter(|key| !key.is_empty())
}

/// An error as the server words it.
pub(crate) fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"error": message}))).into_response()
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

#[derive(Deserialize)]
struct SocketQuery {
    #[serde(default)]
    apikey: Option<String>,
    #[serde(default)]
    vsn: Option<String>,
}

async fn websocket(
    State(shared): State<Shared>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let key = match admit(&shared.hub, &headers, query.apikey.as_deref()) {
        Ok(key) => key,
        Err((status, message)) => {
            shared.hub.counters.add_refused_connect();
            tracing::debug!(%status, message, "a websocket is refused");
            tokio::time::sleep(shared.hub.config.connect_refusal_delay).await;
            return refusal(status, &message);
        }
    };
    let vsn = match query.vsn.as_deref() {
        None | Some("1.0.0") => Vsn::V1,
        Some("2.0.0") => Vsn::V2,
        Some(_) => return StatusCode::FORBIDDEN.into_response(),
    };
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MAX_READ)
        .max_frame_size(MAX_READ)
        .on_upgrade(move |websocket| socket::run(shared, websocket, vsn, key))
}

/// The key of a socket that may open.
fn admit(hub: &HubState, headers: &HeaderMap, query: Option<&str>) -> Result<String, (StatusCode, String)> {
    let refused = |refusal: ConnectRefusal| (refusal.status(), refusal.message().to_owned());
    if let Some(refusal) = hub.faults.refused_connect() {
        return Err(refused(refusal));
    }
    let unauthorized = |message: String| (StatusCode::UNAUTHORIZED, message);
    let key = api_key(headers, query).ok_or_else(|| unauthorized("API key is missing".into()))?;
    hub.keys.check_api_key(key).map_err(|error| match &error {
        TokenError::Expired(_) => unauthorized("Token has expired".into()),
        TokenError::Malformed | TokenError::Signature | TokenError::Fields => unauthorized(error.to_string()),
    })?;
    if hub.has_too_many_users() {
        return Err(refused(ConnectRefusal::TooManyConnectedUsers));
    }
    if hub.meters.joins.is_over(Instant::now()) {
        return Err(refused(ConnectRefusal::TooManyJoins));
    }
    Ok(key.to_owned())
}

/// The largest frame the real server takes, in bytes; above, it closes with 1009.
pub(crate) const MAX_FRAME: usize = 5_000_000;
/// What is read at all: a close frame reaches only a client whose frame was read to its end.
const MAX_READ: usize = 16_000_000;
/// Of each socket, and filled with zeros as soon as it is read from: the 128 KB of the library would make 10,000 idle
/// sockets 1.3 GB. Signaling is smaller than this; a larger frame takes several reads.
const READ_BUFFER: usize = 4096;

//! The routes of the hub, and what every request has to show.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::auth::{Claims, TokenError};
use crate::realtime::hub::HubState;
use crate::realtime::wire::Vsn;
use crate::realtime::{rest, socket};

/// What the routes share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Arc<HubState>,
    #[expect(dead_code, reason = "held, not read: the hub waits until every clone is gone")]
    alive: mpsc::Sender<()>,
}

pub(crate) fn router(hub: Arc<HubState>, alive: mpsc::Sender<()>) -> Router {
    let demo = hub.config.demo;
    let mut router = Router::new()
        .route("/health", get(health))
        .route("/realtime/v1/websocket", get(websocket))
        .route("/realtime/v1/api/broadcast", post(rest::batch))
        .route("/realtime/v1/api/broadcast/{topic}/events/{event}", post(rest::single))
        .layer(DefaultBodyLimit::max(MAX_FRAME));
    if demo {
        router = router.route("/local/token", post(local_token));
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
    let claims = match socket_claims(&shared.hub, &headers, query.apikey.as_deref()) {
        Ok(claims) => claims,
        Err(message) => {
            tokio::time::sleep(shared.hub.config.connect_refusal_delay).await;
            return refusal(StatusCode::UNAUTHORIZED, &message);
        }
    };
    let vsn = match query.vsn.as_deref() {
        None | Some("1.0.0") => Vsn::V1,
        Some("2.0.0") => Vsn::V2,
        Some(_) => return StatusCode::FORBIDDEN.into_response(),
    };
    upgrade
        .max_message_size(MAX_READ)
        .max_frame_size(MAX_READ)
        .on_upgrade(move |websocket| socket::run(shared, websocket, vsn, claims))
}

fn socket_claims(hub: &HubState, headers: &HeaderMap, query: Option<&str>) -> Result<Claims, String> {
    let key = api_key(headers, query).ok_or("API key is missing")?;
    hub.keys.check_api_key(key).map_err(|error| match &error {
        TokenError::Expired(_) => "Token has expired".to_owned(),
        TokenError::Malformed | TokenError::Signature | TokenError::Fields => error.to_string(),
    })
}

#[derive(Deserialize)]
struct TokenRequest {
    user: String,
    /// Seconds.
    #[serde(default)]
    expires_in: Option<u64>,
}

async fn local_token(State(shared): State<Shared>, Json(request): Json<TokenRequest>) -> Response {
    let life = Duration::from_secs(request.expires_in.unwrap_or(3600).min(24 * 3600));
    match shared.hub.keys.mint(&request.user, life) {
        Ok(token) => {
            Json(json!({"user": request.user, "token": token, "expires_in": life.as_secs()})).into_response()
        }
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The largest frame the real server takes, in bytes; above, it closes with 1009.
pub(crate) const MAX_FRAME: usize = 5_000_000;
/// What is read at all: a close frame reaches only a client whose frame was read to its end.
const MAX_READ: usize = 16_000_000;

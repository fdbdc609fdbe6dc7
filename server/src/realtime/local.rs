//! What only a demo on one machine offers: tokens for whoever asks, faults, and messages from the database.
//!
//! | route | body | answer |
//! |---|---|---|
//! | `POST /local/token` | `{"user": "rider", "expires_in": 3600}` | a signed token |
//! | `GET /local/faults` | | the switches ([`FaultSwitches`]) |
//! | `POST /local/faults` | any of the switches, `"reset": true` (all others go back first), `"act": [..]` ([`FaultAct`]) | the switches |
//! | `POST /local/send` | `{"topic", "event", "payload", "private": true}` | `{"id"}`, null if SQL had only warned |
//!
//! A body that makes no sense is refused with 422 and changes nothing.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use ringback_proto::UserId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::realtime::faults::FaultSwitches;
use crate::realtime::http::{Shared, refusal};
use crate::realtime::hub::FaultAct;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/local/token", post(token))
        .route("/local/faults", get(switches).post(change))
        .route("/local/send", post(send))
}

#[derive(Deserialize)]
struct TokenRequest {
    user: UserId,
    /// Seconds.
    #[serde(default)]
    expires_in: Option<u64>,
}

async fn token(State(shared): State<Shared>, body: Bytes) -> Response {
    let request: TokenRequest = match read(&body) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let life = Duration::from_secs(request.expires_in.unwrap_or(3600).min(24 * 3600));
    match shared.hub.keys.mint(request.user.as_str(), life) {
        Ok(token) => {
            Json(json!({"user": request.user, "token": token, "expires_in": life.as_secs()})).into_response()
        }
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn switches(State(shared): State<Shared>) -> Json<FaultSwitches> {
    Json(shared.hub.faults.switches())
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    act: Vec<FaultAct>,
    /// Switches by name; the others stay as they are.
    #[serde(flatten)]
    switches: Map<String, Value>,
}

async fn change(State(shared): State<Shared>, body: Bytes) -> Response {
    let Change { reset, act, switches } = match read(&body) {
        Ok(change) => change,
        Err(refused) => return *refused,
    };
    let before = if reset { FaultSwitches::default() } else { shared.hub.faults.switches() };
    let after = match merged(&before, switches) {
        Ok(after) => after,
        Err(error) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    };
    tracing::info!(?after, ?act, "faults are switched");
    shared.hub.faults.change(|now| *now = after);
    for act in act {
        shared.hub.act(act);
    }
    Json(shared.hub.faults.switches()).into_response()
}

#[derive(Deserialize)]
struct Send {
    topic: String,
    event: String,
    payload: Value,
    /// As in SQL.
    #[serde(default = "yes")]
    private: bool,
}

async fn send(State(shared): State<Shared>, body: Bytes) -> Response {
    let Send { topic, event, payload, private } = match read(&body) {
        Ok(send) => send,
        Err(refused) => return *refused,
    };
    Json(json!({"id": shared.hub.send_from_database(&topic, &event, &payload, private)})).into_response()
}

fn yes() -> bool {
    true
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Box<Response>> {
    serde_json::from_slice(body)
        .map_err(|error| Box::new(refusal(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())))
}

fn merged(before: &FaultSwitches, changes: Map<String, Value>) -> serde_json::Result<FaultSwitches> {
    let mut switches = serde_json::to_value(before)?;
    if let Some(switches) = switches.as_object_mut() {
        switches.extend(changes);
    }
    serde_json::from_value(switches)
}

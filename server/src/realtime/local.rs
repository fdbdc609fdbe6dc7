//! What only a demo on one machine offers: tokens for whoever asks, faults, and messages from the database.
//!
//! | route | body | answer |
//! |---|---|---|
//! | `POST /local/token` | `{"user": "rider", "expires_in": 3600}` | a signed token |
//! | `GET /local/faults` | | the switches ([`FaultSwitches`]) |
//! | `POST /local/faults` | any of the switches, `"reset": true` (all others go back first), `"act": [..]` ([`FaultAct`]) | the switches |
//! | `POST /local/send` | `{"topic", "event", "payload", "private": true}` | `{"id"}`, null if SQL had only warned |
//!
//! A body that makes no sense is refused with 422 and changes nothing. A body has to say that it is JSON (else 415), which
//! no page of another server can without asking first; and such a page is refused (403) except at `/local/token`, so that
//! a page under development can sign in. A demo on a loopback address is to be called by a loopback name (else 403): any
//! other may be a foreign page's whose name was pointed here.

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use ringback_proto::UserId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::realtime::faults::FaultSwitches;
use crate::realtime::http::{Shared, refusal};
use crate::realtime::hub::FaultAct;

/// `on_loopback`: only this machine reaches the listener.
pub(crate) fn router(on_loopback: bool) -> Router<Shared> {
    Router::new()
        .route(TOKEN, post(token))
        .route("/local/faults", get(switches).post(change))
        .route("/local/send", post(send))
        .layer(middleware::from_fn_with_state(on_loopback, guard))
}

/// Keeps foreign pages out.
async fn guard(State(on_loopback): State<bool>, request: Request, next: Next) -> Response {
    match judge(on_loopback, request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => refusal(status, why),
    }
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
    let now = shared.hub.faults.switches();
    let acts: Vec<_> = act.iter().map(kind).collect();
    tracing::info!(switches = ?changed(&now, &after), ?acts, "faults are switched");
    tracing::debug!(?after, ?act, "the faults");
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

fn judge(
    on_loopback: bool,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), (StatusCode, &'static str)> {
    let host = text(headers, header::HOST).and_then(|host| host.parse::<Authority>().ok());
    if on_loopback && !host.as_ref().is_some_and(|host| is_loopback(host.host())) {
        return Err((StatusCode::FORBIDDEN, "call this demo localhost, or by its loopback address"));
    }
    let origin = headers.contains_key(header::ORIGIN).then(|| text(headers, header::ORIGIN));
    let is_own =
        |origin: &str| origin.split_once("://").map(|(_, at)| at) == host.as_ref().map(Authority::as_str);
    if uri.path() != TOKEN && origin.is_some_and(|origin| !origin.is_some_and(is_own)) {
        return Err((StatusCode::FORBIDDEN, "pages of other servers may not do this"));
    }
    let kind = text(headers, header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    if method == Method::POST && !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(JSON)) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json"));
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A name that leads to the machine that asks (RFC 6761 section 6.3).
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = bare.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The names of the switches that differ.
fn changed(before: &FaultSwitches, after: &FaultSwitches) -> Vec<String> {
    let fields = |switches| match serde_json::to_value(switches) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    let before = fields(before);
    let after = fields(after).into_iter();
    after.filter(|(name, value)| before.get(name) != Some(value)).map(|(name, _)| name).collect()
}

/// What kind of act it is, without the topics and texts in it.
fn kind(act: &FaultAct) -> &'static str {
    match act {
        FaultAct::Kick(_) => "kick",
        FaultAct::Restart => "restart",
        FaultAct::Disconnect => "disconnect",
        FaultAct::Crash(_) => "crash",
        FaultAct::Inject(_) => "inject",
    }
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

const TOKEN: &str = "/local/token";
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_lead_to_the_machine_that_asks() {
        for host in ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "127.0.0.1.example", "192.168.1.1", "[fd00::1]", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn what_is_logged_at_info_names_no_topic() {
        let crash = FaultAct::Crash(Some("realtime:user:bob".into()));
        assert_eq!(kind(&crash), "crash");
        let after = FaultSwitches { mute: true, delay_ms: 5, ..FaultSwitches::default() };
        assert_eq!(changed(&FaultSwitches::default(), &after), ["delay_ms", "mute"]);
    }
}

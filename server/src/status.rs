//! What the server does now: the figures behind `/status` and `/metrics`, and who may read them.
//!
//! Both name users, so they are not for everybody:
//!
//! | server | who may read |
//! |---|---|
//! | demo mode | everybody who reaches it |
//! | a status key is set | `Authorization: Bearer <key>`, or a token of the role `service_role` |
//! | no key, on a loopback address | everybody on this machine |
//! | no key, elsewhere | a token of the role `service_role` |

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use ringback_proto::{DeviceId, UserId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::auth::bearer;
use crate::calls::{CallsSnapshot, SeenCalls, SeenState};
use crate::echo::{EchoFigures, EchoSnapshot};
use crate::metrics;
use crate::realtime::{HubSnapshot, HubState};
use crate::turn::{RunningTurn, TurnSnapshot};

/// Where the figures come from.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(crate) started: Instant,
    pub(crate) hub: Arc<HubState>,
    pub(crate) calls: SeenCalls,
    pub(crate) turn: Option<TurnFigures>,
    pub(crate) echo: Option<EchoFigures>,
}

/// Where the figures of TURN are read, also after its end.
#[derive(Clone)]
pub(crate) struct TurnFigures(Arc<dyn Fn() -> TurnSnapshot + Send + Sync>);

impl TurnFigures {
    pub(crate) fn of(turn: &RunningTurn) -> Self {
        Self(Arc::new(turn.snapshots()))
    }

    fn snapshot(&self) -> TurnSnapshot {
        (self.0)()
    }
}

impl fmt::Debug for TurnFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnFigures").finish_non_exhaustive()
    }
}

/// All figures of one moment.
#[derive(Debug, Clone)]
pub struct StackSnapshot {
    /// Seconds since the start.
    pub uptime_s: f64,
    /// The hub's.
    pub hub: HubSnapshot,
    /// The calls whose signaling passed the hub.
    pub calls: CallsSnapshot,
    /// Envelopes that passed too fast to be looked at.
    pub unseen: u64,
    /// The TURN server's, if there is one.
    pub turn: Option<TurnSnapshot>,
    /// The echo bot's, if there is one.
    pub echo: Option<EchoSnapshot>,
}

/// Who may read the figures.
#[derive(Debug, Clone)]
pub(crate) enum Readers {
    Everybody,
    /// Whoever has the key, if there is one, or a service token.
    KeyHolders(Option<String>),
}

impl Sources {
    pub(crate) fn snapshot(&self) -> StackSnapshot {
        StackSnapshot {
            uptime_s: self.started.elapsed().as_secs_f64(),
            hub: self.hub.snapshot(),
            unseen: self.hub.tap.unseen(),
            calls: self.calls.snapshot(),
            turn: self.turn.as_ref().map(TurnFigures::snapshot),
            echo: self.echo.as_ref().map(EchoFigures::snapshot),
        }
    }
}

impl Readers {
    fn let_in(&self, hub: &HubState, headers: &HeaderMap) -> bool {
        let Readers::KeyHolders(key) = self else { return true };
        let Some(token) = bearer(headers) else { return false };
        let is_key = key.as_ref().is_some_and(|key| same(key.as_bytes(), token.as_bytes()));
        is_key || hub.keys.check_token(token).is_ok_and(|claims| claims.is_service())
    }
}

#[derive(Debug, Clone)]
struct Shared {
    sources: Sources,
    readers: Readers,
    registry: Arc<Registry>,
}

pub(crate) fn router(sources: Sources, readers: Readers) -> Router {
    let registry = Arc::new(metrics::registry(sources.clone()));
    Router::new().route("/status", get(status)).route("/metrics", get(scrape)).with_state(Shared {
        sources,
        readers,
        registry,
    })
}

async fn status(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !shared.readers.let_in(&shared.sources.hub, &headers) {
        return refused();
    }
    let body = show(&shared.sources.snapshot());
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn scrape(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !shared.readers.let_in(&shared.sources.hub, &headers) {
        return refused();
    }
    match metrics::text(&shared.registry) {
        Ok(text) => {
            let headers =
                [(header::CONTENT_TYPE, metrics::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn refused() -> Response {
    let headers = [(header::WWW_AUTHENTICATE, "Bearer"), (header::CACHE_CONTROL, "no-store")];
    let why = "the figures name users: send the status key as a bearer token";
    (StatusCode::UNAUTHORIZED, headers, Json(json!({"error": why}))).into_response()
}

/// The figures as JSON.
fn show(snapshot: &StackSnapshot) -> Value {
    let StackSnapshot { uptime_s, hub, calls, unseen, turn, echo } = snapshot;
    json!({
        "version": VERSION,
        "uptime_s": uptime_s.floor(),
        "sockets": hub.sockets,
        "topics": hub.topics.iter().take(MOST_SHOWN).map(|topic| json!({
            "name": cut(&topic.name), "private": topic.private, "subscribers": topic.subscribers,
        })).collect::<Vec<_>>(),
        "online": online(hub),
        "calls": calls.calls.iter().map(|call| json!({
            "call": call.call, "from": call.from, "to": call.to, "state": call.state, "age_s": call.age.as_secs(),
        })).collect::<Vec<_>>(),
        "ended": calls.ended,
        "deliveries": {"delivered": hub.delivered, "lost": hub.lost, "unseen": unseen},
        "turn": turn.as_ref().map(|turn| json!({
            "allocations": turn.allocations, "allocations_made": turn.allocations_total,
            "relayed_bytes": turn.relayed_bytes,
        })),
        "echo": echo.as_ref().map(|echo| json!({
            "user": echo.user, "online": echo.online, "calls": echo.calls, "lines": echo.lines,
            "answered": echo.answered, "restarts": echo.restarts,
        })),
    })
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Online<'a> {
    user: &'a str,
    device: DeviceId,
    app: &'a str,
}

/// The phones of the lobby. What is there was written by strangers: only what phones take for a phone is shown.
fn online(hub: &HubSnapshot) -> Vec<Online<'_>> {
    let mut online: Vec<_> = hub
        .presences
        .iter()
        .filter(|presence| presence.topic == LOBBY)
        .filter_map(|presence| {
            let word = |name: &str| presence.meta.get(name).and_then(Value::as_str);
            let device: DeviceId = presence.key.parse().ok()?;
            let named: DeviceId = word("device")?.parse().ok()?;
            let user = word("user").filter(|user| UserId::new(*user).is_ok())?;
            let app = word("app").filter(|app| is_app(app)).unwrap_or_default();
            (named == device).then_some(Online { user, device, app })
        })
        .collect();
    online.sort_unstable();
    online.truncate(MOST_SHOWN);
    online
}

/// As phones read it.
fn is_app(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= MOST_APP_BYTES && text.bytes().all(legal)
}

/// The beginning of a topic's name, which strangers choose.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MOST_NAME_BYTES)]
}

impl StackSnapshot {
    /// How many phones show themselves in the lobby.
    pub(crate) fn online(&self) -> usize {
        online(&self.hub).len()
    }

    /// How many calls are in each state.
    pub(crate) fn calls_by_state(&self) -> BTreeMap<SeenState, usize> {
        let mut counts = BTreeMap::from([
            (SeenState::Initiated, 0),
            (SeenState::Ringing, 0),
            (SeenState::Connecting, 0),
            (SeenState::Active, 0),
        ]);
        for call in &self.calls.calls {
            *counts.entry(call.state).or_default() += 1;
        }
        counts
    }
}

/// Compares without telling by its time where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// The topic on which phones show that they are online.
pub(crate) const LOBBY: &str = "lobby";
/// Of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// More than a page can show.
const MOST_SHOWN: usize = 1000;
/// As phones read it.
const MOST_APP_BYTES: usize = 32;
/// Topics over which binary broadcasts go are not longer.
const MOST_NAME_BYTES: usize = 255;

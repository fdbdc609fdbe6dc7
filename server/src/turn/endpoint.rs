//! `POST /functions/v1/turn-credentials`: ICE servers for a signed-in user, the same JSON as production's function.
//!
//! | request | answer |
//! |---|---|
//! | a user's token | 200 `{"iceServers":[..],"expires_in":3600}` |
//! | a token without a user, or of the role `anon` | 403 |
//! | no token, one that is wrong or expired, a wrong API key | 401 |
//!
//! Browsers may ask from any origin: the token comes in a header, which no foreign page knows.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use ringback_proto::UserId;
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};

use super::credentials::mint;
use super::start::TurnUrls;
use crate::auth::{Keys, TokenError, bearer};

/// What the endpoint needs.
#[derive(Clone)]
pub struct MintingConfig {
    /// The API key that clients present. A request without one is served: it is the token that says who asks.
    pub api_key: String,
    /// The secret that signs users' tokens (HS256).
    pub jwt_secret: String,
    /// The secret that credentials are minted with.
    pub turn_secret: String,
    /// The servers to name.
    pub urls: TurnUrls,
    /// How long a credential holds. Default 1 h: a phone asks again at half of it, and a call outlives its credential.
    pub life: Duration,
}

impl Default for MintingConfig {
    fn default() -> Self {
        let (api_key, jwt_secret, turn_secret) = (String::new(), String::new(), String::new());
        let life = Duration::from_secs(3600);
        Self { api_key, jwt_secret, turn_secret, urls: TurnUrls::default(), life }
    }
}

impl fmt::Debug for MintingConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintingConfig")
            .field("urls", &self.urls)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// The route that mints credentials.
pub fn credentials_router(config: MintingConfig) -> Router {
    let keys = Keys::new(config.jwt_secret.clone(), config.api_key.clone());
    Router::new()
        .route("/functions/v1/turn-credentials", post(credentials))
        .layer(any_origin())
        .with_state(Arc::new(Minting { keys, config }))
}

struct Minting {
    keys: Keys,
    config: MintingConfig,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the API key is wrong")]
    ApiKey,
    #[error("a token is needed: Authorization: Bearer ..")]
    NoToken,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("credentials are for signed-in users")]
    NoUser,
}

async fn credentials(State(minting): State<Arc<Minting>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let user = minting.user(&headers)?;
    let MintingConfig { turn_secret, urls, life, .. } = &minting.config;
    let minted = mint(turn_secret, &user, *life, SystemTime::now());
    let body = json!({
        "iceServers": [
            {"urls": urls.stun},
            {"urls": urls.turn, "username": minted.username, "credential": minted.credential},
        ],
        "expires_in": life.as_secs(),
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// `*` would leave out `Authorization`, so the headers are named: those that Supabase's clients send.
fn any_origin() -> CorsLayer {
    let named = ["apikey", "x-client-info"].map(HeaderName::from_static);
    let headers = [header::AUTHORIZATION, header::CONTENT_TYPE].into_iter().chain(named);
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers(headers.collect::<Vec<_>>())
        .max_age(PREFLIGHT_LIFE)
}

impl Minting {
    fn user(&self, headers: &HeaderMap) -> Result<UserId, Refusal> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(key) = text("apikey") {
            self.keys.check_api_key(key).map_err(|_| Refusal::ApiKey)?;
        }
        let bearer = bearer(headers).ok_or(Refusal::NoToken)?;
        // A client that nobody is signed in to shows the API key instead of a token.
        let claims = self.keys.check_api_key(bearer)?;
        if claims.role == "anon" {
            return Err(Refusal::NoUser);
        }
        UserId::new(claims.sub.unwrap_or_default()).map_err(|_| Refusal::NoUser)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::ApiKey | Refusal::NoToken | Refusal::Token(_) => StatusCode::UNAUTHORIZED,
            Refusal::NoUser => StatusCode::FORBIDDEN,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

/// A day; browsers keep the answer to a preflight for two hours at most.
const PREFLIGHT_LIFE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;

//! ICE servers by HTTP: an endpoint that mints TURN credentials for the signed-in user.
//!
//! One `POST` with the user's token, answered as `RTCConfiguration` has it; this is what the local stack and the Edge
//! Function of production answer:
//!
//! ```json
//! {"iceServers": [{"urls": ["stun:h:3478"]},
//!                 {"urls": ["turn:h:3478?transport=udp"], "username": "1:u", "credential": "x"}],
//!  "expires_in": 3600}
//! ```
//!
//! The list is kept, renewed and handed to calls by whoever asks for it: the engine asks before a call and before an ICE
//! restart when half of the list's life is over. Here nothing is kept, not even a connection.
//!
//! | answer | becomes |
//! |---|---|
//! | 401 | one more try with a fresh token ([`TokenWhy::Refused`]), then [`IceServersError::Refused`] |
//! | 403 and other refusals | [`IceServersError::Refused`] |
//! | 429, 5xx, none within 10 s, one that breaks off | [`IceServersError::Unreachable`] |
//! | 200 with something else, more than 64 KiB, a redirection | [`IceServersError::Malformed`] |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::http::{HeaderValue, Uri};
use serde::Deserialize;
use tokio::time::timeout;

use super::{IceServer, IceServerList, IceServers, IceServersError};
use crate::BoxFuture;
use crate::net::host::is_local;
use crate::net::http::HttpClient;
use crate::net::tls;
use crate::redacted::Redacted;
use crate::signaling::{Token, TokenAnswer, TokenWhy};

/// ICE servers from an HTTP endpoint; needs the feature `supabase`, whose HTTP client it shares.
///
/// ```no_run
/// # fn demo(session: std::sync::Arc<dyn ringback::signaling::Token>)
/// # -> Result<(), ringback::media::ice::HttpIceServersError> {
/// use ringback::media::ice::HttpIceServers;
///
/// let url = "https://PROJECT.supabase.co/functions/v1/turn-credentials";
/// let servers = HttpIceServers::new(url, "API_KEY", session)?;
/// # Ok(())
/// # }
/// ```
pub struct HttpIceServers {
    client: HttpClient,
    uri: Uri,
    api_key: HeaderValue,
    token: Arc<dyn Token>,
}

/// Why there is no [`HttpIceServers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpIceServersError {
    /// Not an http(s) URL.
    #[error("the URL of the ICE servers is not of the form https://host/path")]
    Url,
    /// Without TLS, to a machine that is not on this network: the user's token would be read on the way.
    #[error(
        "the URL of the ICE servers has no TLS: use https:// (http:// is for machines on the same network)"
    )]
    Insecure,
    /// The API key has characters that no header may have.
    #[error("the API key has characters that no header may have")]
    Key,
}

impl HttpIceServers {
    /// Asks `url`, showing `api_key` and the token of `token`, which may be the same as the signaling's; it is asked
    /// on its own, so perhaps while the signaling asks, too.
    ///
    /// # Errors
    /// [`HttpIceServersError`]: the URL or the key cannot be used.
    pub fn new(
        url: &str,
        api_key: impl AsRef<str>,
        token: Arc<dyn Token>,
    ) -> Result<Self, HttpIceServersError> {
        let uri: Uri = url.trim().parse().map_err(|_| HttpIceServersError::Url)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(HttpIceServersError::Url)?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_local(host) => {}
            Some("http") => return Err(HttpIceServersError::Insecure),
            Some(_) | None => return Err(HttpIceServersError::Url),
        }
        let mut api_key = HeaderValue::from_str(api_key.as_ref()).map_err(|_| HttpIceServersError::Key)?;
        api_key.set_sensitive(true);
        // Asked once or twice an hour: a connection kept open would only be closed by the server meanwhile.
        let client = HttpClient::new(tls::client_config(&[]), LIMIT, 0);
        Ok(Self { client, uri, api_key, token })
    }

    async fn ask(&self) -> Result<IceServerList, IceServersError> {
        let mut why = TokenWhy::First;
        loop {
            let token = match self.token.token(why).await {
                TokenAnswer::Token(token) => token,
                TokenAnswer::Retry => return Err(IceServersError::Unreachable),
                TokenAnswer::SignedOut => return Err(IceServersError::SignedOut),
            };
            match self.post(&token.secret).await? {
                Posted::Answered(body) => return read(body).await,
                Posted::Unauthorized if why == TokenWhy::First => why = TokenWhy::Refused,
                Posted::Unauthorized => return Err(IceServersError::Refused),
            }
        }
    }

    async fn post(&self, token: &str) -> Result<Posted, IceServersError> {
        let request = Request::post(&self.uri)
            .header(CONTENT_TYPE, "application/json")
            .header("apikey", &self.api_key)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(Bytes::from_static(b"{}")))
            // A token with characters that no header may have.
            .map_err(|_| IceServersError::Refused)?;
        let response = self.client.request(request).await.map_err(|error| {
            tracing::debug!(error = %Redacted(error), "asking for ICE servers failed");
            IceServersError::Unreachable
        })?;
        let status = response.status().as_u16();
        tracing::debug!(status, "asked for ICE servers");
        match status {
            200..=299 => Ok(Posted::Answered(response.into_body())),
            401 => Ok(Posted::Unauthorized),
            429 | 500..=599 => Err(IceServersError::Unreachable),
            400..=499 => Err(IceServersError::Refused),
            _ => Err(IceServersError::Malformed),
        }
    }
}

impl IceServers for HttpIceServers {
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
        Box::pin(async { timeout(LIMIT, self.ask()).await.unwrap_or(Err(IceServersError::Unreachable)) })
    }
}

impl fmt::Debug for HttpIceServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpIceServers").field("host", &self.uri.host()).finish_non_exhaustive()
    }
}

/// What came back, as far as another try depends on it.
enum Posted {
    Answered(Incoming),
    Unauthorized,
}

/// The answer, as far as we read it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    ice_servers: Vec<Server>,
    /// Seconds.
    #[serde(default, rename = "expires_in")]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Server {
    urls: Urls,
    #[serde(default)]
    username: String,
    #[serde(default)]
    credential: String,
}

/// `RTCIceServer.urls` is one text or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Many(Vec<String>),
}

async fn read(body: Incoming) -> Result<IceServerList, IceServersError> {
    let body = Limited::new(body, MOST_BYTES).collect().await.map_err(|error| {
        let too_long = error.is::<LengthLimitError>();
        tracing::debug!(error = %Redacted(error), "the answer with ICE servers was not read");
        if too_long { IceServersError::Malformed } else { IceServersError::Unreachable }
    })?;
    list(&body.to_bytes())
}

fn list(json: &[u8]) -> Result<IceServerList, IceServersError> {
    // serde's error would quote what may be a secret.
    let answer: Answer = serde_json::from_slice(json).map_err(|_| IceServersError::Malformed)?;
    if answer.ice_servers.len() > MOST_SERVERS {
        return Err(IceServersError::Malformed);
    }
    let servers: Vec<IceServer> = answer.ice_servers.into_iter().map(IceServer::from).collect();
    if servers.iter().map(|server| server.urls.len()).sum::<usize>() > MOST_URLS {
        return Err(IceServersError::Malformed);
    }
    super::check(&servers)?;
    let life = answer.expires_in.map_or(UNSTATED_LIFE, Duration::from_secs);
    Ok(IceServerList { servers, expires_in: Some(life.min(LONGEST_LIFE)) })
}

impl From<Server> for IceServer {
    fn from(server: Server) -> Self {
        let urls = match server.urls {
            Urls::One(url) => vec![url],
            Urls::Many(urls) => urls,
        };
        Self { urls, username: server.username, credential: server.credential }
    }
}

/// For the token, two requests and the answer together: longer than a call waits for its servers.
const LIMIT: Duration = Duration::from_secs(10);
/// Ten servers with three URLs each take 3 KiB.
const MOST_BYTES: usize = 64 * 1024;
/// Every server costs a gathering; browsers complain above five.
const MOST_SERVERS: usize = 16;
const MOST_URLS: usize = 64;
/// Of a list that does not say: renewed between calls, and no service mints for less.
const UNSTATED_LIFE: Duration = Duration::from_secs(600);
/// Keeps a nonsensical number from overflowing a clock.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests;

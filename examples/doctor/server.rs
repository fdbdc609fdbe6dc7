//! What a local server gives to whoever asks: its key, where its ICE servers are, and a token.
//!
//! Only plain HTTP is asked, which leads to machines of one's own: a Supabase project has no such pages.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use ringback::BoxFuture;
use ringback::signaling::{Token, TokenAnswer, TokenWhy, UserToken};
use serde_json::{Value, json};

/// What a local server says of itself; the default is what it says when it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    pub(crate) api_key: Option<String>,
    /// The path at which it mints TURN credentials.
    pub(crate) ice: Option<String>,
}

/// Tokens of a local demo, for one user.
#[derive(Debug)]
pub(crate) struct DemoToken {
    server: String,
    user: String,
}

impl ServerFacts {
    /// Asks the server; one that does not answer within 2 s, or not in this form, said nothing.
    pub(crate) async fn ask(server: &str) -> Self {
        let request = Request::get(format!("{}/config.json", base(server))).body(Full::default());
        match request {
            Ok(request) if is_own_machine(server) => Self::read(&fetch(request).await.unwrap_or_default()),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    fn read(said: &Value) -> Self {
        let text = |key: &str| said[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Self { api_key: text("api_key"), ice: text("ice") }
    }
}

impl DemoToken {
    pub(crate) fn new(server: &str, user: &str) -> Self {
        Self { server: server.to_owned(), user: user.to_owned() }
    }

    async fn fetch(&self) -> Option<UserToken> {
        let request = Request::post(format!("{}/local/token", base(&self.server)))
            .header("content-type", "application/json")
            .body(Full::from(json!({"user": self.user}).to_string()))
            .ok()?;
        let said = fetch(request).await?;
        let secret = said["token"].as_str()?.to_owned();
        let expires_in = Duration::from_secs(said["expires_in"].as_u64()?);
        Some(UserToken { secret, expires_in })
    }
}

impl Token for DemoToken {
    fn token(&self, _: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        Box::pin(async { self.fetch().await.map_or(TokenAnswer::SignedOut, TokenAnswer::Token) })
    }
}

/// Whether the server is on this machine or on a network that is not routed, and without TLS.
pub(crate) fn is_own_machine(server: &str) -> bool {
    server.starts_with("http://") || server.starts_with("ws://")
}

/// The URL of HTTP, without a slash at its end.
pub(crate) fn base(server: &str) -> String {
    let server = server.trim_end_matches('/');
    match server.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => server.to_owned(),
    }
}

async fn fetch(request: Request<Full<Bytes>>) -> Option<Value> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let asked = async {
        let response = client.request(request).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    };
    tokio::time::timeout(LIMIT, asked).await.ok().flatten()
}

/// The machine is near, and a person waits.
const LIMIT: Duration = Duration::from_secs(2);
/// A hundred times what the pages have.
const MOST_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_odd_is_left_out() {
        assert_eq!(ServerFacts::read(&json!([])), ServerFacts::default());
        let said = json!({"api_key": "", "ice": "/ice"});
        assert_eq!(ServerFacts::read(&said), ServerFacts { api_key: None, ice: Some("/ice".into()) });
    }

    #[test]
    fn a_websocket_url_is_asked_by_http() {
        assert_eq!(base("ws://127.0.0.1:4000/"), "http://127.0.0.1:4000");
        assert_eq!(base("wss://ref.supabase.co"), "https://ref.supabase.co");
    }
}

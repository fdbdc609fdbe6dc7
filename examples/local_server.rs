//! What a local server says of itself: its key, its lobby, its echo bot, and a token for whoever asks.
//!
//! Only servers without TLS are asked, as one's own are: a Supabase project has TLS, and no such pages.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use ringback::BoxFuture;
use ringback::signaling::{StaticToken, Token, TokenAnswer, TokenWhy, UserToken};
use serde_json::{Value, json};

/// What a local server says of itself; the default is what it says when it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// The key of its API.
    pub api_key: Option<String>,
    /// It signs tokens for whoever asks.
    pub demo: bool,
    /// The user of its echo bot.
    pub echo: Option<String>,
    /// The topic on which its phones show that they are online.
    pub lobby: Option<String>,
    /// Where it hands out STUN and TURN servers, as a path.
    pub ice: Option<String>,
}

/// Tokens of a local demo, for one user.
#[derive(Debug)]
struct DemoToken {
    server: String,
    user: String,
}

impl ServerFacts {
    /// Asks the server; a machine that does not answer within 2 s, or not in this form, said nothing.
    pub async fn ask(server: &str) -> Self {
        let request = Request::get(page(server, "config.json")).body(Full::default());
        match request {
            Ok(request) if is_own_machine(server) => Self::read(&fetch(request).await.unwrap_or_default()),
            Ok(_) | Err(_) => Self::default(),
        }
    }

    fn read(said: &Value) -> Self {
        let text = |key: &str| said[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let demo = said["demo"].as_bool().unwrap_or(false);
        Self { api_key: text("api_key"), demo, echo: text("echo"), lobby: text("lobby"), ice: text("ice") }
    }

    /// The key that was given; else the server's; else the usual one of a local server, which is not a secret.
    pub fn api_key<'a>(&'a self, given: Option<&'a str>) -> &'a str {
        given.or(self.api_key.as_deref()).unwrap_or("ringback-local-key")
    }

    /// The token that was given; else the one that a local demo signs for whoever asks; else none.
    pub fn token(&self, server: &str, user: &str, given: Option<&str>) -> Option<Arc<dyn Token>> {
        match given {
            Some(token) => Some(Arc::new(StaticToken::new(token))),
            None if self.demo => {
                Some(Arc::new(DemoToken { server: server.to_owned(), user: user.to_owned() }))
            }
            None => None,
        }
    }
}

impl DemoToken {
    async fn fetch(&self) -> Option<UserToken> {
        let body = json!({"user": self.user}).to_string();
        let request = Request::post(page(&self.server, "local/token"))
            .header("content-type", "application/json")
            .body(Full::from(body))
            .ok()?;
        let said = fetch(request).await?;
        let secret = said["token"].as_str()?.to_owned();
        let expires_in = Duration::from_secs(said["expires_in"].as_u64().unwrap_or(SHORT_LIFE));
        Some(UserToken { secret, expires_in })
    }
}

impl Token for DemoToken {
    fn token(&self, _: TokenWhy) -> BoxFuture<'_, TokenAnswer> {
        Box::pin(async { self.fetch().await.map_or(TokenAnswer::Retry, TokenAnswer::Token) })
    }
}

/// Whether the server looks like one's own: it is without TLS. Where it is cannot be told from a name.
pub fn is_own_machine(server: &str) -> bool {
    server.starts_with("http://") || server.starts_with("ws://")
}

/// Whether the server is on this machine, so that calls between its phones may use the loopback interface.
pub fn is_loopback(server: &str) -> bool {
    let uri: Option<Uri> = server.trim().parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The address of a path on the server.
pub fn page(server: &str, path: &str) -> String {
    format!("{}/{}", base(server), path.trim_start_matches('/'))
}

fn base(server: &str) -> String {
    let server = server.trim_end_matches('/');
    match server.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(_) | None => server.to_owned(),
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

/// The machine is near; a person waits for the first screen.
const LIMIT: Duration = Duration::from_secs(2);
/// A thousand times what the pages have.
const MOST_BYTES: usize = 256 * 1024;
/// A token that does not say how long it lives.
const SHORT_LIFE: u64 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_odd_is_left_at_its_default() {
        assert_eq!(ServerFacts::read(&json!([])), ServerFacts::default());
        let said = json!({"api_key": "", "demo": "yes", "echo": 7, "lobby": "hall"});
        let facts = ServerFacts { lobby: Some("hall".into()), ..ServerFacts::default() };
        assert_eq!(ServerFacts::read(&said), facts);
    }

    #[test]
    fn only_a_demo_signs_tokens() {
        let facts = ServerFacts::default();
        assert!(facts.token("http://127.0.0.1:4000", "ana", None).is_none());
        assert!(facts.token("http://127.0.0.1:4000", "ana", Some("given")).is_some());
        let demo = ServerFacts { demo: true, ..facts };
        assert!(demo.token("http://127.0.0.1:4000", "ana", None).is_some());
    }

    #[tokio::test]
    async fn a_demo_that_is_away_is_asked_again() {
        let token = DemoToken { server: "nonsense".into(), user: "ana".into() };
        assert!(matches!(token.token(TokenWhy::First).await, TokenAnswer::Retry));
    }

    #[test]
    fn a_key_that_was_given_comes_first() {
        let said = ServerFacts { api_key: Some("said".into()), ..ServerFacts::default() };
        assert_eq!(said.api_key(Some("given")), "given");
        assert_eq!(said.api_key(None), "said");
        assert_eq!(ServerFacts::default().api_key(None), "ringback-local-key");
    }

    #[test]
    fn a_websocket_url_is_asked_by_http() {
        assert_eq!(page("ws://127.0.0.1:4000/", "/ice"), "http://127.0.0.1:4000/ice");
        assert_eq!(page("wss://ref.supabase.co", "ice"), "https://ref.supabase.co/ice");
    }

    #[test]
    fn a_loopback_server_is_recognized() {
        for near in ["http://127.0.0.1:4000", "http://localhost:4000", "http://[::1]:4000/"] {
            assert!(is_loopback(near), "{near}");
        }
        for far in ["http://192.168.1.2:4000", "https://ref.supabase.co", "nonsense"] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}

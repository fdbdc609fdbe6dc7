//! The pages of the browser phone, and what they need to know of this server.
//!
//! The files of `server/web` are in the program; a debug build reads them from the folder at each request, so that a
//! page is edited and reloaded. A file is served if its kind is known, with an `ETag`: browsers ask each time and mostly
//! hear 304.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use serde::Serialize;

/// The content security policy, but for the servers that a page may connect to.
macro_rules! policy {
    ($connect:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; ",
            "font-src 'self'; manifest-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; ",
            "frame-ancestors 'none'; connect-src ",
            $connect
        )
    };
}

/// What a phone needs to know of this server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PageConfig {
    pub(crate) version: &'static str,
    pub(crate) api_key: String,
    /// Whether `POST /local/token` signs tokens.
    pub(crate) demo: bool,
    /// Whether the address of a page and scripts may drive its phone.
    pub(crate) test_hooks: bool,
    /// The echo bot's user.
    pub(crate) echo: Option<String>,
    /// The topic on which phones show that they are online.
    pub(crate) lobby: &'static str,
    /// Where ICE servers are asked for.
    pub(crate) ice: Option<&'static str>,
}

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// The pages, as the fallback of other routes. With `test_hooks` they may connect to any server.
pub(crate) fn router(test_hooks: bool) -> Router {
    Router::new().fallback(page).with_state(policy(test_hooks))
}

/// `/config.json`.
pub(crate) fn config_router(config: PageConfig) -> Router {
    Router::new().route("/config.json", get(page_config)).with_state(Arc::new(config))
}

async fn page_config(State(config): State<Arc<PageConfig>>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(&*config)).into_response()
}

async fn page(State(policy): State<HeaderValue>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some((kind, file)) = kind(path).and_then(|kind| Some((kind, Files::get(path)?))) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    let etag = etag(&file.metadata.sha256_hash());
    let mut response = if knows(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(file.data.into_owned()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    };
    let headers = response.headers_mut();
    for (name, value) in PAGE_HEADERS {
        headers.insert(name.clone(), HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// Scripts and styles are our own files only, and a page speaks to its own server; a test names another with `?hub=`.
fn policy(test_hooks: bool) -> HeaderValue {
    HeaderValue::from_static(if test_hooks { POLICY_OF_TESTS } else { POLICY })
}

/// The kind of a file by its name; `None`: not for browsers.
fn kind(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    KINDS.iter().find(|(known, _)| *known == ending).map(|&(_, kind)| kind)
}

fn etag(hash: &[u8]) -> String {
    // 128 bits tell any two versions of a file apart.
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn knows(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)
}

const KINDS: [(&str, &str); 10] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("wav", "audio/wav"),
    ("webmanifest", "application/manifest+json"),
    ("txt", "text/plain; charset=utf-8"),
];

const POLICY: &str = policy!("'self'");
const POLICY_OF_TESTS: &str = policy!("'self' http: https: ws: wss:");

const PAGE_HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=(), geolocation=()"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_a_known_kind_are_served() {
        assert_eq!(kind("app/page.js"), Some("text/javascript; charset=utf-8"));
        assert_eq!(kind("README.md"), None);
        assert_eq!(kind("package.json"), None);
        assert_eq!(kind("html"), None);
    }

    #[test]
    fn a_weak_or_listed_etag_is_known() {
        let mut headers = HeaderMap::new();
        assert!(!knows(&headers, "\"a\""));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\", W/\"a\""));
        assert!(knows(&headers, "\"a\""));
    }
}

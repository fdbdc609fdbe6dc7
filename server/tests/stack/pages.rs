//! The pages, and what a page learns of this server.

use ringback_server::{EchoConfig, StackConfig};
use serde_json::json;

use super::client::{get, quiet, request, start};

#[tokio::test]
async fn the_page_is_at_the_root_with_its_headers() {
    let stack = start(quiet()).await;
    let page = get(stack.addr(), "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"));
    assert!(page.body.contains("Ringback"));
    assert_eq!(get(stack.addr(), "/index.html").await.body, page.body);
    stack.stop().await;
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let stack = start(quiet()).await;
    let etag = get(stack.addr(), "/").await.header("etag").unwrap().to_owned();
    let again = request(stack.addr(), "GET", "/", &[("if-none-match", &etag)], "").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let other = request(stack.addr(), "GET", "/", &[("if-none-match", "\"other\"")], "").await;
    assert_eq!(other.status, 200);
    stack.stop().await;
}

#[tokio::test]
async fn what_is_not_a_page_is_not_served() {
    let stack = start(quiet()).await;
    for path in
        ["/nothing", "/nothing.html", "/README.md", "/../Cargo.toml", "/..%2fCargo.toml", "/package.json"]
    {
        assert_eq!(get(stack.addr(), path).await.status, 404, "{path}");
    }
    assert_eq!(request(stack.addr(), "POST", "/", &[], "x").await.status, 405);
    assert_eq!(request(stack.addr(), "DELETE", "/status", &[], "").await.status, 405);
    stack.stop().await;
}

#[tokio::test]
async fn a_page_learns_what_it_needs() {
    let stack = start(StackConfig { echo: Some(EchoConfig::default()), ..quiet() }).await;
    let config = get(stack.addr(), "/config.json").await;
    assert_eq!(config.header("cache-control"), Some("no-store"));
    let config = config.json();
    assert_eq!(config["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(config["api_key"], json!("ringback-local-key"));
    assert_eq!((&config["demo"], &config["echo"]), (&json!(true), &json!("echo")));
    assert_eq!(config["lobby"], json!("lobby"));
    stack.stop().await;
}

#[tokio::test]
async fn a_page_has_test_hooks_and_other_servers_only_where_the_stack_says_so() {
    for test_hooks in [false, true] {
        let stack = start(StackConfig { test_hooks, ..quiet() }).await;
        let config = get(stack.addr(), "/config.json").await.json();
        assert_eq!(config["test_hooks"], json!(test_hooks));
        let page = get(stack.addr(), "/").await;
        let policy = page.header("content-security-policy").unwrap();
        assert_eq!(policy.ends_with("; connect-src 'self'"), !test_hooks, "{policy}");
        assert_eq!(policy.contains("wss:"), test_hooks, "{policy}");
        stack.stop().await;
    }
}

#[tokio::test]
async fn pages_of_other_servers_may_use_the_hub_but_not_the_demo_or_the_figures() {
    let stack = start(quiet()).await;
    let allowed = async |path: &str| {
        let origin = [("origin", "http://elsewhere.example")];
        request(stack.addr(), "GET", path, &origin, "")
            .await
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    assert_eq!(allowed("/health").await.as_deref(), Some("http://elsewhere.example"));
    assert_eq!(allowed("/local/faults").await, None);
    assert_eq!(allowed("/status").await, None);
    let ask = [
        ("origin", "http://elsewhere.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "apikey,authorization,content-type"),
    ];
    let preflight = request(stack.addr(), "OPTIONS", "/realtime/v1/api/broadcast", &ask, "").await;
    assert_eq!(preflight.status, 200);
    let headers = preflight.header("access-control-allow-headers");
    assert_eq!(headers, Some("apikey,authorization,content-type"), "a wildcard leaves out authorization");
    stack.stop().await;
}

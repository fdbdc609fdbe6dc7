//! The endpoint as a client sees it, without sockets.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::turn::credentials::{Named, password};

const PATH: &str = "/functions/v1/turn-credentials";

fn keys() -> Keys {
    Keys::new("jwt".into(), "key".into())
}

fn router() -> Router {
    let stun = vec!["stun:h:1".to_owned()];
    let turn = vec!["turn:h:1?transport=udp".to_owned(), "turns:h:2?transport=tcp".to_owned()];
    let (api_key, jwt_secret, turn_secret) = ("key".into(), "jwt".into(), "north".into());
    let urls = TurnUrls { stun, turn };
    credentials_router(MintingConfig { api_key, jwt_secret, turn_secret, urls, ..MintingConfig::default() })
}

async fn post(headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
    let mut request = Request::post(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router().oneshot(request.body(Body::from("{}")).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, serde_json::from_slice(&body).unwrap())
}

async fn asked_with(token: &str) -> (StatusCode, Value) {
    let bearer = format!("Bearer {token}");
    let (status, _, body) = post(&[("apikey", "key"), ("authorization", &bearer)]).await;
    (status, body)
}

#[tokio::test]
async fn a_user_gets_servers_and_a_credential_that_the_server_accepts() {
    let token = keys().mint("u:1@x", Duration::from_secs(60)).unwrap();
    let (status, body) = asked_with(&token).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["iceServers"][0], json!({"urls": ["stun:h:1"]}));
    let turn = &body["iceServers"][1];
    assert_eq!(turn["urls"], json!(["turn:h:1?transport=udp", "turns:h:2?transport=tcp"]));
    let username = turn["username"].as_str().unwrap();
    let named = Named::read(username).unwrap();
    assert_eq!(named.user, "u:1@x");
    assert!(!named.is_expired(SystemTime::now() + Duration::from_secs(3590)));
    assert_eq!(turn["credential"], password("north", username));
}

#[tokio::test]
async fn nobody_signed_in_gets_no_credential() {
    let (status, body) = asked_with("key").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "the API key is no user");
    assert_eq!(body, json!({"error": "credentials are for signed-in users"}));
    let nameless = keys().mint("", Duration::from_secs(60)).unwrap();
    let strange = keys().mint("a b\nc", Duration::from_secs(60)).unwrap();
    for token in [nameless, strange] {
        assert_eq!(asked_with(&token).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_token_of_the_role_anon_gets_no_credential() {
    let claims = json!({"sub": "rider", "role": "anon", "exp": 4_000_000_000_u64});
    let key = jsonwebtoken::EncodingKey::from_secret(b"jwt");
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    assert_eq!(asked_with(&token).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn without_a_good_token_the_answer_is_401() {
    let expired = keys().mint("rider", Duration::ZERO).unwrap();
    let forged = Keys::new("other".into(), "key".into()).mint("rider", Duration::from_secs(60)).unwrap();
    for token in [expired.as_str(), forged.as_str(), "nonsense", ""] {
        let (status, body) = asked_with(token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{token}");
        assert!(body["error"].is_string() && body.get("iceServers").is_none());
    }
    assert_eq!(post(&[]).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&[("authorization", "Basic abc")]).await.0, StatusCode::UNAUTHORIZED);
    let token = format!("Bearer {}", keys().mint("rider", Duration::from_secs(60)).unwrap());
    let wrong_key = post(&[("apikey", "other"), ("authorization", &token)]).await;
    assert_eq!(wrong_key.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_browser_may_ask_from_any_origin_and_keeps_nothing() {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri(PATH)
        .header("origin", "https://app.example")
        .header("access-control-request-headers", "authorization,apikey");
    let response = router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let allowed = response.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("apikey"));
    let (_, refused, _) = post(&[]).await;
    assert_eq!(refused["access-control-allow-origin"], "*");
    let token = format!("Bearer {}", keys().mint("rider", Duration::from_secs(60)).unwrap());
    let (_, served, _) = post(&[("authorization", &token)]).await;
    assert_eq!(served["cache-control"], "no-store");
}

//! From the token to the relay: credentials are minted over HTTP, fetched by the app's adapter, and carry a call.

use std::sync::Arc;
use std::time::Duration;

use ringback::media::ice::{HttpIceServers, IceServers, IceServersError};
use ringback::signaling::StaticToken;
use ringback_server::turn::{MintingConfig, credentials_router};
use ringback_server::{Hub, HubConfig};
use ringback_tests::turn::{Rules, SECRET, TestServer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::media::hear_each_other;
use crate::start::embedded;

/// The endpoint on a port of its own, for this server.
async fn endpoint(server: &TestServer) -> (String, JoinHandle<()>) {
    let keys = HubConfig::default();
    let router = credentials_router(MintingConfig {
        api_key: keys.api_key,
        jwt_secret: keys.jwt_secret,
        turn_secret: SECRET.to_owned(),
        urls: server.running().unwrap().urls().clone(),
        ..MintingConfig::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/functions/v1/turn-credentials", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, serving)
}

/// A token of the hub that shares the endpoint's keys.
async fn token(user: &str) -> String {
    let hub = Hub::start(HubConfig::default()).await.unwrap();
    let token = hub.mint(user, Duration::from_secs(60)).unwrap();
    hub.stop().await;
    token
}

fn adapter(url: &str, token: String) -> Arc<dyn IceServers> {
    let api_key = HubConfig::default().api_key;
    Arc::new(HttpIceServers::new(url, api_key, Arc::new(StaticToken::new(token))).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_all_that_two_phones_need_to_talk_through_the_relay() {
    let server = embedded(Rules::default()).await;
    let (url, serving) = endpoint(&server).await;
    let servers = [adapter(&url, token("rider").await), adapter(&url, token("driver").await)];
    let list = servers[0].fetch().await.unwrap();
    assert_eq!(list.expires_in, Some(Duration::from_secs(3600)));
    hear_each_other(servers).await;
    serving.abort();
}

#[tokio::test]
async fn nobody_signed_in_is_refused() {
    let server = embedded(Rules::default()).await;
    let (url, serving) = endpoint(&server).await;
    let anonymous = adapter(&url, HubConfig::default().api_key);
    assert_eq!(anonymous.fetch().await, Err(IceServersError::Refused));
    serving.abort();
}

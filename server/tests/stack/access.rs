//! Who may read the figures, which name users.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ringback_server::{HubConfig, RunningStack, StackConfig};

use super::client::{get, quiet, request, start};

#[tokio::test]
async fn a_demo_shows_its_figures_to_everybody() {
    let stack = start(everywhere(true, None)).await;
    assert_eq!(read(&stack, None).await, [200, 200]);
    stack.stop().await;
}

#[tokio::test]
async fn a_key_that_is_set_is_asked_for_in_a_demo_too() {
    let stack = start(everywhere(true, Some("s3cret"))).await;
    assert_eq!(read(&stack, None).await, [401, 401]);
    assert_eq!(read(&stack, Some("s3cret")).await, [200, 200]);
    stack.stop().await;
}

#[tokio::test]
async fn on_loopback_without_a_key_everybody_reads() {
    let config = StackConfig { hub: HubConfig { demo: false, ..quiet().hub }, ..quiet() };
    let stack = start(config).await;
    assert_eq!(read(&stack, None).await, [200, 200]);
    stack.stop().await;
}

#[tokio::test]
async fn outside_a_demo_the_key_is_asked_for() {
    let stack = start(everywhere(false, Some("s3cret"))).await;
    assert_eq!(read(&stack, None).await, [401, 401]);
    assert_eq!(read(&stack, Some("s3cre")).await, [401, 401]);
    assert_eq!(read(&stack, Some("s3cret")).await, [200, 200]);
    stack.stop().await;
}

#[tokio::test]
async fn without_a_key_users_are_refused() {
    let stack = start(everywhere(false, None)).await;
    let user = stack.hub().mint("u1", Duration::from_secs(60)).unwrap();
    assert_eq!(read(&stack, None).await, [401, 401]);
    assert_eq!(read(&stack, Some(&user)).await, [401, 401]);
    let answer = get(own(&stack), "/status").await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert!(answer.json()["error"].as_str().unwrap().contains("status key"));
    stack.stop().await;
}

/// Listens on every address, so that it is not on loopback.
fn everywhere(demo: bool, key: Option<&str>) -> StackConfig {
    let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let hub = HubConfig { listen, demo, ..quiet().hub };
    StackConfig { hub, status_key: key.map(str::to_owned), ..quiet() }
}

fn own(stack: &RunningStack) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, stack.addr().port()))
}

async fn read(stack: &RunningStack, key: Option<&str>) -> [u16; 2] {
    let bearer = key.map(|key| format!("Bearer {key}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let status = request(own(stack), "GET", "/status", &headers, "").await.status;
    [status, request(own(stack), "GET", "/metrics", &headers, "").await.status]
}

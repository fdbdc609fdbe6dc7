//! The end: told by a signal, within two seconds, with nothing left.

use std::time::Duration;

use ringback::audio::{CaptureFrom, PlaybackTo};
use ringback::proto::EndReason;
use ringback::proto::call::CallState;
use ringback_server::{DEMO_KEY, EchoConfig, StackConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::client::{close, close_code, phone_at, quiet, start, until, websocket, within};
use super::program::serve;

#[cfg(unix)]
#[tokio::test]
async fn a_signal_closes_sockets_with_1012_and_ends_the_program_well() {
    for signal in ["TERM", "INT"] {
        let (mut server, url) = serve(&[]).await;
        let addr = url.trim_start_matches("http://").parse().unwrap();
        let mut socket = websocket(addr, DEMO_KEY).await.unwrap();
        kill(&server, signal).await;
        assert_eq!(close_code(&mut socket).await, Some(1012));
        assert_eq!(within(server.wait()).await.unwrap().code(), Some(0), "{signal}");
        TcpListener::bind(addr).await.expect("the port is free");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_can_be_json() {
    let (server, _) = serve(&["--log-format", "json", "--log", "info"]).await;
    kill(&server, "TERM").await;
    let output = within(server.wait_with_output()).await.unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let messages: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line["fields"]["message"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(messages.contains(&"started".to_owned()) && messages.contains(&"stopped".to_owned()), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_clients_that_do_nothing() {
    let stack = start(StackConfig { echo: Some(EchoConfig::default()), ..quiet() }).await;
    until("the echo bot is online", async || stack.snapshot().echo.is_some_and(|echo| echo.online)).await;
    let addr = stack.addr();
    // A websocket that nobody reads, half a request, a connection without a word.
    let _socket = websocket(addr, DEMO_KEY).await.unwrap();
    let mut half = TcpStream::connect(addr).await.unwrap();
    half.write_all(b"POST /realtime/v1/api/broadcast HTTP/1.1\r\nhost: st").await.unwrap();
    let _silent = TcpStream::connect(addr).await.unwrap();
    tokio::time::timeout(Duration::from_secs(3), stack.stop())
        .await
        .expect("it stops within its 2 s, and a second to spare");
    TcpListener::bind(addr).await.expect("the port is free");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_hangs_up_the_calls_of_the_echo_bot() {
    let (mut server, url) = serve(&[]).await;
    let phone = phone_at(&url, "rider", CaptureFrom::Silence, PlaybackTo::Null).await;
    let call = phone.call("echo").await.unwrap();
    assert_eq!(within(call.wait_for(|state| *state == CallState::Active)).await, CallState::Active);
    kill(&server, "TERM").await;
    assert_eq!(within(call.ended()).await.reason, EndReason::HungUp);
    assert_eq!(within(server.wait()).await.unwrap().code(), Some(0));
    close(phone).await;
}

#[cfg(unix)]
async fn kill(server: &tokio::process::Child, signal: &str) {
    let id = server.id().expect("it runs").to_string();
    let sent = tokio::process::Command::new("kill").args(["-s", signal, &id]).status().await.unwrap();
    assert!(sent.success());
}

//! What the tests share: a stack on a free port, HTTP by hand, a raw websocket, a native phone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringback::Phone;
use ringback::audio::{CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::signaling::supabase::SupabaseSignaling;
use ringback::store::MemoryStore;
use ringback_server::{DEMO_KEY, HubConfig, RunningStack, Stack, StackConfig};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A stack without an echo bot whose refusals come at once.
pub(crate) fn quiet() -> StackConfig {
    let hub = HubConfig {
        demo: true,
        join_refusal_stall: Duration::ZERO,
        connect_refusal_delay: Duration::ZERO,
        ..HubConfig::default()
    };
    StackConfig { hub, echo: None, turn: None, ..StackConfig::default() }
}

pub(crate) async fn start(config: StackConfig) -> RunningStack {
    Stack::start(config).await.expect("the stack starts")
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Answer {
    request(addr, "GET", path, &[], "").await
}

pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(addr).await.unwrap();
    request_on(stream, method, path, headers, body).await
}

pub(crate) async fn request_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    within(stream.read_to_end(&mut response)).await.unwrap();
    let response = String::from_utf8(response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub(crate) type Websocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// `Err`: the HTTP status.
pub(crate) async fn websocket(addr: SocketAddr, key: &str) -> Result<Websocket, u16> {
    let url = format!("ws://{addr}/realtime/v1/websocket?apikey={key}&vsn=2.0.0");
    match connect_async(url).await {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// Sends a frame and returns the next one.
pub(crate) async fn ask(socket: &mut Websocket, frame: Value) -> Value {
    socket.send(Message::Text(frame.to_string().into())).await.unwrap();
    let Some(Ok(Message::Text(text))) = within(socket.next()).await else { panic!("no text") };
    serde_json::from_str(&text).unwrap()
}

/// The code of the close frame that ends the socket, whatever comes before.
pub(crate) async fn close_code(socket: &mut Websocket) -> Option<u16> {
    loop {
        match within(socket.next()).await? {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// A native phone on the stack, which says and hears what the test wants.
pub(crate) async fn phone(stack: &RunningStack, user: &str, says: CaptureFrom, hears: PlaybackTo) -> Phone {
    phone_at(&stack.url(), user, says, hears).await
}

pub(crate) async fn phone_at(url: &str, user: &str, says: CaptureFrom, hears: PlaybackTo) -> Phone {
    let signaling = SupabaseSignaling::public(url, DEMO_KEY, user.parse().unwrap()).start().unwrap();
    Phone::builder(Arc::new(signaling))
        .user(user)
        // A device of its own: a phone of the same user and device in this process would be adopted.
        .store(Arc::new(MemoryStore::new()))
        .audio_devices(Arc::new(ClockedDevices::new(says, hears)))
        .local_demo(true)
        .start()
        .await
        .unwrap()
}

pub(crate) async fn close(phone: Phone) {
    phone.close();
    within(phone.closed()).await;
}

/// Looks again until it is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let all = async {
        loop {
            tick.tick().await;
            if so().await {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, all).await.unwrap_or_else(|_| panic!("not within 30 s: {what}"));
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("nothing came within 30 s")
}

const LIMIT: Duration = Duration::from_secs(30);

//! A raw client: sends frames as they are written, shows frames as they come.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringback_server::{DEMO_KEY, Hub, HubConfig, RunningHub};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub(crate) async fn v2(hub: &RunningHub) -> Self {
        Self::open(hub, &format!("apikey={DEMO_KEY}&vsn=2.0.0")).await.unwrap()
    }

    pub(crate) async fn v1(hub: &RunningHub) -> Self {
        Self::open(hub, &format!("apikey={DEMO_KEY}&vsn=1.0.0")).await.unwrap()
    }

    /// `Err`: the HTTP status.
    pub(crate) async fn open(hub: &RunningHub, query: &str) -> Result<Self, u16> {
        let url = format!("ws://{}/realtime/v1/websocket?{query}", hub.addr());
        match connect_async(url).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The status and the body with which a websocket is refused.
    pub(crate) async fn refused(hub: &RunningHub, query: &str) -> (u16, Value) {
        let path = format!("/realtime/v1/websocket?{query}");
        let headers = [
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let (status, body) = http_over("Upgrade", hub, "GET", &path, &headers, "").await;
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_raw(Message::Text(frame.to_string().into())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next message as it is.
    pub(crate) async fn message(&mut self) -> Message {
        let next = tokio::time::timeout(Duration::from_secs(30), self.socket.next());
        next.await.expect("nothing came within 30 s").expect("closed").unwrap()
    }

    /// The next frame, which must be text.
    pub(crate) async fn frame(&mut self) -> Value {
        let message = self.message().await;
        let Message::Text(text) = &message else { panic!("{message:?}") };
        serde_json::from_str(text).unwrap()
    }

    pub(crate) async fn frames(&mut self, count: usize) -> Vec<Value> {
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            frames.push(self.frame().await);
        }
        frames
    }

    /// The code of the close frame that ends the socket, whatever comes before.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.message().await {
                return frame.expect("no code").code.into();
            }
        }
    }

    /// Joins with 2.0.0 under the join_ref "1" and takes the reply.
    pub(crate) async fn join(&mut self, topic: &str, config: Value, token: Option<&str>) -> Value {
        self.join_as("1", topic, config, token).await
    }

    pub(crate) async fn join_as(
        &mut self,
        number: &str,
        topic: &str,
        config: Value,
        token: Option<&str>,
    ) -> Value {
        let payload = json!({"config": config, "access_token": token});
        self.send(json!([number, number, topic, "phx_join", payload])).await;
        self.frame().await
    }

    /// Joins with 1.0.0 under the join_ref "1".
    pub(crate) async fn join_v1(&mut self, topic: &str, config: Value) {
        let payload = json!({"config": config});
        self.send(
            json!({"topic": topic, "event": "phx_join", "payload": payload, "ref": "1", "join_ref": "1"}),
        )
        .await;
        let reply = self.frame().await;
        assert_eq!((&reply["ref"], &reply["payload"]["status"]), (&json!("1"), &json!("ok")), "{reply}");
        assert!(reply.get("join_ref").is_none());
    }

    /// Proves that nothing else was on its way: the reply to a heartbeat comes next.
    pub(crate) async fn nothing_more(&mut self) {
        self.send(json!([null, "h", "phoenix", "heartbeat", {}])).await;
        let reply = json!([null, "h", "phoenix", "phx_reply", {"status": "ok", "response": {}}]);
        assert_eq!(self.frame().await, reply);
    }
}

/// A hub that refuses quickly.
pub(crate) fn quick() -> HubConfig {
    HubConfig {
        join_refusal_stall: Duration::ZERO,
        connect_refusal_delay: Duration::ZERO,
        ..HubConfig::default()
    }
}

pub(crate) async fn quick_hub() -> RunningHub {
    Hub::start(quick()).await.unwrap()
}

pub(crate) fn ok(number: &str, topic: &str) -> Value {
    json!(["1", number, topic, "phx_reply", {"status": "ok", "response": {}}])
}

pub(crate) fn joined(number: &str, topic: &str) -> Value {
    json!([number, number, topic, "phx_reply", {"status": "ok", "response": {"postgres_changes": []}}])
}

/// The end of a channel under the join_ref "1".
pub(crate) fn closed(topic: &str) -> Value {
    json!(["1", "1", topic, "phx_close", {}])
}

/// A system message on a channel under the join_ref "1".
pub(crate) fn note(topic: &str, status: &str, message: &str) -> Value {
    let channel = topic.strip_prefix("realtime:").unwrap();
    let payload = json!({"extension": "system", "status": status, "message": message, "channel": channel});
    json!(["1", null, topic, "system", payload])
}

/// Why a join was refused.
pub(crate) fn reason(reply: &Value) -> &str {
    assert_eq!(reply[4]["status"], "error", "{reply}");
    reply[4]["response"]["reason"].as_str().unwrap()
}

/// One HTTP request by hand: the status and the body.
pub(crate) async fn http(
    hub: &RunningHub,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    http_over("close", hub, method, path, headers, body).await
}

async fn http_over(
    connection: &str,
    hub: &RunningHub,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(hub.addr()).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: {connection}\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request += &format!("host: {}\r\n", hub.addr());
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(30), read_response(&mut stream));
    let response = read.await.expect("no answer within 30 s");
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Reads one response; the connection may stay open behind it.
async fn read_response(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&response).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            if length.is_some_and(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
        if stream.read_buf(&mut response).await.unwrap() == 0 {
            return text;
        }
    }
}

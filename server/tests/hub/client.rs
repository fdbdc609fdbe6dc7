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

/// One HTTP request by hand: the status and the body.
pub(crate) async fn http(
    hub: &RunningHub,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(hub.addr()).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut response));
    read.await.expect("no answer within 30 s").unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

//! A websocket of the load: serializer 2.0.0, as little as it takes.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use ringback_server::DEMO_KEY;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::bench::BoxError;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where a socket writes.
pub(super) type Writer = SplitSink<Stream, Message>;
/// Where it reads.
pub(super) type Reader = SplitStream<Stream>;

/// Opens a socket and joins a public topic, given without its prefix.
pub(super) async fn join(hub: &str, topic: &str) -> Result<(Writer, Reader), BoxError> {
    let url = format!("{}/realtime/v1/websocket?apikey={DEMO_KEY}&vsn=2.0.0", hub.replacen("http", "ws", 1));
    let (stream, _) = tokio_tungstenite::connect_async(url).await?;
    let (mut writer, mut reader) = stream.split();
    let config =
        r#"{"config":{"broadcast":{"ack":false,"self":false},"presence":{"enabled":false},"private":false}}"#;
    let join = format!(r#"["1","1","realtime:{topic}","phx_join",{config}]"#);
    writer.send(Message::text(join)).await?;
    let reply = reader.next().await.ok_or("the hub closed the socket")??;
    if !reply.to_text()?.contains(r#""status":"ok""#) {
        return Err(format!("the join is refused: {reply}").into());
    }
    Ok((writer, reader))
}

/// A broadcast of kind 3 with a body that is JSON.
pub(super) fn broadcast(topic: &str, body: &[u8]) -> Message {
    let topic = format!("realtime:{topic}");
    // Every length is one byte: the names here are short.
    let head = [3, 1, 0, topic.len() as u8, EVENT.len() as u8, 0, 1];
    let mut frame = Vec::with_capacity(head.len() + 1 + topic.len() + EVENT.len() + body.len());
    frame.extend_from_slice(&head);
    frame.push(b'1');
    frame.extend_from_slice(topic.as_bytes());
    frame.extend_from_slice(EVENT.as_bytes());
    frame.extend_from_slice(body);
    Message::binary(frame)
}

/// The body of a broadcast of kind 4; `None` for all other frames.
pub(super) fn body(message: &Message) -> Option<&[u8]> {
    let Message::Binary(frame) = message else { return None };
    let &[kind, topic, event, metadata, _encoding] = frame.first_chunk::<5>()?;
    let head = 5 + usize::from(topic) + usize::from(event) + usize::from(metadata);
    frame.get(head..).filter(|_| kind == 4)
}

const EVENT: &str = "rb1";

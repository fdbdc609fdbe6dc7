//! One websocket as the pump sees it: opening, open, or not there.
//!
//! Writing never blocks reading: frames wait in a queue of 256 and leave as the socket takes them. A peer that takes
//! nothing is found out by the heartbeat; a queue that is full ends the connection before.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, StreamExt};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::endpoint::Endpoint;
use crate::BoxFuture;
use crate::proto::phoenix::{Lost, MAX_PACKET, Packet};
use crate::redacted::Redacted;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The websocket, whatever its state.
pub(super) enum Link {
    Down,
    Opening(BoxFuture<'static, Result<Box<WebSocket>, Lost>>),
    Open(Open),
}

/// What happened on the websocket.
pub(super) enum LinkEvent {
    Opened,
    Received(Packet),
    Lost(Lost),
}

pub(super) struct Open {
    socket: Box<WebSocket>,
    queue: VecDeque<Message>,
    flushed: bool,
    overflowed: bool,
}

impl Link {
    /// Starts to connect; what was there before is dropped.
    pub(super) fn open(&mut self, endpoint: &Arc<Endpoint>, url: String, tls: &Arc<ClientConfig>) {
        let (endpoint, tls) = (endpoint.clone(), tls.clone());
        *self = Link::Opening(Box::pin(async move {
            match tokio::time::timeout(CONNECT_LIMIT, connect(&endpoint, url, tls)).await {
                Ok(connected) => connected.map(Box::new),
                Err(_) => Err(Lost::Timeout),
            }
        }));
    }

    pub(super) fn drop_now(&mut self) {
        *self = Link::Down;
    }

    pub(super) fn send(&mut self, packet: Packet) {
        let Link::Open(open) = self else { return };
        if open.queue.len() >= QUEUE {
            open.overflowed = true;
            return;
        }
        open.queue.push_back(match packet {
            Packet::Text(text) => Message::Text(text.into()),
            Packet::Binary(bytes) => Message::Binary(bytes.into()),
        });
    }

    pub(super) fn is_drained(&self) -> bool {
        match self {
            Link::Down | Link::Opening(_) => true,
            Link::Open(open) => open.queue.is_empty() && open.flushed,
        }
    }

    /// The next event; writes on the way. Cancel safe.
    pub(super) async fn next(&mut self) -> LinkEvent {
        let event = match self {
            Link::Down => std::future::pending().await,
            Link::Opening(opening) => match opening.await {
                Ok(socket) => {
                    let open = Open { socket, queue: VecDeque::new(), flushed: true, overflowed: false };
                    *self = Link::Open(open);
                    return LinkEvent::Opened;
                }
                Err(lost) => LinkEvent::Lost(lost),
            },
            Link::Open(open) => poll_fn(|cx| open.poll(cx)).await,
        };
        if let LinkEvent::Lost(_) = event {
            *self = Link::Down;
        }
        event
    }

    /// Says good-bye, if that goes without waiting.
    pub(super) async fn close(&mut self) {
        if let Link::Open(open) = self {
            // Whether the server hears it does not matter.
            let _ = tokio::time::timeout(CLOSE_LIMIT, open.socket.close(None)).await;
        }
        *self = Link::Down;
    }
}

impl Open {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        if self.overflowed {
            return Poll::Ready(LinkEvent::Lost(Lost::Broken));
        }
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            return Poll::Ready(LinkEvent::Lost(lost_open(&error)));
        }
        loop {
            let received = ready!(self.socket.poll_next_unpin(cx));
            let event = match received {
                Some(Ok(Message::Text(text))) => LinkEvent::Received(Packet::Text(text.as_str().to_owned())),
                Some(Ok(Message::Binary(bytes))) => LinkEvent::Received(Packet::Binary(bytes.to_vec())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    LinkEvent::Lost(Lost::Closed(frame.map(|frame| frame.code.into())))
                }
                Some(Err(error)) => LinkEvent::Lost(lost_open(&error)),
                None => LinkEvent::Lost(Lost::Closed(None)),
            };
            return Poll::Ready(event);
        }
    }

    /// Pending while there is something to write, and when everything is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        while !self.queue.is_empty() {
            ready!(Pin::new(&mut *self.socket).poll_ready(cx))?;
            let Some(message) = self.queue.pop_front() else { break };
            self.flushed = false;
            Pin::new(&mut *self.socket).start_send(message)?;
        }
        if !self.flushed {
            ready!(Pin::new(&mut *self.socket).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Pending
    }
}

async fn connect(endpoint: &Endpoint, url: String, tls: Arc<ClientConfig>) -> Result<WebSocket, Lost> {
    let tcp = TcpStream::connect(endpoint.address()).await.map_err(|_| Lost::Unreachable)?;
    // Small frames one by one: waiting for more would add 40 ms to each.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let request = url.into_client_request().map_err(|_| Lost::NotRealtime)?;
    let connector = if endpoint.is_secure() { Connector::Rustls(tls) } else { Connector::Plain };
    let limits =
        WebSocketConfig::default().max_message_size(Some(MAX_PACKET)).max_frame_size(Some(MAX_PACKET));
    match client_async_tls_with_config(request, tcp, Some(limits), Some(connector)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(lost_opening(&error)),
    }
}

fn lost_opening(error: &tungstenite::Error) -> Lost {
    if let tungstenite::Error::Http(response) = error {
        return Lost::Refused(response.status().as_u16());
    }
    let tungstenite::Error::Io(error) = error else { return Lost::NotRealtime };
    if error.kind() == io::ErrorKind::TimedOut {
        return Lost::Timeout;
    }
    // A certificate that is refused comes as InvalidData.
    if error.kind() == io::ErrorKind::InvalidData { Lost::NotRealtime } else { Lost::Unreachable }
}

fn lost_open(error: &tungstenite::Error) -> Lost {
    tracing::debug!(error = %Redacted(error), "the websocket broke");
    let closed = matches!(error, tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed);
    if closed { Lost::Closed(None) } else { Lost::Broken }
}

/// Name, TCP, TLS and the upgrade together. The server delays its refusals by 2 s.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The close frame is a courtesy.
const CLOSE_LIMIT: Duration = Duration::from_millis(100);
/// Frames that wait for the socket: above what the machine has outstanding in a call.
const QUEUE: usize = 256;

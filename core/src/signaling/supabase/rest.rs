//! Sending by REST: one POST a message, on connections that stay open.
//!
//! At most 4 requests are under way and 64 wait; beyond, a message is refused and the call machine sends it again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use rustls::ClientConfig;

use super::endpoint::Endpoint;
use crate::BoxFuture;
use crate::net::http::HttpClient;
use crate::proto::MessageId;
use crate::proto::phoenix::Topic;
use crate::redacted::Redacted;

/// The way out in private mode.
pub(super) struct Rest {
    client: HttpClient,
    endpoint: Arc<Endpoint>,
    api_key: String,
    waiting: VecDeque<Post>,
    under_way: FuturesUnordered<BoxFuture<'static, (MessageId, Posted)>>,
}

/// A message to post.
pub(super) struct Post {
    pub(super) id: MessageId,
    pub(super) topic: Topic,
    pub(super) event: &'static str,
    pub(super) text: String,
    pub(super) token: String,
}

/// How a post ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posted {
    Accepted,
    NotAllowed,
    TokenRefused,
    TooLarge,
    RateLimited,
    Failed,
}

impl Rest {
    pub(super) fn new(endpoint: Arc<Endpoint>, api_key: String, tls: ClientConfig) -> Self {
        let client = HttpClient::new(tls, LIMIT, MOST_UNDER_WAY);
        let (waiting, under_way) = (VecDeque::new(), FuturesUnordered::new());
        Self { client, endpoint, api_key, waiting, under_way }
    }

    /// Takes a message; gives it back if too many wait.
    pub(super) fn post(&mut self, post: Post) -> Result<(), Post> {
        if self.under_way.len() < MOST_UNDER_WAY {
            self.start(post);
            return Ok(());
        }
        if self.waiting.len() >= MOST_WAITING {
            return Err(post);
        }
        self.waiting.push_back(post);
        Ok(())
    }

    pub(super) fn is_drained(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The next post that ended; pends while none is under way. Cancel safe.
    pub(super) async fn next(&mut self) -> (MessageId, Posted) {
        match self.under_way.next().await {
            Some(done) => {
                if let Some(post) = self.waiting.pop_front() {
                    self.start(post);
                }
                done
            }
            None => std::future::pending().await,
        }
    }

    /// Ends every connection.
    pub(super) async fn close(self) {
        let Self { client, under_way, .. } = self;
        drop(under_way);
        client.close().await;
    }

    fn start(&mut self, post: Post) {
        let Post { id, topic, event, text, token } = post;
        let request = Request::post(self.endpoint.broadcast(topic.name(), event))
            .header(CONTENT_TYPE, "application/json")
            .header("apikey", &self.api_key)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(Bytes::from(text)));
        let client = self.client.clone();
        self.under_way.push(Box::pin(async move {
            let Ok(request) = request else {
                // A token or key with characters that no header may have.
                return (id, Posted::TokenRefused);
            };
            let status = match tokio::time::timeout(LIMIT, client.request(request)).await {
                Ok(Ok(response)) => response.status().as_u16(),
                Ok(Err(error)) => {
                    tracing::debug!(error = %Redacted(error), "a post failed");
                    return (id, Posted::Failed);
                }
                Err(_) => return (id, Posted::Failed),
            };
            tracing::debug!(status, "posted");
            (id, Posted::of(status))
        }));
    }
}

impl Posted {
    fn of(status: u16) -> Self {
        match status {
            200..=299 => Posted::Accepted,
            401 => Posted::TokenRefused,
            403 => Posted::NotAllowed,
            413 | 422 => Posted::TooLarge,
            429 => Posted::RateLimited,
            _ => Posted::Failed,
        }
    }
}

/// A call has few messages in the air; more would only open more connections.
const MOST_UNDER_WAY: usize = 4;
/// Four seconds' worth at the slowest mobile round trip.
const MOST_WAITING: usize = 64;
/// After this the call machine has sent the message again anyway.
const LIMIT: Duration = Duration::from_secs(10);

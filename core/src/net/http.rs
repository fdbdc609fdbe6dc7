//! HTTP/1.1 over TCP or TLS, as every part of the core that asks a server by HTTP uses it: hyper and rustls.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use rustls::ClientConfig;
use tokio::task::JoinSet;

/// A client with its connections. Dropping it ends them when no request is under way.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    connections: Connections,
}

/// The tasks of hyper's connections, so that closing can end them.
#[derive(Clone, Default)]
struct Connections {
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl HttpClient {
    /// A client that connects within `connect_limit` and keeps at most `most_idle` connections to a host open.
    pub(crate) fn new(tls: ClientConfig, connect_limit: Duration, most_idle: usize) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_limit));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connections = Connections::default();
        let client = Client::builder(connections.clone()).pool_max_idle_per_host(most_idle).build(connector);
        Self { client, connections }
    }

    /// Sends a request; the future is the head of the answer.
    pub(crate) fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        self.client.request(request)
    }

    /// Ends every connection.
    pub(crate) async fn close(self) {
        let Self { client, connections } = self;
        drop(client);
        let mut tasks =
            std::mem::take(&mut *connections.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

impl<F> hyper::rt::Executor<F> for Connections
where
    F: Future + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Reap those that ended.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            future.await;
        });
    }
}

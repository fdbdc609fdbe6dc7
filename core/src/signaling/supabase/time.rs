//! The server's wall clock: the `Date` of whatever it answers to a HEAD request (RFC 9110 section 6.6.1).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::Request;
use hyper::header::DATE;
use rustls::ClientConfig;

use super::endpoint::Endpoint;
use crate::net::http::HttpClient;
use crate::redacted::Redacted;
use crate::signaling::{ProbeError, ServerTime};

/// Asks once, on a connection of its own that is closed afterwards.
pub(super) async fn server_time(
    endpoint: Arc<Endpoint>,
    tls: ClientConfig,
) -> Result<ServerTime, ProbeError> {
    let client = HttpClient::new(tls, LIMIT, 0);
    let request =
        Request::head(endpoint.root()).body(Full::default()).map_err(|_| ProbeError::NotSupported)?;
    let asked = SystemTime::now();
    let response = client.request(request).await.map_err(|error| {
        tracing::debug!(error = %Redacted(error), "the server was not asked for its time");
        ProbeError::Offline
    })?;
    let answered = SystemTime::now();
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok()).ok_or(ProbeError::NoAnswer)?;
    Ok(ServerTime { asked, server: date + HALF_A_SECOND, answered })
}

/// Longer than anybody waits for the time.
const LIMIT: Duration = Duration::from_secs(10);
/// A date has no fractions: on average it is this old.
const HALF_A_SECOND: Duration = Duration::from_millis(500);

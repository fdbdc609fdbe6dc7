//! The list of ICE servers in use: fetched early, kept until it nears its end, never waited for long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use webrtc::peer_connection::RTCIceServer;

use crate::media::ice::{self, IceScheme, IceServer, IceServerList, IceServers, IceUrl};

/// The list of ICE servers in use.
pub(super) struct ServerList {
    source: Arc<dyn IceServers>,
    kept: Mutex<Option<Kept>>,
    /// One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
}

struct Kept {
    servers: Vec<IceServer>,
    refresh_at: Option<Instant>,
}

/// Servers in the engine's own terms.
#[derive(Debug, Clone, Default)]
pub(super) struct UsableServers {
    pub(super) servers: Vec<RTCIceServer>,
    /// Is there a TURN server among them?
    pub(super) relay: bool,
}

impl UsableServers {
    /// The servers for a connection. The engine refuses to be built for relays only without a relay; a server that
    /// nobody can resolve keeps such a connection whole, should it be allowed direct paths later.
    pub(super) fn for_policy(self, relay_only: bool) -> Vec<RTCIceServer> {
        let mut servers = self.servers;
        if relay_only && !self.relay {
            let none = "none".to_owned();
            let urls = vec![format!("turn:{NO_SERVER}")];
            servers.push(RTCIceServer { urls, username: none.clone(), credential: none });
        }
        servers
    }
}

impl ServerList {
    pub(super) fn new(source: Arc<dyn IceServers>) -> Self {
        Self { source, kept: Mutex::new(None), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The servers to gather with. Waits for the source for `patience` at most, then goes on with the list of
    /// before, or without one.
    pub(super) async fn get(&self, patience: Duration) -> UsableServers {
        if !self.is_fresh() && timeout(patience, self.fetch()).await.is_err() {
            tracing::warn!("the source of ICE servers is slow, going on without it");
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|kept| usable(&kept.servers)).unwrap_or_default()
    }

    async fn fetch(&self) {
        let _one = self.fetching.lock().await;
        if self.is_fresh() {
            return;
        }
        let fetched = self.source.fetch().await.and_then(|list| {
            ice::check(&list.servers)?;
            Ok(list)
        });
        match fetched {
            Ok(IceServerList { servers, expires_in }) => {
                // At half of its life: what is left covers a call's setup and a restart.
                let refresh_at = expires_in.map(|life| Instant::now() + life / 2);
                if let Some(url) = skipped(&servers) {
                    tracing::warn!(scheme = ?url.scheme, "ICE servers over TCP and TLS are not used yet");
                }
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                *kept = Some(Kept { servers, refresh_at });
            }
            Err(error) => tracing::warn!(%error, "no new list of ICE servers"),
        }
    }

    fn is_fresh(&self) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().is_some_and(|kept| kept.refresh_at.is_none_or(|at| Instant::now() < at))
    }
}

fn usable(servers: &[IceServer]) -> UsableServers {
    let mut out = UsableServers::default();
    for server in servers {
        let parsed = server.urls.iter().filter_map(|text| Some((text, text.parse::<IceUrl>().ok()?)));
        let urls: Vec<(String, IceUrl)> =
            parsed.filter(|(_, url)| url.is_usable()).map(|(text, url)| (text.clone(), url)).collect();
        if urls.is_empty() {
            continue;
        }
        out.relay |= urls.iter().any(|(_, url)| url.scheme == IceScheme::Turn);
        out.servers.push(RTCIceServer {
            urls: urls.into_iter().map(|(text, _)| text).collect(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        });
    }
    out
}

/// The first URL of a list that cannot be used: one warning a list is enough.
fn skipped(servers: &[IceServer]) -> Option<IceUrl> {
    let mut urls = servers.iter().flat_map(|server| &server.urls).filter_map(|text| text.parse().ok());
    urls.find(|url: &IceUrl| !url.is_usable())
}

/// A name that never resolves (RFC 6761 section 6.4).
const NO_SERVER: &str = "relay.invalid";

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::BoxFuture;
    use crate::media::ice::IceServersError;

    struct Source {
        fetches: AtomicU32,
        delay: Duration,
        expires_in: Option<Duration>,
    }

    impl IceServers for Source {
        fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::time::sleep(self.delay).await;
                let urls = ["stun:s.example", "turn:t.example", "turns:t.example"].map(str::to_owned);
                let (username, credential) = ("u".to_owned(), "p".to_owned());
                let servers = vec![IceServer { urls: urls.into(), username, credential }];
                Ok(IceServerList { servers, expires_in: self.expires_in })
            })
        }
    }

    fn list(delay: Duration, expires_in: Option<Duration>) -> (ServerList, Arc<Source>) {
        let source = Arc::new(Source { fetches: AtomicU32::new(0), delay, expires_in });
        (ServerList::new(source.clone()), source)
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn only_usable_urls_are_handed_over() {
        let (list, _) = list(Duration::ZERO, None);
        let got = list.get(SECOND).await;
        assert!(got.relay);
        assert_eq!(got.servers[0].urls, ["stun:s.example", "turn:t.example"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_is_fetched_again_at_half_of_its_life() {
        let (list, source) = list(Duration::ZERO, Some(SECOND * 100));
        list.get(SECOND).await;
        tokio::time::advance(SECOND * 49).await;
        list.get(SECOND).await;
        assert_eq!(source.fetches.load(Ordering::Relaxed), 1);
        tokio::time::advance(SECOND).await;
        list.get(SECOND).await;
        assert_eq!(source.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_source_is_not_waited_for() {
        let (list, _) = list(SECOND * 60, None);
        let start = Instant::now();
        assert!(list.get(SECOND).await.servers.is_empty());
        assert_eq!(start.elapsed(), SECOND);
    }
}

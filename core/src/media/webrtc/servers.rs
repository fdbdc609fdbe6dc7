//! The list of ICE servers in use: fetched early, kept until it nears its end, never waited for long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use webrtc::peer_connection::RTCIceServer;

use crate::media::ice::{self, IceScheme, IceServer, IceServerList, IceServers, IceUrl};

/// The list of ICE servers in use.
pub(super) struct ServerList {
    source: Arc<dyn IceServers>,
    kept: watch::Sender<Kept>,
    /// Fetches, while one is under way. It outlives whoever waits for it.
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the last fetch brought.
#[derive(Debug, Default)]
struct Kept {
    servers: Vec<IceServer>,
    /// `None` before the first.
    life: Option<Life>,
    /// Fetches that ended, whatever they brought.
    fetches: u64,
}

#[derive(Debug, Clone, Copy)]
enum Life {
    Endless,
    Until { refresh: Instant, end: Instant },
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
        Self { source, kept: watch::Sender::default(), task: Mutex::new(None) }
    }

    /// The servers to gather with. A list of which half its life is left is used as it is; an older one is fetched
    /// again in the background. Without a list that holds it waits for the source, but not longer than `patience`.
    pub(super) async fn get(&self, patience: Duration) -> UsableServers {
        let now = Instant::now();
        let (fresh, valid, fetches) = {
            let kept = self.kept.borrow();
            let (fresh, valid) = match kept.life {
                Some(Life::Endless) => (true, true),
                Some(Life::Until { refresh, end }) => (now < refresh, now < end),
                None => (false, false),
            };
            (fresh, valid, kept.fetches)
        };
        if !fresh {
            self.fetch();
        }
        if !valid {
            self.wait_for_more_than(fetches, patience).await;
        }
        usable(&self.kept.borrow().servers)
    }

    /// Fetches a list in the background, unless a fetch is under way.
    pub(super) fn fetch(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (source, kept) = (self.source.clone(), self.kept.clone());
        *task = Some(tokio::spawn(async move {
            let fetched = source.fetch().await.and_then(|list| {
                ice::check(&list.servers)?;
                Ok(list)
            });
            kept.send_modify(|kept| {
                kept.fetches += 1;
                match fetched {
                    Ok(list) => kept.take(list),
                    Err(error) => tracing::warn!(%error, "no new list of ICE servers"),
                }
            });
        }));
    }

    async fn wait_for_more_than(&self, fetches: u64, patience: Duration) {
        let mut kept = self.kept.subscribe();
        if timeout(patience, kept.wait_for(|kept| kept.fetches > fetches)).await.is_err() {
            tracing::warn!("the source of ICE servers is slow, going on without a new list");
        }
    }

    /// Gives a fetch up; returns when its task is gone.
    pub(super) async fn close(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            // Cancelled, or over already.
            let _ = task.await;
        }
    }
}

impl Drop for ServerList {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl Kept {
    fn take(&mut self, list: IceServerList) {
        if let Some(url) = skipped(&list.servers) {
            tracing::warn!(scheme = ?url.scheme, "ICE servers over TCP and TLS are not used yet");
        }
        self.servers = list.servers;
        let now = Instant::now();
        // What is left of half a life covers a call's setup and its restarts.
        self.life = Some(match list.expires_in {
            Some(life) => Life::Until { refresh: now + life / 2, end: now + life },
            None => Life::Endless,
        });
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
        tokio::task::yield_now().await;
        assert_eq!(source.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_source_is_not_waited_for() {
        let (list, _) = list(SECOND * 60, None);
        let start = Instant::now();
        assert!(list.get(SECOND).await.servers.is_empty());
        assert_eq!(start.elapsed(), SECOND);
        assert!(list.get(SECOND * 100).await.relay, "the fetch went on");
        assert_eq!(start.elapsed(), SECOND * 60);
    }

    #[tokio::test(start_paused = true)]
    async fn an_ageing_list_is_used_while_it_is_fetched_again() {
        let (list, source) = list(SECOND, Some(SECOND * 100));
        list.get(SECOND * 2).await;
        tokio::time::advance(SECOND * 60).await;
        let start = Instant::now();
        assert!(list.get(SECOND).await.relay);
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::task::yield_now().await;
        assert_eq!(source.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_gives_a_fetch_up() {
        let (list, _) = list(SECOND * 60, None);
        list.fetch();
        list.close().await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
    }
}

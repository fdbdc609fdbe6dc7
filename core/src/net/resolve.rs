//! Host names to addresses, off every path that media takes.
//!
//! [`Resolver`] is the port; [`SystemResolver`] asks the system. [`CachedResolver`] remembers: a name that was looked
//! up in the last five minutes is answered at once. Who looks up decides when to wait: the media engine never does.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::BoxFuture;

/// The port: looks a host name up.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of `host`, which is a name, never an address literal. May take as long as it likes.
    ///
    /// # Errors
    /// Whatever the look-up fails with; it may be tried again.
    ///
    /// # Cancel safety
    /// Dropping the future gives the look-up up.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver. A look-up occupies a thread of tokio's blocking pool until the system answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver with a memory of at most 64 names.
#[derive(Clone)]
pub struct CachedResolver {
    shared: Arc<Shared>,
}

struct Shared {
    resolver: Arc<dyn Resolver>,
    names: Mutex<BTreeMap<String, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    addresses: Vec<IpAddr>,
    at: Instant,
}

impl CachedResolver {
    /// Remembers what `resolver` answers.
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { shared: Arc::new(Shared { resolver, names: Mutex::default() }) }
    }

    /// What is known of `host` and not older than five minutes, at once.
    pub fn cached(&self, host: &str) -> Option<Vec<IpAddr>> {
        let names = self.shared.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.get(host)?;
        (known.at.elapsed() < LIFETIME).then(|| known.addresses.clone())
    }

    /// Looks `host` up, whatever is known, and remembers the answer.
    ///
    /// # Errors
    /// The resolver's, or `NotFound` if it knows no address. What was known before stays known.
    ///
    /// # Cancel safety
    /// Dropping the future gives the look-up up.
    pub async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = self.shared.resolver.resolve(host).await?;
        if addresses.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut names = self.shared.names.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = names.iter().min_by_key(|(_, known)| known.at).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest.filter(|_| names.len() >= MOST_NAMES && !names.contains_key(host)) {
            names.remove(&oldest);
        }
        names.insert(host.to_owned(), Known { addresses: addresses.clone(), at: Instant::now() });
        Ok(addresses)
    }

    /// Forgets everything: another network may know other addresses.
    pub fn forget(&self) {
        self.shared.names.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl std::fmt::Debug for CachedResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedResolver").finish_non_exhaustive()
    }
}

/// The system does not tell how long an answer holds; this is what DNS names of servers commonly say.
const LIFETIME: Duration = Duration::from_secs(300);
/// An app has a handful of ICE servers.
const MOST_NAMES: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicU8);

    impl Resolver for Counting {
        fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(async move {
                let n = self.0.fetch_add(1, Ordering::Relaxed);
                if host == "nowhere" { Ok(Vec::new()) } else { Ok(vec![IpAddr::from([192, 0, 2, n])]) }
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_remembered_for_five_minutes() {
        let resolver = CachedResolver::new(Arc::new(Counting::default()));
        assert_eq!(resolver.cached("a"), None);
        let first = resolver.look_up("a").await.unwrap();
        assert_eq!(resolver.cached("a"), Some(first));
        tokio::time::advance(LIFETIME).await;
        assert_eq!(resolver.cached("a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn another_network_forgets() {
        let resolver = CachedResolver::new(Arc::new(Counting::default()));
        resolver.look_up("a").await.unwrap();
        resolver.forget();
        assert_eq!(resolver.cached("a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_addresses_is_not_found() {
        let resolver = CachedResolver::new(Arc::new(Counting::default()));
        let error = resolver.look_up("nowhere").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(resolver.cached("nowhere"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let resolver = CachedResolver::new(Arc::new(Counting::default()));
        for n in 0..=MOST_NAMES {
            resolver.look_up(&format!("host-{n}")).await.unwrap();
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(resolver.cached("host-0"), None);
        assert!(resolver.cached("host-1").is_some());
    }
}

//! How a [`WebRtcEngine`](super::WebRtcEngine) is set up.

use std::net::SocketAddr;
use std::sync::Arc;

use super::addresses::LocalAddresses;
use super::engine::WebRtcEngine;
use super::runtime::{RuntimeFactory, TokioRuntimes};
use crate::media::ice::{IceServers, StaticIceServers};
use crate::net::{CachedResolver, Resolver, SystemResolver};

/// Sets up a [`WebRtcEngine`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use ringback::media::ice::{IceServer, StaticIceServers};
/// use ringback::media::webrtc::WebRtcEngine;
///
/// let stun = IceServer { urls: vec!["stun:stun.example.org".into()], ..IceServer::default() };
/// let engine = WebRtcEngine::builder().ice_servers(Arc::new(StaticIceServers::new(vec![stun])?)).build();
/// # use ringback::media::MediaEngine;
/// # engine.close().await; Ok(()) }
/// ```
pub struct WebRtcEngineBuilder {
    ice_servers: Arc<dyn IceServers>,
    resolver: Arc<dyn Resolver>,
    runtimes: Arc<dyn RuntimeFactory>,
    fixed_addresses: Option<Vec<SocketAddr>>,
    local_demo: bool,
    mdns: bool,
}

impl Default for WebRtcEngineBuilder {
    fn default() -> Self {
        Self {
            ice_servers: Arc::new(StaticIceServers::default()),
            resolver: Arc::new(SystemResolver),
            runtimes: Arc::new(TokioRuntimes),
            fixed_addresses: None,
            local_demo: false,
            mdns: true,
        }
    }
}

impl WebRtcEngineBuilder {
    /// Where STUN and TURN servers come from. Default: none.
    pub fn ice_servers(mut self, source: Arc<dyn IceServers>) -> Self {
        self.ice_servers = source;
        self
    }

    /// Who looks up the names of STUN and TURN servers. Default: the system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Loopback addresses are candidates too, ours and the peer's. For two processes on one machine; anywhere else
    /// it leads the peer to its own machine. Default: false.
    pub fn local_demo(mut self, on: bool) -> Self {
        self.local_demo = on;
        self
    }

    /// Look up the names ending in `.local` that browsers send instead of their addresses. Switched off by itself
    /// where there is no multicast. Default: true.
    pub fn mdns(mut self, on: bool) -> Self {
        self.mdns = on;
        self
    }

    /// The addresses to bind, instead of those of the interfaces.
    pub fn bind(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.fixed_addresses = Some(addresses);
        self
    }

    /// The runtime under the connections. For simulations; default: tokio with real sockets.
    #[doc(hidden)]
    pub fn runtimes(mut self, runtimes: Arc<dyn RuntimeFactory>) -> Self {
        self.runtimes = runtimes;
        self
    }

    /// The engine. Call it inside a tokio runtime, which it uses from then on.
    pub fn build(self) -> WebRtcEngine {
        let addresses = match self.fixed_addresses {
            Some(addresses) => LocalAddresses::Fixed(addresses),
            None => LocalAddresses::Interfaces { loopback: self.local_demo },
        };
        WebRtcEngine::new(Setup {
            ice_servers: self.ice_servers,
            resolver: CachedResolver::new(self.resolver),
            runtimes: self.runtimes,
            addresses,
            local_demo: self.local_demo,
            mdns: self.mdns,
        })
    }
}

/// What the builder was told.
pub(super) struct Setup {
    pub(super) ice_servers: Arc<dyn IceServers>,
    pub(super) resolver: CachedResolver,
    pub(super) runtimes: Arc<dyn RuntimeFactory>,
    pub(super) addresses: LocalAddresses,
    pub(super) local_demo: bool,
    pub(super) mdns: bool,
}

//! How a TURN server is set up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::error::TurnConfigError;
use super::peers::PeerPolicy;

/// How a TURN server is set up. The default listens on a free port of the loopback address and relays to any peer: for
/// one machine.
#[derive(Clone)]
pub struct TurnConfig {
    /// Where to listen, over UDP and TCP on one port; port 0: a free one.
    pub listen: SocketAddr,
    /// TLS, on a port of its own. Default none.
    pub tls: Option<TurnTls>,
    /// The host in the URLs: what clients can resolve, and what the certificate names. Default: the address of
    /// `listen`, which then has to be a definite one.
    pub host: Option<String>,
    /// The secret that credentials are minted with: coturn's `static-auth-secret`. Not empty.
    pub secret: String,
    /// The realm of the credentials.
    pub realm: String,
    /// The addresses to relay from, one of each family at most. Default: the address of `listen`.
    pub relay: Vec<RelayIp>,
    /// The ports to relay from; default any free one. A firewall wants to know them.
    pub relay_ports: Option<RangeInclusive<u16>>,
    /// Which peers may be relayed to. Default all but those that nobody calls; this machine's loopback addresses are
    /// among them only if `listen` is one.
    pub peers: PeerPolicy,
    /// Allocations that one user may have at a time. Default 16: four devices, each with one a transport.
    pub user_quota: usize,
    /// Allocations at a time. Default 1024: each is a socket.
    pub most_allocations: usize,
    /// TCP and TLS connections at a time. Default 1024.
    pub most_connections: usize,
    /// Addresses that speak to us over UDP and have no allocation (yet). Default 1024.
    pub most_half_open: usize,
    /// How long a client may take to get an allocation. Default 10 s: two round trips on the worst of networks, with
    /// a retransmission each.
    pub setup_limit: Duration,
}

/// TLS of a TURN server.
#[derive(Clone)]
pub struct TurnTls {
    /// Where to listen; port 0: a free one.
    pub listen: SocketAddr,
    /// Certificate and key.
    pub config: Arc<rustls::ServerConfig>,
}

/// An address to relay from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayIp {
    /// The address of the machine.
    pub bind: IpAddr,
    /// The address that peers are told: another one behind a one-to-one NAT.
    pub advertise: IpAddr,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            host: None,
            secret: String::new(),
            realm: "ringback".into(),
            relay: Vec::new(),
            relay_ports: None,
            peers: PeerPolicy::Any,
            user_quota: 16,
            most_allocations: 1024,
            most_connections: 1024,
            most_half_open: 1024,
            setup_limit: Duration::from_secs(10),
        }
    }
}

impl TurnConfig {
    /// Whether what is set can work, as far as that shows without a network.
    ///
    /// # Errors
    /// [`TurnConfigError`] says what is wrong.
    pub fn check(&self) -> Result<(), TurnConfigError> {
        if self.realm.is_empty() || self.realm.len() > MAX_REALM {
            return Err(TurnConfigError::Realm);
        }
        if self.relay.iter().any(|relay| relay.advertise.is_unspecified()) {
            return Err(TurnConfigError::RelayUnspecified);
        }
        if self.relay.iter().any(|relay| relay.bind.is_ipv4() != relay.advertise.is_ipv4()) {
            return Err(TurnConfigError::RelayFamily);
        }
        if self.relay_ports.as_ref().is_some_and(|ports| ports.is_empty() || *ports.start() == 0) {
            return Err(TurnConfigError::RelayPorts);
        }
        Ok(())
    }

    /// Fills in the addresses to relay from, and refuses what cannot work.
    pub(super) fn checked(mut self) -> Result<Self, TurnConfigError> {
        if self.secret.is_empty() {
            return Err(TurnConfigError::NoSecret);
        }
        if self.relay.is_empty() {
            let ip = self.listen.ip();
            self.relay.push(RelayIp { bind: ip, advertise: ip });
        }
        if self.host.is_none() && self.listen.ip().is_unspecified() {
            return Err(TurnConfigError::NoHost);
        }
        self.check()?;
        Ok(self)
    }

    /// May this peer be relayed to? A server that others reach must not lend them its own loopback address: what listens
    /// there trusts whoever can connect.
    pub(super) fn allows_peer(&self, peer: IpAddr) -> bool {
        let at_home = self.listen.ip().to_canonical().is_loopback();
        self.peers.allows(peer) && (at_home || !peer.to_canonical().is_loopback())
    }
}

impl fmt::Debug for TurnConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnConfig")
            .field("listen", &self.listen)
            .field("tls", &self.tls.as_ref().map(|tls| tls.listen))
            .field("host", &self.host)
            .field("relay", &self.relay)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TurnTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnTls").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// RFC 8489 section 14.9 allows 128 characters.
const MAX_REALM: usize = 128;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn config() -> TurnConfig {
        TurnConfig { secret: "s".into(), ..TurnConfig::default() }
    }

    #[test]
    fn the_relay_address_is_the_one_listened_on() {
        let relay = config().checked().unwrap().relay;
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(relay, [RelayIp { bind: ip, advertise: ip }]);
    }

    #[test]
    fn loopback_is_relayed_to_only_by_a_server_on_loopback() {
        let (own, mapped) = (IpAddr::V4(Ipv4Addr::LOCALHOST), "::ffff:127.0.0.1".parse().unwrap());
        let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
        let everywhere = TurnConfig { listen: ([0, 0, 0, 0], 0).into(), ..config() };
        for peer in [own, mapped, six] {
            assert!(config().allows_peer(peer), "{peer}");
            assert!(!everywhere.allows_peer(peer), "{peer}");
        }
        assert!(everywhere.allows_peer([192, 168, 1, 1].into()));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (four, six) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is wrong with it")]
        let no_ports = Some(9..=8);
        for wrong in [
            TurnConfig::default(),
            TurnConfig { realm: String::new(), ..config() },
            TurnConfig { listen: everywhere, host: Some("h".into()), ..config() },
            TurnConfig {
                listen: everywhere,
                relay: vec![RelayIp { bind: four, advertise: four }],
                ..config()
            },
            TurnConfig { relay: vec![RelayIp { bind: four, advertise: six }], ..config() },
            TurnConfig { relay_ports: no_ports, ..config() },
        ] {
            assert!(wrong.clone().checked().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = TurnConfig { secret: "hunter2".into(), ..TurnConfig::default() };
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

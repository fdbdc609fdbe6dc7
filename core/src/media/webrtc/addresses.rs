//! The local addresses to bind: one socket for each address of each usable interface, as they are at that moment.
//!
//! The engine asks again whenever an ICE restart renews its sockets, and so follows the device to another network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};

use rtc::shared::ifaces::ifaces;

/// The local addresses to bind.
#[derive(Debug, Clone)]
pub(super) enum LocalAddresses {
    /// Those of the interfaces.
    Interfaces {
        /// Loopback too.
        loopback: bool,
    },
    /// These.
    Fixed(Vec<SocketAddr>),
}

impl ToSocketAddrs for LocalAddresses {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let addresses = match self {
            Self::Fixed(addresses) => addresses.clone(),
            Self::Interfaces { loopback } => usable(interface_addresses()?, *loopback),
        };
        Ok(addresses.into_iter())
    }
}

fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = ifaces().map_err(io::Error::other)?;
    Ok(interfaces.into_iter().filter_map(|interface| Some(interface.addr?.ip())).collect())
}

/// IPv4 first; without any address the wildcard, with which a relay can still be reached.
fn usable(mut addresses: Vec<IpAddr>, loopback: bool) -> Vec<SocketAddr> {
    addresses.retain(|ip| match ip {
        // A link-local address needs a scope that no candidate carries.
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_link_local() && (loopback || !v4.is_loopback()),
        IpAddr::V6(v6) => {
            !v6.is_unspecified() && !v6.is_unicast_link_local() && (loopback || !v6.is_loopback())
        }
    });
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::UNSPECIFIED.into());
    }
    addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

/// Half of the candidates that a peer takes (32 a generation): the rest are for reflexive and relayed ones.
const MOST_ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_loopback_are_left_out() {
        let all = ["127.0.0.1", "169.254.1.1", "fe80::1", "::1", "2001:db8::1", "192.0.2.1"];
        let all: Vec<IpAddr> = all.iter().map(|ip| ip.parse().unwrap()).collect();
        let of = |loopback| -> Vec<String> {
            usable(all.clone(), loopback).iter().map(|a| a.ip().to_string()).collect()
        };
        assert_eq!(of(false), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(of(true), ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"]);
    }

    #[test]
    fn a_machine_without_addresses_binds_the_wildcard() {
        assert_eq!(usable(Vec::new(), false), [SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)]);
    }
}

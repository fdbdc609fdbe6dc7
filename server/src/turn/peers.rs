//! Which peers may be relayed to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which peers may be relayed to. A relay lends its place in the network to whoever has a credential, so one that can
/// be reached from outside must not reach inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerPolicy {
    /// Every address that a peer can have, this machine's own among them: for a stack on one machine or one network.
    /// Loopback addresses only where the server itself listens on one.
    #[default]
    Any,
    /// Addresses of the public internet only.
    Public,
}

impl PeerPolicy {
    /// May this address be relayed to?
    pub fn allows(self, peer: IpAddr) -> bool {
        // An IPv4 address in the clothes of IPv6 must not pass as another.
        match (peer.to_canonical(), self) {
            (IpAddr::V4(ip), PeerPolicy::Any) => is_somebody_v4(ip),
            (IpAddr::V4(ip), PeerPolicy::Public) => is_somebody_v4(ip) && is_public_v4(ip),
            (IpAddr::V6(ip), PeerPolicy::Any) => is_somebody_v6(ip),
            (IpAddr::V6(ip), PeerPolicy::Public) => is_somebody_v6(ip) && is_public_v6(ip),
        }
    }
}

/// An address that one machine can have. Link-local ones are left out: they are good on one wire only, and clouds keep
/// their machines' secrets at 169.254.169.254.
fn is_somebody_v4(ip: Ipv4Addr) -> bool {
    let [a, ..] = ip.octets();
    // "This network" is 0.0.0.0/8, 240.0.0.0/4 is reserved (RFC 6890 section 2.2.2).
    a != 0 && !ip.is_multicast() && a < 240 && !ip.is_link_local()
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b); // RFC 6598
    let benchmark = a == 198 && (b == 18 || b == 19); // RFC 2544
    let protocol = a == 192 && b == 0 && c == 0; // RFC 6890
    !(ip.is_loopback() || ip.is_private() || ip.is_documentation() || shared || benchmark || protocol)
}

fn is_somebody_v6(ip: Ipv6Addr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local())
}

/// Global unicast is 2000::/3 (RFC 4291 section 2.4). What embeds an IPv4 address is judged by nobody behind it: 6to4
/// (RFC 3056) and Teredo (RFC 4380) are refused, NAT64's 64:ff9b::/96 is outside of 2000::/3.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let documentation = first == 0x2001 && second == 0xdb8;
    let tunnel = first == 0x2002 || (first == 0x2001 && second == 0);
    first & 0xe000 == 0x2000 && !documentation && !tunnel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(policy: PeerPolicy, ip: &str) -> bool {
        policy.allows(ip.parse().unwrap())
    }

    #[test]
    fn private_networks_are_refused_where_only_the_internet_is_allowed() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "fd00::1",
            "::ffff:10.1.2.3",
            "2002:a01:203::1",
            "64:ff9b::a01:203",
        ] {
            assert!(!allowed(PeerPolicy::Public, ip), "{ip}");
        }
        for ip in ["8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8", "192.0.1.1"] {
            assert!(allowed(PeerPolicy::Public, ip), "{ip}");
        }
    }

    #[test]
    fn a_stack_on_one_machine_relays_to_the_machine_itself() {
        for ip in ["127.0.0.1", "192.168.1.1", "::1", "fd00::1", "8.8.8.8"] {
            assert!(allowed(PeerPolicy::Any, ip), "{ip}");
        }
    }

    #[test]
    fn what_is_nobodys_address_is_always_refused() {
        for ip in [
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "169.254.169.254",
            "::",
            "ff02::1",
            "fe80::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(!allowed(PeerPolicy::Any, ip), "{ip}");
        }
    }
}

//! What the name of a host tells without asking anybody.

use std::net::IpAddr;

/// This machine, or one on a network that is not routed: there no certificate can be had.
#[cfg(feature = "supabase")]
pub(crate) fn is_local(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(ip) => is_local_address(ip),
        Err(_) => host == "localhost" || host.ends_with(".localhost") || host.ends_with(".local"),
    }
}

/// Whether an address is one of this machine, or on a network that is not routed.
pub(crate) fn is_local_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(all(test, feature = "supabase"))]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_local_by_its_address_or_its_ending() {
        for near in [
            "127.0.0.1",
            "[::1]",
            "10.1.2.3",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
            "a.localhost",
            "box.local",
        ] {
            assert!(is_local(near), "{near}");
        }
        for far in ["8.8.8.8", "[2001:db8::1]", "local.example.org", "localhost.org", ""] {
            assert!(!is_local(far), "{far}");
        }
    }
}

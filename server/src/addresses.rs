//! The addresses of this machine: which others reach, which its own programs reach, and how a URL writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address of this machine that others on its network reach: that from which it would send to the internet. Nothing
/// is sent: connecting a UDP socket looks up the route only (the addresses are those of RFC 5737 and RFC 3849).
pub(crate) fn own_address(everywhere: IpAddr) -> Option<IpAddr> {
    let far: IpAddr = match everywhere {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = std::net::UdpSocket::bind(SocketAddr::from((everywhere, 0))).ok()?;
    socket.connect(SocketAddr::from((far, 9))).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// An address as the host of a URL.
pub(crate) fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// How a program on this machine reaches the listener over plain TCP on the loopback address.
pub(crate) fn own_way(addr: SocketAddr, has_tls: bool) -> Option<SocketAddr> {
    let ip: IpAddr = match addr.ip() {
        _ if has_tls => return None,
        ip if ip.is_loopback() => ip,
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(SocketAddr::from((ip, addr.port())))
}

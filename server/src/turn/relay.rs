//! The sockets that peers see.

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

use tokio::net::UdpSocket;

use super::config::RelayIp;

/// A socket that peers see.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) socket: UdpSocket,
    /// The address that peers are told.
    pub(super) advertised: SocketAddr,
}

/// Which ports will do (RFC 8656 section 18.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parity {
    Any,
    Even,
}

impl Parity {
    fn holds(self, port: u16) -> bool {
        match self {
            Parity::Any => true,
            Parity::Even => port.is_multiple_of(2),
        }
    }
}

impl Relay {
    /// Opens a socket on a free port, of the range if there is one.
    pub(super) fn open(ip: RelayIp, ports: Option<&RangeInclusive<u16>>, parity: Parity) -> io::Result<Self> {
        let socket = match ports {
            None => bind_anywhere(ip, parity)?,
            Some(ports) => bind_in(ip, ports, parity)?,
        };
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let advertised = SocketAddr::new(ip.advertise, socket.local_addr()?.port());
        Ok(Self { socket, advertised })
    }
}

/// Takes what the system gives, until it will do.
fn bind_anywhere(ip: RelayIp, parity: Parity) -> io::Result<std::net::UdpSocket> {
    for _ in 0..FREE_PORT_TRIES {
        let socket = std::net::UdpSocket::bind((ip.bind, 0))?;
        if parity.holds(socket.local_addr()?.port()) {
            return Ok(socket);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Tries every port once, from a random one on: peers should not be able to guess the next (RFC 8656 section 21.1.4).
fn bind_in(ip: RelayIp, ports: &RangeInclusive<u16>, parity: Parity) -> io::Result<std::net::UdpSocket> {
    let (first, count) = (u32::from(*ports.start()), ports.len() as u32);
    let random = getrandom::u32().map_err(io::Error::other)?;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for step in 0..count {
        #[expect(clippy::cast_possible_truncation, reason = "a port of the range")]
        let port = (first + (random % count + step) % count) as u16;
        if !parity.holds(port) {
            continue;
        }
        match std::net::UdpSocket::bind((ip.bind, port)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Waits until one of them has a datagram; for ever while there is none. Cancel safe.
pub(super) async fn readable(relays: &[Relay]) -> usize {
    // An error shows at the read.
    match relays {
        [] => std::future::pending().await,
        [only] => {
            let _ = only.socket.readable().await;
            0
        }
        // One of each family at most.
        [first, second, ..] => tokio::select! {
            _ = first.socket.readable() => 0,
            _ = second.socket.readable() => 1,
        },
    }
}

/// Half of the ports are even: once in four billion requests none comes.
const FREE_PORT_TRIES: u32 = 32;

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[tokio::test]
    async fn a_range_is_used_up_and_no_more() {
        let ip = RelayIp { bind: IpAddr::V4(Ipv4Addr::LOCALHOST), advertise: "192.0.2.1".parse().unwrap() };
        // Two neighbours that were free a moment ago.
        let (ports, sockets) = loop {
            let port = std::net::UdpSocket::bind((ip.bind, 0)).unwrap().local_addr().unwrap().port();
            let ports = port..=port.saturating_add(1);
            let pair =
                (Relay::open(ip, Some(&ports), Parity::Even), Relay::open(ip, Some(&ports), Parity::Any));
            if let (Ok(a), Ok(b)) = pair {
                break (ports, [a, b]);
            }
        };
        assert_eq!(sockets[0].advertised.port() % 2, 0);
        assert!(sockets.iter().all(|relay| ports.contains(&relay.advertised.port())));
        assert_eq!(sockets[0].advertised.ip(), ip.advertise);
        assert_eq!(Relay::open(ip, Some(&ports), Parity::Any).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}

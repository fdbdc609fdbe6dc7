//! Two servers asked from one socket: do they see the same address (RFC 5780 section 4.3)?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::message::{Answer, Read, Request};
use super::wire::{FIRST_WAIT, LONGEST};

/// Our address as each of two servers of one family sees it; `None` unless both answer.
pub(crate) async fn mappings(servers: [SocketAddr; 2], until: Instant) -> Option<[SocketAddr; 2]> {
    let any: IpAddr =
        if servers[0].is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.ok()?;
    let requests = [Request::binding(), Request::binding()];
    let mut mapped = [None; 2];
    let mut wait = FIRST_WAIT;
    let mut again = Instant::now();
    let mut buffer = [0; LONGEST];
    loop {
        if let [Some(first), Some(second)] = mapped {
            return Some([first, second]);
        }
        let now = Instant::now();
        if now >= until {
            return None;
        }
        if now >= again {
            for ((server, request), _) in
                servers.iter().zip(&requests).zip(mapped).filter(|(_, seen)| seen.is_none())
            {
                socket.send_to(request.bytes(), server).await.ok()?;
            }
            again = now + wait;
            wait *= 2;
        }
        let Ok(received) = timeout_at(again.min(until), socket.recv_from(&mut buffer)).await else {
            continue;
        };
        let (length, _) = received.ok()?;
        for (request, mapped) in requests.iter().zip(&mut mapped) {
            match request.read(&buffer[..length]) {
                Read::Answer(Answer::Success { mapped: Some(seen), .. }) => *mapped = Some(seen),
                Read::Answer(Answer::Success { mapped: None, .. } | Answer::Error { .. }) => return None,
                Read::Garbage | Read::Other => {}
            }
        }
    }
}

//! Servers asked from one socket: do two of them see the same address (RFC 5780 section 4.3)?
//!
//! Only servers that are reached the same way can be compared. One in the office sees the address of the interface, one
//! beyond the router that of the router, and both are right; so are two that are reached over two interfaces.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::message::{Answer, Read, Request};
use super::wire::{FIRST_WAIT, LONGEST};
use crate::net::host::is_local_address;

/// Of these servers, those that can be compared, and tell most; none if no two can.
pub(crate) fn comparable(servers: &[SocketAddr]) -> Vec<SocketAddr> {
    most_telling(servers, own_address)
}

/// Our address as two of these servers see it, which are [`comparable`]; `None` unless two answer. Two hosts tell more
/// than two ports of one.
pub(crate) async fn mappings(servers: &[SocketAddr], until: Instant) -> Option<[SocketAddr; 2]> {
    let socket = UdpSocket::bind(any(*servers.first()?)).await.ok()?;
    let ask = |server: &SocketAddr| Question {
        server: *server,
        request: Request::binding(),
        heard: Heard::Nothing,
    };
    let mut questions: Vec<Question> = servers.iter().map(ask).collect();
    let mut wait = FIRST_WAIT;
    let mut again = Instant::now();
    let mut buffer = [0; LONGEST];
    loop {
        let now = Instant::now();
        let over = now >= until || !questions.iter().any(Question::is_open);
        if let Some(pair) = pair(&questions, over) {
            return Some(pair);
        }
        if over {
            return None;
        }
        if now >= again {
            for question in questions.iter().filter(|question| question.is_open()) {
                // What cannot be sent is lost, and sent again.
                let _ = socket.send_to(question.request.bytes(), question.server).await;
            }
            again = now + wait;
            wait *= 2;
        }
        match timeout_at(again.min(until), socket.recv_from(&mut buffer)).await {
            Ok(Ok((length, _))) => questions.iter_mut().for_each(|question| question.read(&buffer[..length])),
            // Windows tells so of a closed port, not of which; the others may answer.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Ok(Err(_)) => return pair(&questions, true),
            Err(_) => {}
        }
    }
}

/// What one server is asked, and what came of it.
struct Question {
    server: SocketAddr,
    request: Request,
    heard: Heard,
}

enum Heard {
    Nothing,
    /// Our address as it sees it.
    Mapped(SocketAddr),
    /// It answers, but does not tell.
    Refusal,
}

impl Question {
    fn is_open(&self) -> bool {
        matches!(self.heard, Heard::Nothing)
    }

    fn read(&mut self, datagram: &[u8]) {
        match self.request.read(datagram) {
            Read::Answer(Answer::Success { mapped: Some(seen), .. }) => self.heard = Heard::Mapped(seen),
            Read::Answer(Answer::Success { mapped: None, .. } | Answer::Error { .. }) => {
                self.heard = Heard::Refusal;
            }
            Read::Garbage | Read::Other => {}
        }
    }

    fn mapped(&self) -> Option<(IpAddr, SocketAddr)> {
        match self.heard {
            Heard::Mapped(seen) => Some((self.server.ip(), seen)),
            Heard::Nothing | Heard::Refusal => None,
        }
    }
}

/// What two servers see; two on one host only if nobody on another one may answer yet.
fn pair(questions: &[Question], over: bool) -> Option<[SocketAddr; 2]> {
    let mut mapped = questions.iter().filter_map(Question::mapped);
    let (host, seen) = mapped.next()?;
    let elsewhere = mapped.clone().find(|(other, _)| *other != host);
    let may_come = questions.iter().any(|question| question.is_open() && question.server.ip() != host);
    let beside = mapped.next().filter(|_| over || !may_come);
    let (_, seen_too) = elsewhere.or(beside)?;
    Some([seen, seen_too])
}

/// The servers of the best way that has two. Addresses are translated on the way out, and those of IPv6 hardly ever.
fn most_telling(servers: &[SocketAddr], from: impl Fn(SocketAddr) -> Option<IpAddr>) -> Vec<SocketAddr> {
    let mut ways: BTreeMap<(bool, IpAddr), BTreeSet<SocketAddr>> = BTreeMap::new();
    for server in servers {
        // Without a way there will be no answer.
        if let Some(from) = from(*server) {
            ways.entry((is_far(server.ip()), from)).or_default().insert(*server);
        }
    }
    let several_hosts = |servers: &BTreeSet<SocketAddr>| {
        servers.iter().map(SocketAddr::ip).collect::<BTreeSet<_>>().len() > 1
    };
    ways.into_iter()
        .filter(|(_, servers)| servers.len() > 1)
        .max_by_key(|((far, from), servers)| (*far, from.is_ipv4(), several_hosts(servers)))
        .map_or_else(Vec::new, |(_, servers)| servers.into_iter().collect())
}

/// Beyond this network, and beyond that of a provider who translates addresses himself (RFC 6598).
fn is_far(ip: IpAddr) -> bool {
    let shared = matches!(ip, IpAddr::V4(ip) if matches!(ip.octets(), [100, 64..=127, ..]));
    !is_local_address(ip) && !shared
}

/// Our own address on the way to a server. Nothing is sent.
fn own_address(server: SocketAddr) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(any(server)).ok()?;
    socket.connect(server).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Any address of ours from which a server can be asked.
fn any(server: SocketAddr) -> SocketAddr {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    SocketAddr::new(any, 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::stun::testing::{Reply, Script, udp};

    /// What is seen by servers of which each sees us at a port of its own; `None`: it says nothing.
    async fn seen_at(ports: &[Option<u16>]) -> Option<[u16; 2]> {
        let mut servers = Vec::new();
        for port in ports {
            let reply = port.map_or(Reply::Nothing, |port| Reply::Mapped(([192, 0, 2, 7], port).into()));
            servers.push(udp(Script::always(reply)).await);
        }
        let seen = mappings(&servers, Instant::now() + Duration::from_secs(30)).await?;
        Some(seen.map(|address| address.port()))
    }

    #[tokio::test]
    async fn two_servers_that_answer_are_enough_whoever_else_is_silent() {
        assert_eq!(seen_at(&[None, Some(1), None, Some(1)]).await, Some([1, 1]));
        assert_eq!(seen_at(&[Some(1), None, Some(2)]).await, Some([1, 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_tells_nothing() {
        assert_eq!(seen_at(&[Some(1), None]).await, None);
        assert_eq!(seen_at(&[]).await, None);
    }

    #[test]
    fn a_host_that_may_answer_yet_is_waited_for() {
        let heard = |port| Heard::Mapped(([192, 0, 2, 7], port).into());
        let question = |server: &str, heard| Question {
            server: server.parse().unwrap(),
            request: Request::binding(),
            heard,
        };
        let mut questions = vec![
            question("203.0.113.1:1", heard(1)),
            question("203.0.113.1:2", heard(2)),
            question("203.0.113.2:1", Heard::Nothing),
        ];
        let ports = |pair: Option<[SocketAddr; 2]>| pair.map(|pair| pair.map(|seen| seen.port()));
        assert_eq!(ports(pair(&questions, false)), None);
        assert_eq!(ports(pair(&questions, true)), Some([1, 2]), "better than nothing");
        questions[2].heard = heard(3);
        assert_eq!(ports(pair(&questions, false)), Some([1, 3]));
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Of these servers, those that are compared on a machine with one interface.
    fn compared(servers: &[&str]) -> Vec<SocketAddr> {
        most_telling(&addresses(servers), |server| {
            Some(if server.is_ipv4() { [192, 168, 1, 7].into() } else { Ipv6Addr::LOCALHOST.into() })
        })
    }

    #[test]
    fn a_server_on_this_network_is_not_compared_with_one_beyond_it() {
        for near in ["127.0.0.1:3478", "192.168.1.10:3478", "169.254.1.1:3478", "100.64.0.1:3478"] {
            assert!(compared(&[near, "203.0.113.1:3478"]).is_empty(), "{near}");
            let far = ["203.0.113.1:3478", "203.0.113.2:3478"];
            assert_eq!(compared(&[near, far[0], "10.0.0.1:3478", far[1]]), addresses(&far), "{near}");
        }
        assert_eq!(compared(&["10.0.0.1:1", "10.0.0.2:1"]).len(), 2, "better than none");
    }

    #[test]
    fn servers_that_are_reached_over_two_interfaces_are_not_compared() {
        let servers = addresses(&["203.0.113.1:3478", "203.0.113.2:3478"]);
        assert!(most_telling(&servers, |server| Some(server.ip())).is_empty());
        assert!(most_telling(&servers, |_| None).is_empty());
    }

    #[test]
    fn addresses_that_are_translated_are_preferred() {
        let (old, new) = (["203.0.113.1:1", "203.0.113.1:2"], ["[2001:db8::1]:1", "[2001:db8::2]:1"]);
        assert_eq!(compared(&[new[0], old[0], new[1], old[1]]), addresses(&old));
        assert_eq!(compared(&[new[0], old[0], new[1], old[0]]), addresses(&new), "one server twice");
    }
}

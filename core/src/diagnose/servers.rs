//! STUN and TURN servers: the list, then each of its URLs, all at the same time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::{
    CHECK_LIMIT, Check, IceServersFinding, MappingFinding, RelayFinding, RootCertificates, StunFinding,
    TurnFinding, TurnTransport, Verdict,
};
use crate::media::ice::{self, IceScheme, IceServer, IceServers, IceTransport, IceUrl};
use crate::net::Resolver;
use crate::net::failure::ServerFailure;
use crate::net::stun::{
    AllocateError, Answer, Carrier, Request, Target, Wire, allocate, comparable, mappings,
};
use crate::net::tls;

/// One URL of the list.
#[derive(Debug)]
struct Server {
    text: String,
    url: IceUrl,
    username: String,
    credential: String,
}

/// What every check of a server needs.
struct Probe<'a> {
    resolver: &'a dyn Resolver,
    tls: Carrier,
    until: Instant,
}

pub(super) async fn check(
    source: Option<&dyn IceServers>,
    resolver: &dyn Resolver,
    roots: &RootCertificates,
    until: Instant,
) -> Vec<Check> {
    let Some(source) = source else { return vec![Check::IceServers(IceServersFinding::NotSet)] };
    let start = Instant::now();
    let list = match timeout(CHECK_LIMIT, source.fetch()).await {
        Ok(fetched) => fetched.and_then(|list| ice::check(&list.servers).map(|()| list)),
        Err(_) => return vec![Check::IceServers(IceServersFinding::Silent)],
    };
    let list = match list {
        Ok(list) => list,
        Err(error) => return vec![Check::IceServers(IceServersFinding::Failed(error))],
    };
    let servers = servers(&list.servers);
    let count = |stun| servers.iter().filter(|server| server.url.scheme.is_stun() == stun).count();
    let (stun, turn) = (count(true), count(false));
    let listed = IceServersFinding::Listed { stun, turn, expires_in: list.expires_in, took: start.elapsed() };
    let probe = Probe {
        resolver,
        tls: Carrier::Tls(Arc::new(tls::client_config(roots.certificates()))),
        until: until.min(Instant::now() + CHECK_LIMIT),
    };
    let (answers, mapping) =
        tokio::join!(join_all(servers.iter().map(|server| probe.server(server))), probe.mapping(&servers));
    let relay = relay(&answers, mapping);
    let mut checks = vec![Check::IceServers(listed)];
    checks.extend(answers);
    checks.extend(mapping.map(Check::Mapping));
    checks.extend(relay.map(Check::Relay));
    checks
}

/// The URLs of a checked list, each once for its credentials.
fn servers(list: &[IceServer]) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for IceServer { urls, username, credential } in list {
        for text in urls {
            let Ok(url) = text.parse::<IceUrl>() else { continue };
            let known = servers.iter().any(|server| server.url == url && server.username == *username);
            if !known && servers.len() < MOST_SERVERS {
                let (username, credential) = (username.clone(), credential.clone());
                servers.push(Server { text: text.clone(), url, username, credential });
            }
        }
    }
    servers
}

impl Server {
    fn target(&self) -> Target<'_> {
        Target { host: &self.url.host, port: self.url.port }
    }
}

impl Probe<'_> {
    async fn server(&self, server: &Server) -> Check {
        let text = server.text.clone();
        let (transport, carrier) = match (server.url.scheme, server.url.transport) {
            (IceScheme::Stun, IceTransport::Udp) => {
                return Check::Stun { server: text, finding: self.stun(server).await };
            }
            (IceScheme::Stun | IceScheme::Stuns, IceTransport::Udp | IceTransport::Tcp) => {
                return Check::Stun { server: text, finding: StunFinding::NotUsed };
            }
            (IceScheme::Turn, IceTransport::Udp) => (TurnTransport::Udp, Carrier::Udp),
            (IceScheme::Turn, IceTransport::Tcp) => (TurnTransport::Tcp, Carrier::Tcp),
            (IceScheme::Turns, IceTransport::Tcp) => (TurnTransport::Tls, self.tls.clone()),
            (IceScheme::Turns, IceTransport::Udp) => {
                let (transport, finding) = (TurnTransport::Dtls, TurnFinding::NotUsed);
                return Check::Turn { server: text, transport, finding };
            }
        };
        Check::Turn { server: text, transport, finding: self.turn(server, &carrier).await }
    }

    async fn stun(&self, server: &Server) -> StunFinding {
        let asked = async {
            let mut wire = Wire::open(server.target(), &Carrier::Udp, self.resolver, self.until).await?;
            wire.ask(&Request::binding(), self.until).await
        };
        match asked.await {
            Err(failure) => StunFinding::Failed(failure),
            Ok(asked) => match asked.answer {
                Answer::Success { mapped: Some(mapped), .. } => {
                    StunFinding::Answers { mapped, round_trip: asked.round_trip }
                }
                Answer::Success { mapped: None, .. } => StunFinding::Failed(ServerFailure::NotStun),
                Answer::Error { code, .. } => StunFinding::Refused { code },
            },
        }
    }

    async fn turn(&self, server: &Server, carrier: &Carrier) -> TurnFinding {
        let Server { username, credential, .. } = server;
        let asked = async {
            let mut wire = Wire::open(server.target(), carrier, self.resolver, self.until).await?;
            allocate(&mut wire, username, credential, self.until).await
        };
        match asked.await {
            Ok(allocation) if allocation.authenticated => {
                TurnFinding::Allocates { relayed: allocation.relayed, round_trip: allocation.round_trip }
            }
            Ok(allocation) => {
                TurnFinding::Open { relayed: allocation.relayed, round_trip: allocation.round_trip }
            }
            Err(AllocateError::Failed(failure)) => TurnFinding::Failed(failure),
            Err(AllocateError::TooLong) => TurnFinding::CredentialsTooLong,
            Err(AllocateError::Credentials) => match expired(username, SystemTime::now()) {
                Some(ago) => TurnFinding::CredentialsExpired { ago },
                None => TurnFinding::CredentialsRefused,
            },
            Err(AllocateError::Refused { code: QUOTA }) => TurnFinding::QuotaReached,
            Err(AllocateError::Refused { code: CAPACITY }) => TurnFinding::Full,
            Err(AllocateError::Refused { code }) => TurnFinding::Refused { code },
        }
    }

    /// `None` with fewer than two servers that can be compared.
    async fn mapping(&self, servers: &[Server]) -> Option<MappingFinding> {
        let udp = |server: &&Server| server.url.is_usable();
        let targets = join_all(servers.iter().filter(udp).map(async |server| {
            let addresses = server.target().resolve(self.resolver, self.until).await.ok()?;
            addresses.first().copied()
        }));
        let targets: Vec<SocketAddr> = targets.await.into_iter().flatten().collect();
        let targets = comparable(&targets);
        if targets.is_empty() {
            return None;
        }
        Some(match mappings(&targets, self.until).await {
            Some([a, b]) if a == b => MappingFinding::Same,
            Some(_) => MappingFinding::Different,
            None => MappingFinding::Unknown,
        })
    }
}

/// What the allocations mean for calls; `None` without a TURN server, unless calls depend on one.
fn relay(checks: &[Check], mapping: Option<MappingFinding>) -> Option<RelayFinding> {
    let works = |check: &Check, udp: bool| {
        matches!(check, Check::Turn { transport, .. } if (*transport == TurnTransport::Udp) == udp)
            && matches!(check.verdict(), Verdict::Ok | Verdict::Warning)
    };
    if !checks.iter().any(|check| matches!(check, Check::Turn { .. })) {
        return (mapping == Some(MappingFinding::Different)).then_some(RelayFinding::Missing);
    }
    Some(if checks.iter().any(|check| works(check, true)) {
        RelayFinding::Works
    } else if checks.iter().any(|check| works(check, false)) {
        RelayFinding::StreamOnly
    } else {
        RelayFinding::Missing
    })
}

/// How long ago a minted user name ended: `<seconds since 1970>` or `<seconds since 1970>:<user>`.
fn expired(username: &str, now: SystemTime) -> Option<Duration> {
    let (seconds, _) = username.split_once(':').unwrap_or((username, ""));
    // Shorter numbers are somebody's name.
    let seconds: u64 = (seconds.len() >= 10).then(|| seconds.parse().ok())??;
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    now.duration_since(end).ok()
}

impl IceScheme {
    fn is_stun(self) -> bool {
        match self {
            IceScheme::Stun | IceScheme::Stuns => true,
            IceScheme::Turn | IceScheme::Turns => false,
        }
    }
}

/// An app has a handful; each is asked at once.
const MOST_SERVERS: usize = 16;
/// RFC 8656 section 19.
const QUOTA: u16 = 486;
const CAPACITY: u16 = 508;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_name_tells_when_it_ended() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_100);
        assert_eq!(expired("1800000000:rider", now), Some(Duration::from_secs(100)));
        assert_eq!(expired("1800000000", now), Some(Duration::from_secs(100)));
        for holds in ["1800000200:rider", "rider", "12:34", "99999999999999999999:x", ""] {
            assert_eq!(expired(holds, now), None, "{holds}");
        }
    }

    #[test]
    fn a_url_is_asked_once_for_each_user() {
        let server = |user: &str| IceServer {
            urls: vec!["turn:a.example".into(), "turn:a.example:3478?transport=udp".into()],
            username: user.into(),
            credential: "p".into(),
        };
        assert_eq!(servers(&[server("u"), server("u"), server("v")]).len(), 2);
        let many: Vec<IceServer> = (0..100).map(|n| server(&n.to_string())).collect();
        assert_eq!(servers(&many).len(), MOST_SERVERS);
    }
}

//! The port `IceServers`: which STUN and TURN servers to use.
//!
//! | scheme | what becomes of it |
//! |---|---|
//! | `stun:host[:port]` | server-reflexive candidates, over UDP |
//! | `turn:host[:port][?transport=udp]` | relay candidates, over UDP |
//! | `turn:..?transport=tcp`, `turns:` | recognised and skipped, with one warning: not built yet |
//! | `stuns:` | the same |

#[cfg(feature = "supabase")]
mod http;

use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "supabase")]
pub use self::http::{HttpIceServers, HttpIceServersError};
use crate::BoxFuture;

/// The port: which STUN and TURN servers to use, with credentials that may expire.
pub trait IceServers: Send + Sync + 'static {
    /// The servers. Asked for early, and again before they expire.
    ///
    /// # Errors
    /// [`IceServersError`]; the engine goes on with what it has and asks again.
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up.
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>>;
}

/// Servers, and how long their credentials hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceServerList {
    /// The servers.
    pub servers: Vec<IceServer>,
    /// How long the list holds; `None` for ever.
    pub expires_in: Option<Duration>,
}

/// A STUN or TURN server, as WebRTC's `RTCIceServer` names it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct IceServer {
    /// Its URLs (RFC 7064, RFC 7065); see the table of this module.
    pub urls: Vec<String>,
    /// The user name, for TURN.
    pub username: String,
    /// The password, for TURN.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Why there are no servers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IceServersError {
    /// The source did not answer. Asked again after a while.
    #[error("the source of ICE servers is out of reach")]
    Unreachable,
    /// The source refused us. Asked again after a while.
    #[error("the source of ICE servers refused")]
    Refused,
    /// Nobody is signed in whom the source could serve. Asked again after a while.
    #[error("nobody is signed in whom the source of ICE servers could serve")]
    SignedOut,
    /// The source answered something else than a list of servers. Asked again after a while.
    #[error("the source of ICE servers answered something else")]
    Malformed,
    /// A URL of the list is wrong. The list is not used.
    #[error("ICE server {index}: {error}")]
    Url {
        /// The place of the server in the list.
        index: usize,
        /// What is wrong.
        error: IceUrlError,
    },
}

/// A list that never changes.
#[derive(Debug, Clone, Default)]
pub struct StaticIceServers {
    servers: Vec<IceServer>,
}

impl StaticIceServers {
    /// These servers, for ever.
    ///
    /// # Errors
    /// [`IceServersError::Url`] if a URL is wrong.
    pub fn new(servers: Vec<IceServer>) -> Result<Self, IceServersError> {
        check(&servers)?;
        Ok(Self { servers })
    }
}

impl IceServers for StaticIceServers {
    fn fetch(&self) -> BoxFuture<'_, Result<IceServerList, IceServersError>> {
        let list = IceServerList { servers: self.servers.clone(), expires_in: None };
        Box::pin(std::future::ready(Ok(list)))
    }
}

/// Checks the URLs of a list.
///
/// # Errors
/// [`IceServersError::Url`] for the first wrong one.
pub fn check(servers: &[IceServer]) -> Result<(), IceServersError> {
    for (index, server) in servers.iter().enumerate() {
        for url in &server.urls {
            let url = url.parse().map_err(|error| IceServersError::Url { index, error })?;
            let IceUrl { scheme, .. } = url;
            let turn = matches!(scheme, IceScheme::Turn | IceScheme::Turns);
            if turn && (server.username.is_empty() || server.credential.is_empty()) {
                return Err(IceServersError::Url { index, error: IceUrlError::Credentials });
            }
        }
    }
    Ok(())
}

/// The URL of a STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceUrl {
    /// The scheme.
    pub scheme: IceScheme,
    /// A name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// The port; 3478 unless the URL says otherwise, 5349 for `stuns` and `turns`.
    pub port: u16,
    /// The transport; TCP for `turns` and `stuns` unless the URL says otherwise, else UDP.
    pub transport: IceTransport,
}

/// The scheme of a server's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceScheme {
    /// STUN.
    Stun,
    /// STUN over TLS.
    Stuns,
    /// TURN.
    Turn,
    /// TURN over TLS.
    Turns,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// Why a text is not the URL of a STUN or TURN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IceUrlError {
    /// Not `stun:`, `stuns:`, `turn:` or `turns:`.
    #[error("the scheme is not stun, stuns, turn or turns")]
    Scheme,
    /// No host, or characters that no host has.
    #[error("the host is missing or has illegal characters")]
    Host,
    /// Not a port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A query other than `transport=udp` or `transport=tcp`.
    #[error("the query is not transport=udp or transport=tcp")]
    Query,
    /// A TURN server without user name or password.
    #[error("a TURN server needs a user name and a credential")]
    Credentials,
}

impl IceUrl {
    /// Can the engine use it? See the table of this module.
    pub fn is_usable(&self) -> bool {
        let plain = matches!(self.scheme, IceScheme::Stun | IceScheme::Turn);
        plain && self.transport == IceTransport::Udp
    }
}

impl FromStr for IceUrl {
    type Err = IceUrlError;

    fn from_str(text: &str) -> Result<Self, IceUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(IceUrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "stun" => IceScheme::Stun,
            "stuns" => IceScheme::Stuns,
            "turn" => IceScheme::Turn,
            "turns" => IceScheme::Turns,
            _ => return Err(IceUrlError::Scheme),
        };
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let secure = matches!(scheme, IceScheme::Stuns | IceScheme::Turns);
        let transport = match query {
            None if secure => IceTransport::Tcp,
            None | Some("transport=udp") => IceTransport::Udp,
            Some("transport=tcp") => IceTransport::Tcp,
            Some(_) => return Err(IceUrlError::Query),
        };
        let (host, port) = host_and_port(place)?;
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(IceUrlError::Port)?,
            None if secure => 5349,
            None => 3478,
        };
        Ok(Self { scheme, host: host.to_owned(), port, transport })
    }
}

fn host_and_port(place: &str) -> Result<(&str, Option<&str>), IceUrlError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(IceUrlError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| IceUrlError::Host)?;
        let port =
            if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(IceUrlError::Port)?) };
        return Ok((host, port));
    }
    let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    // A DNS name has at most 253 characters (RFC 1035 section 2.3.4).
    if host.is_empty() || host.len() > 253 || !host.bytes().all(legal) {
        return Err(IceUrlError::Host);
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<IceUrl, IceUrlError> {
        text.parse()
    }

    #[test]
    fn ports_and_transports_have_their_defaults() {
        let stun = url("stun:stun.example").unwrap();
        assert_eq!((stun.port, stun.transport, stun.is_usable()), (3478, IceTransport::Udp, true));
        let turn = url("TURN:192.0.2.1:3479?transport=udp").unwrap();
        assert_eq!((turn.host.as_str(), turn.port, turn.is_usable()), ("192.0.2.1", 3479, true));
        let turns = url("turns:turn.example").unwrap();
        assert_eq!((turns.port, turns.transport, turns.is_usable()), (5349, IceTransport::Tcp, false));
        assert!(!url("turn:turn.example?transport=tcp").unwrap().is_usable());
        let six = url("stun:[2001:db8::1]:19302").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("2001:db8::1", 19302));
    }

    #[test]
    fn wrong_urls_say_what_is_wrong() {
        assert_eq!(url("example.org"), Err(IceUrlError::Scheme));
        assert_eq!(url("http://example.org"), Err(IceUrlError::Scheme));
        assert_eq!(url("stun:"), Err(IceUrlError::Host));
        assert_eq!(url("stun://example.org"), Err(IceUrlError::Host));
        assert_eq!(url("stun:[::1"), Err(IceUrlError::Host));
        assert_eq!(url("stun:[nonsense]"), Err(IceUrlError::Host));
        assert_eq!(url("stun:example.org:0"), Err(IceUrlError::Port));
        assert_eq!(url("stun:example.org:70000"), Err(IceUrlError::Port));
        assert_eq!(url("turn:example.org?transport=sctp"), Err(IceUrlError::Query));
    }

    #[test]
    fn a_turn_server_needs_credentials() {
        let server = IceServer { urls: vec!["turn:example.org".to_owned()], ..IceServer::default() };
        let error = StaticIceServers::new(vec![server]).unwrap_err();
        assert_eq!(error, IceServersError::Url { index: 0, error: IceUrlError::Credentials });
    }

    #[test]
    fn secrets_are_not_printed() {
        let credential = "hunter2".to_owned();
        let server = IceServer { urls: Vec::new(), username: "u1".to_owned(), credential };
        assert!(!format!("{server:?}").contains("hunter2"));
    }
}

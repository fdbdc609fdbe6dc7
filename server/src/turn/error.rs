//! Why a TURN server does not start.

use std::io;
use std::net::SocketAddr;

/// Why a TURN server does not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] TurnConfigError),
    /// The address cannot be listened on over UDP and TCP.
    #[error("cannot listen on {addr} over UDP and TCP")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The address cannot be listened on over TLS.
    #[error("cannot listen on {addr} over TLS")]
    ListenTls {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnConfigError {
    /// The secret is empty.
    #[error("a TURN server needs a secret")]
    NoSecret,
    /// The realm is empty or too long.
    #[error("the realm has 1 to 128 bytes")]
    Realm,
    /// The address to relay from stands for any.
    #[error("the address to relay from has to be a definite one")]
    RelayUnspecified,
    /// IPv4 is told to peers for IPv6, or the other way round.
    #[error("the advertised address has to be of the family of the bound one")]
    RelayFamily,
    /// Every address is listened on, and none is named.
    #[error("listening on every address, the host for the URLs has to be given")]
    NoHost,
    /// There is no port in the range, or port 0.
    #[error("the ports to relay from are a range from 1 to 65535")]
    RelayPorts,
}

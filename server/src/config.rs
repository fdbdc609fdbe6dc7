//! How a hub is set up.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::realtime::{Authorizer, InboxAuthorizer, Limits};

/// How a hub is set up. The default listens on a free port of the loopback address with the keys of the local demo.
#[derive(Clone)]
pub struct HubConfig {
    /// Where to listen; port 0: a free one.
    pub listen: SocketAddr,
    /// The API key that clients present. Tokens signed with the secret are accepted, too.
    pub api_key: String,
    /// The secret that signs users' tokens (HS256).
    pub jwt_secret: String,
    /// Offer `POST /local/token`, which signs a token for whoever asks: for the local demo only.
    pub demo: bool,
    /// Who may read and write private topics.
    pub authorizer: Arc<dyn Authorizer>,
    /// The largest broadcast, in bytes. Default 256 KB, the smallest plan's.
    pub payload_limit: usize,
    /// How long a refused join stalls its socket. Default 5 s, as measured on the real server.
    pub join_refusal_stall: Duration,
    /// How long a refused connection waits for its answer. Default 2 s, the real server's.
    pub connect_refusal_delay: Duration,
    /// After how long a silent client is disconnected. Default 60 s.
    pub idle_limit: Duration,
    /// How often a token is looked at again, and when it expires. Default 5 min, the real server's.
    pub token_recheck: Duration,
    /// How long after the first join messages of the database are lost. Default none, as on a project in use; the real
    /// server was ready 544 ms after the first join.
    pub replication_warm_up: Duration,
    /// How long a join that asked for `replication_ready` waits before it is ended. Default 1 min, the real server's.
    pub replication_ready_limit: Duration,
    /// What sockets, joins and messages are limited to. Default: only what concerns one socket.
    pub limits: Limits,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            api_key: DEMO_KEY.into(),
            jwt_secret: DEMO_SECRET.into(),
            demo: false,
            authorizer: Arc::new(InboxAuthorizer),
            payload_limit: 256 * 1024,
            join_refusal_stall: Duration::from_secs(5),
            connect_refusal_delay: Duration::from_secs(2),
            idle_limit: Duration::from_secs(60),
            token_recheck: Duration::from_secs(300),
            replication_warm_up: Duration::ZERO,
            replication_ready_limit: Duration::from_secs(60),
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubConfig")
            .field("listen", &self.listen)
            .field("demo", &self.demo)
            .finish_non_exhaustive()
    }
}

/// The API key of the local demo. Not a secret.
pub const DEMO_KEY: &str = "ringback-local-key";
/// The signing secret of the local demo. Not a secret.
pub const DEMO_SECRET: &str = "ringback-local-secret-for-demos-only";

//! The whole stack as one running thing: hub, pages, status, metrics, TURN and the echo bot.
//!
//! ```text
//!  listener --> TLS? --> routes --+-- /realtime/v1, /local, /health    the hub
//!                                 +-- /functions/v1/turn-credentials  credentials for TURN
//!                                 +-- /status, /metrics                figures of all parts
//!                                 +-- /config.json, everything else    the pages
//!  echo bot --> its own websocket --> the hub
//!  STUN and TURN, on ports of their own
//! ```
//!
//! Where a client cannot reach the listener over plain TCP on the loopback address, because of TLS or because it listens
//! elsewhere, the echo bot gets a second listener there, on a free port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderValue, Method, request};
use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::addresses::{host, own_address, own_way};
use crate::calls::SeenCalls;
use crate::config::HubConfig;
use crate::echo::{EchoConfig, RunningEcho};
use crate::pages::{self, PageConfig};
use crate::realtime::{HubState, RunningHub};
use crate::serve::Listener;
use crate::status::{self, LOBBY, Readers, Sources, StackSnapshot, TurnFigures, VERSION};
use crate::tls::{TlsError, TlsSource};
use crate::turn::{
    MintingConfig, RelayIp, RunningTurn, TurnConfig, TurnConfigError, TurnError, TurnServer, TurnTls,
    TurnUrls, credentials_router,
};

/// How a stack is set up. The default is that of the program on a free port: a demo on the loopback address with an
/// echo bot, without TLS.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// The hub, and where everything listens.
    pub hub: HubConfig,
    /// The certificate; `None`: plain TCP.
    pub tls: Option<TlsSource>,
    /// Whether a page may be driven by its address and by scripts, and may speak to other servers: for tests only, since
    /// any link could then place or answer a call.
    pub test_hooks: bool,
    /// STUN and TURN, if there are to be. Without a secret, one is made; without an address to listen on or to name that
    /// others can reach, this machine's first one is taken; `tls` is filled from [`StackConfig::tls`].
    pub turn: Option<TurnConfig>,
    /// Where TURN listens over TLS, if the stack has TLS at all. Default: a free port.
    pub turn_tls_port: u16,
    /// The echo bot, if there is to be one.
    pub echo: Option<EchoConfig>,
    /// What `/status` and `/metrics` ask for; `None`: in demo mode and on a loopback address nothing, else a service
    /// token.
    pub status_key: Option<String>,
}

/// Why a stack does not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {addr}: {}", listen_reason(.source))]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The settings of TURN cannot work.
    #[error("cannot start TURN: {0}")]
    Turn(#[from] TurnConfigError),
    /// The address of TURN cannot be listened on over UDP and TCP.
    #[error("cannot listen on {addr} for TURN: {}", listen_reason(.source))]
    TurnListen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The address of TURN over TLS cannot be listened on.
    #[error("cannot listen on {addr} for TURN over TLS: {}", listen_reason(.source))]
    TurnTlsListen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// There is no certificate that can be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The echo bot's user id is malformed.
    #[error("the echo bot's user id is not one: 1 to 128 bytes of A-Z a-z 0-9 . _ : @ -")]
    EchoUser,
    /// The echo bot has no line, or too many.
    #[error("the echo bot has 1 to {} lines", EchoConfig::MOST_LINES)]
    EchoLines,
}

/// The local stack.
#[derive(Debug)]
pub struct Stack;

/// A stack that runs. Dropping it stops it at once; [`RunningStack::stop`] waits until everything is gone.
#[derive(Debug)]
pub struct RunningStack {
    // First, so that its calls are hung up while the hub is there.
    echo: Option<RunningEcho>,
    hub: RunningHub,
    /// The echo bot's own listener.
    side: Option<RunningHub>,
    turn: Option<RunningTurn>,
    sources: Sources,
    watch: JoinHandle<()>,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            hub: HubConfig { demo: true, ..HubConfig::default() },
            tls: None,
            test_hooks: false,
            turn: Some(TurnConfig::default()),
            turn_tls_port: 0,
            echo: Some(EchoConfig::default()),
            status_key: None,
        }
    }
}

impl From<TurnError> for StartError {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Config(error) => StartError::Turn(error),
            TurnError::Listen { addr, source } => StartError::TurnListen { addr, source },
            TurnError::ListenTls { addr, source } => StartError::TurnTlsListen { addr, source },
        }
    }
}

impl StackConfig {
    /// Whether a stack could start, but for the ports and the network.
    ///
    /// # Errors
    /// What [`Stack::start`] would say.
    pub fn check(&self) -> Result<(), StartError> {
        if let Some(echo) = &self.echo {
            ringback_proto::UserId::new(echo.user.clone()).map_err(|_| StartError::EchoUser)?;
            if !(1..=EchoConfig::MOST_LINES).contains(&echo.lines) {
                return Err(StartError::EchoLines);
            }
        }
        if let Some(turn) = &self.turn {
            turn.check()?;
        }
        if let Some(tls) = &self.tls {
            tls.server_config(&[])?;
        }
        Ok(())
    }
}

impl Stack {
    /// Starts a stack. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] says what is wrong; nothing is left behind.
    pub async fn start(config: StackConfig) -> Result<RunningStack, StartError> {
        config.check()?;
        let StackConfig { hub, tls, test_hooks, turn, turn_tls_port, echo, status_key } = config;
        let tls = tls.map(|source| source.server_config(&["http/1.1"])).transpose()?;
        let mut listener = listen(hub.listen).await?;
        let (has_tls, turn_tls) = (tls.is_some(), tls.as_deref().map(without_protocols));
        if let Some(config) = tls {
            listener = listener.with_tls(config);
        }
        let readers = match (hub.demo, status_key) {
            (true, None) => Readers::Everybody,
            (false, None) if listener.addr().ip().is_loopback() => Readers::Everybody,
            (true | false, key) => Readers::KeyHolders(key),
        };
        let state = HubState::new(hub);
        let (side, echo) = match echo {
            None => (None, None),
            Some(echo) => {
                let (side, url) = match own_way(listener.addr(), has_tls) {
                    Some(addr) => (None, format!("http://{addr}")),
                    None => {
                        let side = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
                        let url = side.url();
                        (Some(side), url)
                    }
                };
                // It waits in the backlog of the listener until that is served.
                (side, Some(RunningEcho::start(url, state.config.api_key.clone(), echo)))
            }
        };
        let (turn, minting) = match turn {
            None => (None, None),
            Some(config) => {
                let (turn, minting) = start_turn(config, turn_tls, turn_tls_port, &state).await?;
                (Some(turn), Some(minting))
            }
        };
        let (passed, watched) = mpsc::channel(PASSED);
        state.tap.watch(passed);
        let calls = SeenCalls::default();
        let sources = Sources {
            started: Instant::now(),
            hub: state.clone(),
            calls: calls.clone(),
            turn: turn.as_ref().map(TurnFigures::of),
            echo: echo.as_ref().map(RunningEcho::figures),
        };
        let page_config = PageConfig {
            version: VERSION,
            api_key: state.config.api_key.clone(),
            demo: state.config.demo,
            test_hooks,
            echo: sources.echo.as_ref().map(|echo| echo.snapshot().user),
            lobby: LOBBY,
            ice: turn.as_ref().map(|_| MINTING_PATH),
        };
        let open = pages::config_router(page_config);
        let mut rest = status::router(sources.clone(), readers).merge(pages::router(test_hooks));
        if let Some(minting) = minting {
            rest = rest.merge(credentials_router(minting));
        }
        let side = side.map(|side| RunningHub::serve(state.clone(), side, |hub| hub));
        let hub = RunningHub::serve(state, listener, |hub| hub.merge(open).layer(cors()).merge(rest));
        Ok(RunningStack { echo, hub, side, turn, sources, watch: tokio::spawn(calls.watch(watched)) })
    }
}

impl RunningStack {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.hub.addr()
    }

    /// The URL that clients are given.
    pub fn url(&self) -> String {
        self.hub.url()
    }

    /// The hub, for tokens and faults.
    pub fn hub(&self) -> &RunningHub {
        &self.hub
    }

    /// Where clients find STUN and TURN, if there are.
    pub fn turn_urls(&self) -> Option<&TurnUrls> {
        self.turn.as_ref().map(RunningTurn::urls)
    }

    /// All figures of now.
    pub fn snapshot(&self) -> StackSnapshot {
        self.sources.snapshot()
    }

    /// Hangs up the echo bot's calls, closes every socket with 1012, and returns when nothing is left, after 2 s at most.
    pub async fn stop(self) {
        let Self { echo, hub, side, turn, watch, sources: _ } = self;
        let all = async {
            if let Some(echo) = echo
                && tokio::time::timeout(ECHO_STOP_LIMIT, echo.stop()).await.is_err()
            {
                tracing::warn!("the echo bot does not end");
            }
            let side = async {
                if let Some(side) = side {
                    side.stop().await;
                }
            };
            let turn = async {
                if let Some(turn) = turn {
                    turn.stop().await;
                }
            };
            tokio::join!(hub.stop(), side, turn);
        };
        if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        watch.abort();
    }
}

/// Starts TURN with what the configuration leaves open filled in.
async fn start_turn(
    mut config: TurnConfig,
    tls: Option<Arc<ServerConfig>>,
    tls_port: u16,
    hub: &HubState,
) -> Result<(RunningTurn, MintingConfig), StartError> {
    if config.secret.is_empty() {
        config.secret = secret()?;
    }
    if config.listen.ip().is_unspecified() && (config.host.is_none() || config.relay.is_empty()) {
        // Without a network there is nobody but this machine.
        let ip = own_address(config.listen.ip()).unwrap_or(match config.listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
        config.host.get_or_insert_with(|| host(ip));
        if config.relay.is_empty() {
            config.relay.push(RelayIp { bind: ip, advertise: ip });
        }
    }
    config.tls = tls.map(|config_tls| TurnTls {
        listen: SocketAddr::from((config.listen.ip(), tls_port)),
        config: config_tls,
    });
    let turn_secret = config.secret.clone();
    let turn = TurnServer::start(config).await?;
    let minting = MintingConfig {
        api_key: hub.config.api_key.clone(),
        jwt_secret: hub.config.jwt_secret.clone(),
        turn_secret,
        urls: turn.urls().clone(),
        ..MintingConfig::default()
    };
    Ok((turn, minting))
}

/// The same certificate for a server that negotiates no protocol.
fn without_protocols(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols.clear();
    Arc::new(config)
}

/// A secret that nobody knows, for this run.
fn secret() -> Result<String, StartError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| StartError::Random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn listen(addr: SocketAddr) -> Result<Listener, StartError> {
    Listener::bind(addr).await.map_err(|source| StartError::Listen { addr, source })
}

/// Pages of other servers may use the hub, as they may use a Supabase project, and sign in to a demo, whose secret is no
/// secret; they may not switch its faults.
fn cors() -> CorsLayer {
    let foreign = |_: &HeaderValue, request: &request::Parts| {
        let path = request.uri.path();
        path == "/local/token" || !path.starts_with("/local/")
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(foreign))
        .allow_methods([Method::GET, Method::POST])
        // Not `*`, which leaves out `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(CORS_LIFE)
}

fn listen_reason(error: &io::Error) -> String {
    let known = [
        (io::ErrorKind::AddrInUse, "another program uses this port"),
        (io::ErrorKind::PermissionDenied, "this user may not use this port; ports below 1024 need a right"),
        (io::ErrorKind::AddrNotAvailable, "this machine does not have this address"),
    ];
    let known = known.into_iter().find(|&(kind, _)| kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, reason)| reason.to_owned())
}

/// Where credentials for TURN are asked for.
const MINTING_PATH: &str = "/functions/v1/turn-credentials";
/// Envelopes that wait to be looked at: a second of a flood of calls.
const PASSED: usize = 1024;
/// How long the echo bot may take to hang up.
const ECHO_STOP_LIMIT: Duration = Duration::from_millis(1200);
/// How long everything may take.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Browsers keep a preflight answer for an hour.
const CORS_LIFE: Duration = Duration::from_secs(3600);

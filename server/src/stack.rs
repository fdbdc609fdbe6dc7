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

use crate::calls::SeenCalls;
use crate::config::HubConfig;
use crate::echo::{EchoConfig, RunningEcho};
use crate::pages::{self, PageConfig};
use crate::realtime::{HubState, RunningHub};
use crate::serve::Listener;
use crate::status::{self, LOBBY, Readers, Sources, StackSnapshot, TurnFigures, VERSION};
use crate::tls::{TlsError, TlsSource};
use crate::turn::{MintingConfig, RelayIp, RunningTurn, TurnConfig, TurnServer, TurnTls, credentials_router};

/// How a stack is set up. The default is that of the program on a free port: a demo on the loopback address with an
/// echo bot, without TLS.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// The hub, and where everything listens.
    pub hub: HubConfig,
    /// The certificate; `None`: plain TCP.
    pub tls: Option<TlsSource>,
    /// STUN and TURN, if there are to be. Without a secret, one is made; without an address to listen on or to name that
    /// others can reach, this machine's first one is taken; `tls` is filled from [`StackConfig::tls`].
    pub turn: Option<TurnConfig>,
    /// Where TURN listens over TLS, if the stack has TLS at all. Default: a free port.
    pub turn_tls_port: u16,
    /// The echo bot, if there is to be one.
    pub echo: Option<EchoConfig>,
    /// What `/status` and `/metrics` ask for outside demo mode; `None`: on a loopback address nothing.
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
    /// STUN and TURN cannot be set up.
    #[error("cannot start TURN on {addr}: {}", listen_reason(.source))]
    Turn {
        /// The address.
        addr: SocketAddr,
        /// Why; `InvalidInput`: the settings cannot work together.
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
            turn: Some(TurnConfig::default()),
            turn_tls_port: 0,
            echo: Some(EchoConfig::default()),
            status_key: None,
        }
    }
}

impl StackConfig {
    /// Whether a stack could start, but for the ports.
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
        let StackConfig { hub, tls, turn, turn_tls_port, echo, status_key } = config;
        let tls = tls.map(|source| source.server_config(&["http/1.1"])).transpose()?;
        let mut listener = listen(hub.listen).await?;
        let (has_tls, turn_tls) = (tls.is_some(), tls.as_deref().map(without_protocols));
        if let Some(config) = tls {
            listener = listener.with_tls(config);
        }
        let readers = match (hub.demo, status_key) {
            (true, _) => Readers::Everybody,
            (false, None) if listener.addr().ip().is_loopback() => Readers::Everybody,
            (false, key) => Readers::KeyHolders(key),
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
            echo: sources.echo.as_ref().map(|echo| echo.snapshot().user),
            lobby: LOBBY,
            ice: turn.as_ref().map(|_| MINTING_PATH),
        };
        let open = pages::config_router(page_config);
        let mut rest = status::router(sources.clone(), readers).merge(pages::router());
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
        let source = || io::Error::new(io::ErrorKind::AddrNotAvailable, "no network");
        let ip = own_address(config.listen.ip())
            .ok_or_else(|| StartError::Turn { addr: config.listen, source: source() })?;
        config.host.get_or_insert_with(|| host(ip));
        if config.relay.is_empty() {
            config.relay.push(RelayIp { bind: ip, advertise: ip });
        }
    }
    config.tls = tls.map(|config_tls| TurnTls {
        listen: SocketAddr::from((config.listen.ip(), tls_port)),
        config: config_tls,
    });
    let (addr, turn_secret) = (config.listen, config.secret.clone());
    let turn = TurnServer::start(config).await.map_err(|source| StartError::Turn { addr, source })?;
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

/// The address of this machine that others on its network reach: that from which it would send to the internet. Nothing
/// is sent: connecting a UDP socket looks up the route only (the addresses are those of RFC 5737 and RFC 3849).
fn own_address(everywhere: IpAddr) -> Option<IpAddr> {
    let far: IpAddr = match everywhere {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = std::net::UdpSocket::bind(SocketAddr::from((everywhere, 0))).ok()?;
    socket.connect(SocketAddr::from((far, 9))).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

async fn listen(addr: SocketAddr) -> Result<Listener, StartError> {
    Listener::bind(addr).await.map_err(|source| StartError::Listen { addr, source })
}

/// How a program on this machine reaches the listener over plain TCP on the loopback address.
fn own_way(addr: SocketAddr, has_tls: bool) -> Option<SocketAddr> {
    let ip: IpAddr = match addr.ip() {
        _ if has_tls => return None,
        ip if ip.is_loopback() => ip,
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Some(SocketAddr::from((ip, addr.port())))
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
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program uses this port".into(),
        io::ErrorKind::PermissionDenied => {
            "this user may not use this port; ports below 1024 need a right".into()
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have this address".into(),
        _ => error.to_string(),
    }
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

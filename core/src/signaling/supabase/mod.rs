//! Signaling over Supabase Realtime, by broadcast.
//!
//! | access | receive | send | who can read and forge |
//! |---|---|---|---|
//! | [public](SupabaseSignaling::public) | public topic `user:<id>` | joins the peer's topic | anybody with the API key |
//! | [private](SupabaseSignaling::private) | private topic `user:<sub>`, its own inbox only | REST, with the user's token | whom the row policies let |
//!
//! ```no_run
//! # fn demo(user: ringback::proto::UserId) -> Result<(), ringback::signaling::supabase::BuildError> {
//! use std::sync::Arc;
//! use ringback::signaling::{StaticToken, supabase::SupabaseSignaling};
//!
//! let token = Arc::new(StaticToken::new("eyJ.."));
//! let signaling = SupabaseSignaling::private("https://ref.supabase.co", "sb_publishable_..", user, token).start()?;
//! # Ok(())
//! # }
//! ```
//!
//! A message is the broadcast event `rb1`; its payload is the envelope, as a JSON object, so that web clients read it
//! with the official library. Broadcasts reach only who is connected; the call machine's resends cover loss.
//!
//! One task, the pump, owns everything:
//!
//! ```text
//!   send() --256, refuses when full--> pump --events, see events.rs--> next()
//!                                       | owns
//!             phoenix::Socket (pure), websocket, token feed, REST client or lanes
//! ```
//!
//! Messages that were read after the machine slept, or that the server replays, have no age: they never ring.
//!
//! [`SupabaseBuilder::lobby`] adds who is online, by presence on a topic of its own: see `lobby.rs`.

mod endpoint;
mod events;
mod feed;
mod lanes;
mod link;
mod lobby;
mod probes;
mod pump;
mod reasons;
mod rest;
mod time;
mod way;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use self::endpoint::Endpoint;
use self::events::Events;
use self::feed::TokenFeed;
use self::lanes::Lanes;
pub use self::lobby::Online;
use self::lobby::{Lobby, LobbyConfig};
use self::probes::ProbeReply;
use self::pump::{Pump, PumpConfig};
use self::rest::Rest;
use self::way::Way;
use super::{Outgoing, ProbeError, RefusedWhy, ServerTime, Signaling, SignalingEvent, Token};
use crate::BoxFuture;
use crate::clock::{BootClock, Clock};
use crate::net::tls;
use crate::proto::phoenix::{Access, JoinConfig, Serializer, Socket, Topic};
use crate::proto::{DeviceId, UserId};

/// Signaling over Supabase Realtime. Dropping it ends it at once; [`Signaling::close`] sends what is queued first.
#[derive(Debug)]
pub struct SupabaseSignaling {
    access: Mode,
    events: Arc<Events>,
    commands: mpsc::Sender<Outgoing>,
    probes: mpsc::Sender<ProbeReply>,
    endpoint: Arc<Endpoint>,
    tls: ClientConfig,
    stop: watch::Sender<bool>,
    /// The network changed; any number of times is one.
    network: Arc<Notify>,
    ended: watch::Receiver<bool>,
    online: watch::Receiver<Vec<Online>>,
}

/// How a [`SupabaseSignaling`] is set up.
#[must_use = "nothing happens before `start`"]
pub struct SupabaseBuilder {
    url: String,
    api_key: String,
    user: UserId,
    token: Option<Arc<dyn Token>>,
    serializer: Serializer,
    clock: Option<Arc<dyn Clock>>,
    lobby: Option<LobbyConfig>,
}

/// Why signaling could not be set up. Nothing was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Not an http(s) or ws(s) URL.
    #[error("the signaling URL is not of the form https://ref.supabase.co")]
    Url,
    /// Without TLS, to a machine that is not on this network.
    #[error("the signaling URL has no TLS: use https:// (http:// is for machines on the same network)")]
    Insecure,
    /// The API key is empty.
    #[error("the API key is empty")]
    Key,
    /// The user id is too long for a topic.
    #[error("the user id is too long for a topic")]
    User,
    /// The lobby's topic is not one, or the app's name has another form.
    #[error("the lobby is a topic name other than user:.., and the app 1 to 32 bytes of A-Z a-z 0-9 . _ -")]
    Lobby,
    /// The operating system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Public,
    Private,
}

impl SupabaseSignaling {
    /// Public broadcast: nothing to install, and nothing is protected. For demos and the first two minutes.
    ///
    /// `url` is the project's (`https://ref.supabase.co`), `api_key` its anon or publishable key.
    pub fn public(url: impl Into<String>, api_key: impl Into<String>, user: UserId) -> SupabaseBuilder {
        SupabaseBuilder::new(url.into(), api_key.into(), user, None)
    }

    /// Private broadcast: row policies decide who may read and write an inbox. `user` is the `sub` of the tokens.
    pub fn private(
        url: impl Into<String>,
        api_key: impl Into<String>,
        user: UserId,
        token: Arc<dyn Token>,
    ) -> SupabaseBuilder {
        SupabaseBuilder::new(url.into(), api_key.into(), user, Some(token))
    }

    /// Who is in the [lobby](SupabaseBuilder::lobby) now, sorted by user, this phone included once the server shows it.
    ///
    /// At most 1,000 entries, one for each device of a user. Empty without a lobby, while the connection is down, and
    /// while the lobby is refused. Every entry is what a stranger wrote: show it, decide nothing by it.
    pub fn online(&self) -> watch::Receiver<Vec<Online>> {
        self.online.clone()
    }
}

impl SupabaseBuilder {
    fn new(url: String, api_key: String, user: UserId, token: Option<Arc<dyn Token>>) -> Self {
        Self { url, api_key, user, token, serializer: Serializer::V2, clock: None, lobby: None }
    }

    /// Which serializer to speak. Default 2.0.0; 1.0.0 only for a server that knows nothing else.
    pub fn serializer(mut self, serializer: Serializer) -> Self {
        self.serializer = serializer;
        self
    }

    /// The clock that notices suspends. Default: tokio's, which does not, but still notices a stopped process.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Shows this phone on a public topic and learns who else is there: [`SupabaseSignaling::online`]. Default: neither.
    ///
    /// `topic` is the same for all who are to see each other, such as `lobby`; anybody with the API key can join it.
    /// `device` is the one given to [`PhoneBuilder::device`](crate::PhoneBuilder::device), `app` names the program.
    ///
    /// Calls do not depend on it. But a server answers a join that it refuses after 5 s, and nothing else on the
    /// connection meanwhile: do not ask for a lobby where public channels are switched off. A refused lobby is asked for
    /// again after 10 minutes, one that the server closed after 30 s.
    pub fn lobby(mut self, topic: impl Into<String>, device: DeviceId, app: impl Into<String>) -> Self {
        self.lobby = Some(LobbyConfig { topic: topic.into(), device, app: app.into() });
        self
    }

    /// Starts the pump. Call it inside a tokio runtime. It connects by itself and never gives up.
    ///
    /// # Errors
    /// What was given cannot work: see [`BuildError`]. A server that is down is not an error but a
    /// [`SignalingEvent::Health`].
    pub fn start(self) -> Result<SupabaseSignaling, BuildError> {
        let endpoint = Arc::new(Endpoint::parse(&self.url)?);
        if self.api_key.is_empty() {
            return Err(BuildError::Key);
        }
        let tls = tls::client_config(&[]);
        let inbox = Topic::new(&format!("user:{}", self.user)).map_err(|_| BuildError::User)?;
        let (online_tx, online) = watch::channel(Vec::new());
        let lobby = self.lobby.map(|lobby| Lobby::new(lobby, &self.user, &inbox, online_tx)).transpose()?;
        let seed = getrandom::u64().map_err(|_| BuildError::Random)?;
        let (way, join, access) = match &self.token {
            Some(_) => {
                let join = JoinConfig { access: Access::Private { replay: None }, ..JoinConfig::default() };
                let rest = Rest::new(endpoint.clone(), self.api_key.clone(), tls.clone());
                (Way::Post(Box::new(rest)), join, Mode::Private)
            }
            None => {
                tracing::warn!(
                    "public signaling: whoever has the API key can read and forge calls; private mode needs policies only"
                );
                (Way::Lanes(Lanes::default()), JoinConfig::default(), Mode::Public)
            }
        };
        let events = Arc::new(Events::default());
        let (commands, commands_rx) = mpsc::channel(OUTBOX);
        let (probes, probes_rx) = mpsc::channel(PROBES);
        let (stop, stop_rx) = watch::channel(false);
        let (ended_tx, ended) = watch::channel(false);
        let network = Arc::new(Notify::new());
        let pump = Pump::new(PumpConfig {
            url: endpoint.websocket(&self.api_key, self.serializer.vsn()),
            endpoint: endpoint.clone(),
            tls: Arc::new(tls.clone()),
            inbox,
            join,
            machine: Socket::new(self.serializer, seed),
            feed: TokenFeed::new(self.token),
            way,
            lobby,
            clock: self.clock.unwrap_or_else(|| Arc::new(BootClock::new())),
            events: events.clone(),
            commands: commands_rx,
            probes: probes_rx,
            stop: stop_rx,
            network: network.clone(),
        });
        tokio::spawn(async move {
            pump.run().await;
            // Nobody may be waiting any more.
            let _ = ended_tx.send(true);
        });
        Ok(SupabaseSignaling {
            access,
            events,
            commands,
            probes,
            endpoint,
            tls,
            stop,
            network,
            ended,
            online,
        })
    }
}

impl Signaling for SupabaseSignaling {
    fn send(&self, message: Outgoing) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        Box::pin(async move {
            if message.text.len() > MAX_BYTES {
                return Err(RefusedWhy::TooLarge);
            }
            match self.access {
                // A post needs no inbox of ours, so what was on its way when the socket went down still leaves. The call
                // machine hands over nothing new while it is down: endings wait in its tombstones for `Up`.
                Mode::Private => {}
                Mode::Public if self.events.is_up() => {}
                Mode::Public => return Err(RefusedWhy::Unavailable),
            }
            self.commands.try_send(message).map_err(|_| RefusedWhy::Unavailable)
        })
    }

    fn next(&self) -> BoxFuture<'_, SignalingEvent> {
        Box::pin(self.events.next())
    }

    fn network_changed(&self) {
        self.network.notify_one();
    }

    /// A heartbeat of its own on the websocket.
    fn probe(&self) -> BoxFuture<'_, Result<Duration, ProbeError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.probes.try_send(reply).map_err(|_| ProbeError::Offline)?;
            answer.await.unwrap_or(Err(ProbeError::Offline))
        })
    }

    fn server_time(&self) -> BoxFuture<'_, Result<ServerTime, ProbeError>> {
        Box::pin(time::server_time(self.endpoint.clone(), self.tls.clone()))
    }

    fn is_closed(&self) -> bool {
        *self.stop.borrow()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Fails if the pump has ended already.
            let _ = self.stop.send(true);
            let mut ended = self.ended.clone();
            let _ = ended.wait_for(|&ended| ended).await;
        })
    }
}

impl std::fmt::Debug for SupabaseBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupabaseBuilder").field("serializer", &self.serializer).finish_non_exhaustive()
    }
}

/// Messages that wait for the pump. When full, `send` refuses and the call machine sends again.
const OUTBOX: usize = 256;
/// Probes that wait for the pump. When full, a probe is told that signaling is offline.
const PROBES: usize = 4;
/// The limit of an envelope.
const MAX_BYTES: usize = 64 * 1024;

//! The pump: the one task that owns the socket machine, the websocket, the token and the way out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::endpoint::Endpoint;
use super::events::Events;
use super::feed::{TokenFeed, TokenNews};
use super::lanes::{Lanes, Route, Waiting};
use super::link::{Link, LinkEvent};
use super::lobby::Lobby;
use super::probes::{ProbeReply, Probes};
use super::reasons::{why_lost, why_parted, why_refused, why_unpushed};
use super::rest::{Post, Posted};
use super::way::Way;
use crate::clock::Clock;
use crate::proto::phoenix::{Broadcast, Event, Input, JoinConfig, Output, Payload, PushId, Socket, Topic};
use crate::proto::{MessageId, Timestamp};
use crate::redacted::Redacted;
use crate::signaling::{OfflineWhy, Outgoing, ProbeError, RefusedWhy, SignalingEvent, SignalingHealth};

pub(super) struct PumpConfig {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) url: String,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) inbox: Topic,
    pub(super) join: JoinConfig,
    pub(super) machine: Socket,
    pub(super) feed: TokenFeed,
    pub(super) way: Way,
    pub(super) lobby: Option<Lobby>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) events: Arc<Events>,
    pub(super) commands: mpsc::Receiver<Outgoing>,
    pub(super) probes: mpsc::Receiver<ProbeReply>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) network: Arc<Notify>,
}

pub(super) struct Pump {
    config: PumpConfig,
    link: Link,
    start: Instant,
    /// Broadcasts whose reply is out.
    pushes: BTreeMap<PushId, MessageId>,
    next_push: u64,
    probes: Probes,
    /// How far the clock that counts suspends was ahead of the other.
    slept: Duration,
}

/// What the pump woke up for.
enum Woken {
    Stop { flush: bool },
    NetworkChanged,
    Link(LinkEvent),
    Message(Outgoing),
    Probe(ProbeReply),
    Token(TokenNews),
    Posted(MessageId, Posted),
    Time,
}

impl Pump {
    pub(super) fn new(config: PumpConfig) -> Self {
        let slept = config.clock.now().since(config.clock.monotonic());
        let (link, start) = (Link::Down, Instant::now());
        Self { config, link, start, pushes: BTreeMap::new(), next_push: 0, probes: Probes::default(), slept }
    }

    pub(super) async fn run(mut self) {
        let join = Input::Join(self.config.inbox.clone(), self.config.join.clone());
        self.config.machine.handle_input(Timestamp::ZERO, join);
        self.handle(Input::Open);
        let flush = loop {
            let deadline = self.drain().min(Instant::now() + LONGEST_SLEEP);
            let woken = tokio::select! {
                // What is rare and small comes first, what we send before what we hear: a server that keeps the socket
                // full delays none of it. Time comes last, since every input fires what is due.
                biased;
                changed = self.config.stop.changed() => Woken::Stop { flush: changed.is_ok() },
                () = self.config.network.notified() => Woken::NetworkChanged,
                news = self.config.feed.next() => Woken::Token(news),
                (id, posted) = self.config.way.next() => Woken::Posted(id, posted),
                Some(message) = self.config.commands.recv() => Woken::Message(message),
                Some(reply) = self.config.probes.recv() => Woken::Probe(reply),
                event = self.link.next() => Woken::Link(event),
                () = sleep_until(deadline) => Woken::Time,
            };
            // Before anything that was read: it may have waited as long as we slept.
            self.notice_gap(deadline);
            match woken {
                Woken::Stop { flush } => break flush,
                Woken::NetworkChanged => {
                    self.config.feed.resumed();
                    self.handle(Input::NetworkChanged);
                }
                Woken::Link(event) => self.handle_link(event),
                Woken::Message(message) => self.send(message),
                Woken::Probe(reply) => {
                    if self.probes.take(reply, matches!(self.link, Link::Open(_))) {
                        self.handle(Input::Probe);
                    }
                }
                Woken::Token(news) => self.handle_token(news),
                Woken::Posted(id, posted) => self.handle_posted(id, posted),
                Woken::Time => self.handle(Input::Tick),
            }
        };
        if flush {
            self.flush().await;
        }
        self.finish().await;
    }

    /// Does what the machine wants; returns when it wants to be woken.
    fn drain(&mut self) -> Instant {
        let machine = loop {
            match self.config.machine.poll_output() {
                Output::Connect => {
                    self.config.events.set_health(SignalingHealth::Connecting);
                    self.link.open(&self.config.endpoint, self.config.url.clone(), &self.config.tls);
                }
                Output::Disconnect => self.link.drop_now(),
                Output::Send(packet) => self.link.send(packet),
                Output::WantToken => self.config.feed.refused(),
                Output::Event(event) => self.handle_event(event),
                Output::Timeout(at) => break at,
            }
        };
        let at = match &self.config.way {
            Way::Lanes(lanes) => machine.min(lanes.deadline()),
            Way::Post(_) => machine,
        };
        self.start
            .checked_add(Duration::from_micros(at.as_micros()))
            .unwrap_or_else(|| Instant::now() + LONGEST_SLEEP)
    }

    fn handle_link(&mut self, event: LinkEvent) {
        self.handle(match event {
            LinkEvent::Opened => Input::Opened,
            LinkEvent::Received(packet) => Input::Received(packet),
            LinkEvent::Lost(why) => Input::Lost(why),
        });
    }

    fn handle_token(&mut self, news: TokenNews) {
        let (why, retry_in) = match news {
            TokenNews::Fresh(secret) => return self.handle(Input::Token(secret)),
            TokenNews::Missing { retry_in } => (OfflineWhy::TokenMissing, retry_in),
            TokenNews::SignedOut { retry_in } => (OfflineWhy::SignedOut, retry_in),
        };
        // As long as the old token works there is nothing to tell.
        if !self.config.events.is_up() {
            self.config.events.set_health(SignalingHealth::Offline { why, retry_in });
        }
    }

    fn handle_event(&mut self, event: Event) {
        let now = self.now();
        let PumpConfig { lobby, machine, .. } = &mut self.config;
        let for_lobby = lobby.as_mut().and_then(|lobby| lobby.handle_event(now, &event, machine));
        self.take_event(event);
        if let Some(input) = for_lobby {
            self.handle(input);
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Up => tracing::debug!("the websocket is open"),
            Event::Probed { round_trip } => self.probes.answer(Ok(round_trip)),
            Event::Down { why, retry_in } => {
                self.probes.answer(Err(ProbeError::Offline));
                self.offline(why_lost(why), retry_in);
                let topics = match &mut self.config.way {
                    Way::Lanes(lanes) => lanes.forget_all(),
                    Way::Post(_) => Vec::new(),
                };
                self.leave(topics);
            }
            Event::Joined(topic) if topic == self.config.inbox => {
                tracing::info!("signaling is up");
                self.config.events.set_up(true);
                self.config.events.set_health(SignalingHealth::Online);
            }
            Event::Joined(topic) => {
                let Way::Lanes(lanes) = &mut self.config.way else { return };
                for message in lanes.opened(&topic) {
                    self.broadcast(topic.clone(), message);
                }
            }
            Event::Refused { topic, why, retry_in } if topic == self.config.inbox => {
                let why = why.as_ref().map_or(OfflineWhy::Timeout, why_refused);
                self.offline(why, retry_in);
            }
            Event::Parted { topic, note, retry_in } if topic == self.config.inbox => {
                self.offline(why_parted(note.as_ref()), retry_in);
            }
            Event::Refused { topic, .. } | Event::Parted { topic, .. } => {
                if let Way::Lanes(lanes) = &mut self.config.way {
                    lanes.lost(&topic);
                }
            }
            Event::Broadcast(broadcast) => self.receive(broadcast),
            Event::Pushed(push) => {
                self.pushes.remove(&push);
            }
            Event::PushFailed { push, why } => {
                let Some(id) = self.pushes.remove(&push) else { return };
                tracing::debug!(?why, "a broadcast came to nothing");
                if let Some(why) = why_unpushed(why) {
                    self.config.events.push(SignalingEvent::Refused(id, why));
                }
            }
            Event::BadFrame(bad) => tracing::debug!(%bad, "a frame makes no sense"),
            Event::System(_, note) => tracing::debug!(note = ?Redacted(note), "the server says"),
            Event::Left(_) | Event::Presence(..) => {}
        }
    }

    fn receive(&mut self, broadcast: Broadcast) {
        let Broadcast { topic, event, payload, replayed, fresh } = broadcast;
        if topic != self.config.inbox || event != EVENT {
            return;
        }
        let Payload::Json(text) = payload else { return };
        if text.len() > super::MAX_BYTES {
            tracing::debug!(bytes = text.len(), "a message over the limit");
            return;
        }
        let age = (fresh && !replayed).then_some(Duration::ZERO);
        self.config.events.push(SignalingEvent::Message { age, text });
    }

    fn send(&mut self, message: Outgoing) {
        let Outgoing { id, to, text, .. } = message;
        let Ok(topic) = Topic::new(&format!("user:{}", to.user)) else {
            return self.refuse(id, RefusedWhy::TooLarge);
        };
        let now = self.now();
        match &mut self.config.way {
            Way::Post(rest) => {
                let Some(token) = self.config.feed.secret().map(str::to_owned) else {
                    return self.refuse(id, RefusedWhy::Unavailable);
                };
                if let Err(post) = rest.post(Post { id, topic, event: EVENT, text, token }) {
                    self.refuse(post.id, RefusedWhy::Unavailable);
                }
            }
            // Another device of this user: it listens where we do.
            Way::Lanes(_) if topic == self.config.inbox => self.broadcast(topic, Waiting { id, text }),
            Way::Lanes(lanes) => match lanes.route(now, &topic, Waiting { id, text }) {
                Route::Send(message) => self.broadcast(topic, message),
                Route::Wait => {}
                Route::Join { leave } => {
                    self.leave(leave);
                    self.handle(Input::Join(topic, Lanes::config()));
                }
            },
        }
    }

    fn broadcast(&mut self, topic: Topic, message: Waiting) {
        self.next_push += 1;
        let push = PushId(self.next_push);
        self.pushes.insert(push, message.id);
        let payload = Payload::Json(message.text);
        self.handle(Input::Broadcast { push, topic, event: EVENT.into(), payload });
    }

    fn handle_posted(&mut self, id: MessageId, posted: Posted) {
        match posted {
            Posted::Accepted => {}
            Posted::NotAllowed => self.refuse(id, RefusedWhy::NotAllowed),
            Posted::TooLarge => self.refuse(id, RefusedWhy::TooLarge),
            Posted::RateLimited => self.refuse(id, RefusedWhy::RateLimited),
            Posted::Failed => self.refuse(id, RefusedWhy::Unavailable),
            Posted::TokenRefused => {
                self.config.feed.refused();
                self.refuse(id, RefusedWhy::Unavailable);
            }
        }
    }

    fn refuse(&self, id: MessageId, why: RefusedWhy) {
        self.config.events.push(SignalingEvent::Refused(id, why));
    }

    fn offline(&self, why: OfflineWhy, retry_in: Duration) {
        tracing::info!(%why, ?retry_in, "signaling is down");
        self.config.events.set_up(false);
        self.config.events.set_health(SignalingHealth::Offline { why, retry_in });
    }

    fn leave(&mut self, topics: impl IntoIterator<Item = Topic>) {
        for topic in topics {
            self.handle(Input::Leave(topic));
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        let PumpConfig { machine, way, lobby, .. } = &mut self.config;
        machine.handle_input(now, input);
        if let Way::Lanes(lanes) = way {
            for topic in lanes.idle(now) {
                machine.handle_input(now, Input::Leave(topic));
            }
        }
        if let Some(join) = lobby.as_mut().and_then(|lobby| lobby.due(now, machine)) {
            machine.handle_input(now, join);
        }
    }

    /// A timer that fires late or a clock that jumped ahead: the process or the machine stood still.
    fn notice_gap(&mut self, deadline: Instant) {
        let late = Instant::now().saturating_duration_since(deadline);
        let slept = self.config.clock.now().since(self.config.clock.monotonic());
        let jumped = slept.saturating_sub(self.slept);
        self.slept = slept;
        if late.max(jumped) > GAP {
            tracing::debug!(?late, ?jumped, "time passed unseen");
            self.config.feed.resumed();
            self.handle(Input::Resumed);
        }
    }

    /// Sends what is queued, for a second at most.
    async fn flush(&mut self) {
        let deadline = Instant::now() + FLUSH_LIMIT;
        self.config.commands.close();
        while let Ok(message) = self.config.commands.try_recv() {
            self.send(message);
        }
        loop {
            self.drain();
            if self.is_drained() {
                return;
            }
            tokio::select! {
                // The limit first: nothing that goes on arriving may hold up the closing.
                biased;
                () = sleep_until(deadline) => return,
                (id, posted) = self.config.way.next() => self.handle_posted(id, posted),
                event = self.link.next() => self.handle_link(event),
            }
        }
    }

    fn is_drained(&self) -> bool {
        let Link::Open(_) = self.link else {
            return match &self.config.way {
                Way::Lanes(_) => true,
                Way::Post(rest) => rest.is_drained(),
            };
        };
        let way = match &self.config.way {
            Way::Lanes(lanes) => lanes.is_drained(),
            Way::Post(rest) => rest.is_drained(),
        };
        way && self.link.is_drained()
    }

    async fn finish(mut self) {
        self.handle(Input::Close);
        self.link.close().await;
        if let Way::Post(rest) = self.config.way {
            rest.close().await;
        }
        self.config.events.close();
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }
}

/// The broadcast event that carries an envelope of version 1.
const EVENT: &str = "rb1";
/// More than this unseen and what is read may be old.
const GAP: Duration = Duration::from_secs(5);
/// The pump looks at the clocks this often, or a stop of the process would go unnoticed until the next heartbeat.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// What `close` may take for sending.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

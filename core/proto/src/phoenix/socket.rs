//! The socket machine: one websocket, its heartbeat, its reconnections and its channels.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::backoff::Backoff;
use super::beat::{Freshness, Heartbeat, Probe};
use super::body::{self, Body};
use super::channel::{Aftermath, Channel, TokenView};
use super::frame::{self, BadFrame, Packet, Serializer};
use super::io::{Event, Input, Lost, Output, PushFailure};
use super::presence::Presence;
use super::topic::Topic;
use super::wire::Wire;
use crate::Timestamp;

/// A Realtime client on one websocket. See the [module](super).
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
    link: Link,
    backoff: Backoff,
    channels: BTreeMap<Topic, Channel>,
    token: Option<String>,
    /// Counts the tokens, so that a channel knows whether it has the last one.
    token_generation: u64,
}

#[derive(Debug)]
enum Link {
    /// Nobody wants it.
    Idle,
    /// Until the next try.
    Waiting { until: Timestamp },
    /// A try is under way.
    Connecting,
    /// Open.
    Open { since: Timestamp, heartbeat: Heartbeat, fresh: Freshness, probe: Option<Probe> },
}

impl Socket {
    /// A socket that is closed. `seed`: 8 random bytes, for the spread of its retries.
    pub fn new(serializer: Serializer, seed: u64) -> Self {
        Self {
            wire: Wire::new(serializer, seed),
            link: Link::Idle,
            backoff: Backoff::default(),
            channels: BTreeMap::new(),
            token: None,
            token_generation: 0,
        }
    }

    /// The serializer of this socket.
    pub fn serializer(&self) -> Serializer {
        self.wire.serializer
    }

    /// Whether a channel is joined.
    pub fn is_joined(&self, topic: &Topic) -> bool {
        self.channels.get(topic).is_some_and(Channel::is_joined)
    }

    /// Who is on a channel.
    pub fn presence(&self, topic: &Topic) -> Option<&Presence> {
        self.channels.get(topic).map(Channel::presence)
    }

    /// Takes one input; then drain [`Socket::poll_output`]. Never fails, whatever the bytes.
    pub fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.handle_timeouts(now);
        let was_joining = self.is_joining();
        let heard = matches!(input, Input::Received(_));
        match input {
            Input::Open => {
                if let Link::Idle = self.link {
                    self.connect();
                }
            }
            Input::Close => self.close(now),
            Input::Opened => self.handle_opened(now),
            Input::Lost(why) => self.handle_lost(now, why),
            Input::Received(packet) => self.handle_packet(now, &packet),
            Input::Join(topic, config) => match self.channels.get_mut(&topic) {
                Some(channel) => channel.join_again(config),
                None => {
                    self.channels.insert(topic.clone(), Channel::new(topic, config));
                }
            },
            Input::Leave(topic) => {
                if let Some(channel) = self.channels.get_mut(&topic) {
                    let aftermath = channel.leave(now, &mut self.wire);
                    self.apply(&topic, aftermath);
                }
            }
            Input::Broadcast { push, topic, event, payload } => match self.channels.get_mut(&topic) {
                Some(channel) => channel.broadcast(now, &mut self.wire, push, &event, &payload),
                None => self.wire.event(Event::PushFailed { push, why: PushFailure::NotJoined }),
            },
            Input::Track { push, topic, meta } => match self.channels.get_mut(&topic) {
                Some(channel) => channel.track(now, &mut self.wire, push, meta.as_deref()),
                None => self.wire.event(Event::PushFailed { push, why: PushFailure::NotJoined }),
            },
            Input::Token(secret) => self.handle_token(secret),
            Input::Resumed => self.handle_resumed(now),
            Input::NetworkChanged => self.handle_network_change(now),
            Input::Probe => self.handle_probe(now),
            Input::Tick => {}
        }
        if heard && was_joining && !self.is_joining() {
            self.excuse_heartbeat(now);
        }
        self.handle_link_timeout(now);
        self.settle(now);
    }

    /// The next thing to do. After [`Output::Timeout`] there is nothing more until the next input.
    pub fn poll_output(&mut self) -> Output {
        self.wire.pop().unwrap_or_else(|| Output::Timeout(self.deadline()))
    }

    fn handle_timeouts(&mut self, now: Timestamp) {
        self.each_channel(|channel, wire| channel.handle_timeout(now, wire));
        self.handle_link_timeout(now);
    }

    fn handle_link_timeout(&mut self, now: Timestamp) {
        match self.link {
            Link::Waiting { until } if until <= now => self.connect(),
            Link::Open { heartbeat: Heartbeat::Due { at }, .. } if at <= now => {
                self.beat(now, false);
            }
            Link::Open { heartbeat: Heartbeat::Sent { at, probe, .. }, .. }
                if at + self.patience(probe) <= now =>
            {
                self.wire.push(Output::Disconnect);
                self.lose(now, Lost::Silent, probe);
            }
            Link::Idle | Link::Waiting { .. } | Link::Connecting | Link::Open { .. } => {}
        }
    }

    fn connect(&mut self) {
        self.link = Link::Connecting;
        self.wire.push(Output::Connect);
    }

    fn close(&mut self, now: Timestamp) {
        match self.link {
            Link::Idle => return,
            Link::Waiting { .. } => {}
            Link::Connecting | Link::Open { .. } => self.wire.push(Output::Disconnect),
        }
        self.link = Link::Idle;
        self.each_channel(|channel, wire| channel.handle_socket_lost(now, wire));
    }

    fn handle_opened(&mut self, now: Timestamp) {
        let Link::Connecting = self.link else { return };
        let heartbeat = Heartbeat::Due { at: now + HEARTBEAT };
        self.link = Link::Open { since: now, heartbeat, fresh: Freshness::Fresh, probe: None };
        self.wire.event(Event::Up);
    }

    fn handle_lost(&mut self, now: Timestamp, why: Lost) {
        self.lose(now, why, false);
    }

    fn lose(&mut self, now: Timestamp, why: Lost, at_once: bool) {
        match self.link {
            Link::Idle | Link::Waiting { .. } => return,
            Link::Connecting => {}
            Link::Open { since, .. } => {
                if now.since(since) >= STEADY {
                    self.backoff.reset();
                }
            }
        }
        self.wire.forget_packets();
        self.each_channel(|channel, wire| channel.handle_socket_lost(now, wire));
        if at_once {
            self.wire.event(Event::Down { why, retry_in: Duration::ZERO });
            return self.retry_now(now);
        }
        let mut retry_in = self.backoff.next(&mut self.wire.dice);
        if why == Lost::Refused(429) {
            retry_in = retry_in.max(self.wire.dice.spread(CROWDED));
        }
        self.link = Link::Waiting { until: now + retry_in };
        self.wire.event(Event::Down { why, retry_in });
    }

    fn handle_packet(&mut self, now: Timestamp, packet: &Packet) {
        let Link::Open { .. } = self.link else { return };
        if let Err(bad) = self.try_packet(now, packet) {
            self.wire.event(Event::BadFrame(bad));
        }
    }

    fn try_packet(&mut self, now: Timestamp, packet: &Packet) -> Result<(), BadFrame> {
        let frame = frame::decode(self.wire.serializer, packet)?;
        let tags = (frame.join_ref, frame.reference);
        if frame.topic == SOCKET_TOPIC {
            return self.handle_socket_frame(now, frame);
        }
        let key = frame.topic.strip_prefix("realtime:").and_then(|name| Topic::new(name).ok());
        let Some((key, channel)) =
            key.and_then(|key| self.channels.get_mut(&key).map(|channel| (key, channel)))
        else {
            // Not joined, or not any more.
            return Ok(());
        };
        let body = body::read(frame)?;
        let fresh = matches!(self.link, Link::Open { fresh: Freshness::Fresh, .. });
        let aftermath = channel.handle_body(now, &mut self.wire, tags, body, fresh);
        self.apply(&key, aftermath);
        Ok(())
    }

    fn handle_socket_frame(&mut self, now: Timestamp, frame: frame::Frame<'_>) -> Result<(), BadFrame> {
        let tag = frame.reference;
        let Body::Reply(_) = body::read(frame)? else { return Ok(()) };
        let Link::Open { heartbeat, fresh, probe, .. } = &mut self.link else { return Ok(()) };
        if let Some(asked) = probe.take_if(|probe| tag.is(probe.reference)) {
            self.wire.event(Event::Probed { round_trip: now.since(asked.at) });
        }
        if let Freshness::Unknown { until_reply } = *fresh
            && tag.is(until_reply)
        {
            *fresh = Freshness::Fresh;
        }
        if let Heartbeat::Sent { reference, at, .. } = *heartbeat
            && tag.is(reference)
        {
            *heartbeat = Heartbeat::Due { at: (at + HEARTBEAT).max(now + Duration::from_secs(1)) };
        }
        Ok(())
    }

    fn handle_token(&mut self, secret: String) {
        // An API key is not a user's token: the server ignores it, and so do we.
        if secret.starts_with("sb_") || self.token.as_ref() == Some(&secret) {
            return;
        }
        self.token = Some(secret);
        self.token_generation += 1;
    }

    fn handle_resumed(&mut self, now: Timestamp) {
        if let Link::Open { .. } = self.link {
            let until_reply = self.beat(now, false);
            if let Link::Open { fresh, .. } = &mut self.link {
                *fresh = Freshness::Unknown { until_reply };
            }
        }
    }

    /// What is open may be dead, and what failed may work now.
    fn handle_network_change(&mut self, now: Timestamp) {
        match self.link {
            Link::Idle => {}
            Link::Waiting { .. } => self.retry_now(now),
            Link::Connecting => {
                self.wire.push(Output::Disconnect);
                self.connect();
            }
            Link::Open { .. } => {
                self.beat(now, true);
            }
        }
    }

    fn handle_probe(&mut self, now: Timestamp) {
        let Link::Open { probe: probe @ None, .. } = &mut self.link else { return };
        let reference = self.wire.next_ref();
        *probe = Some(Probe { reference, at: now });
        self.wire.send(None, reference, SOCKET_TOPIC, "heartbeat", &json!({}));
    }

    /// The failures so far say nothing about the network of now. The next due timer connects.
    fn retry_now(&mut self, now: Timestamp) {
        self.backoff.reset();
        self.link = Link::Waiting { until: now };
    }

    fn beat(&mut self, now: Timestamp, probe: bool) -> u64 {
        let reference = self.wire.next_ref();
        self.wire.send(None, reference, SOCKET_TOPIC, "heartbeat", &json!({}));
        if let Link::Open { heartbeat, .. } = &mut self.link {
            *heartbeat = Heartbeat::Sent { reference, at: now, probe };
        }
        reference
    }

    /// Joins what is due. Runs after every input.
    fn settle(&mut self, now: Timestamp) {
        if let Link::Open { .. } = self.link {
            let token = TokenView { secret: self.token.as_deref(), generation: self.token_generation };
            for channel in self.channels.values_mut() {
                channel.settle(now, &mut self.wire, token);
            }
        }
    }

    fn deadline(&self) -> Timestamp {
        let (open, link) = match self.link {
            Link::Idle | Link::Connecting => (false, Timestamp::NEVER),
            Link::Waiting { until } => (false, until),
            Link::Open { heartbeat: Heartbeat::Due { at }, .. } => (true, at),
            Link::Open { heartbeat: Heartbeat::Sent { at, probe, .. }, .. } => {
                (true, at + self.patience(probe))
            }
        };
        let token = TokenView { secret: self.token.as_deref(), generation: self.token_generation };
        let channels = self.channels.values().map(|channel| channel.deadline(open, token));
        channels.fold(link, Timestamp::min)
    }

    /// How long a heartbeat's reply may take: a join that the server is about to refuse holds up the whole socket.
    fn patience(&self, probe: bool) -> Duration {
        match (self.is_joining(), probe) {
            (true, _) => JOIN_PATIENCE,
            (false, true) => PROBE_PATIENCE,
            (false, false) => PATIENCE,
        }
    }

    fn is_joining(&self) -> bool {
        self.channels.values().any(Channel::is_joining)
    }

    /// The reply to a join came that held up the heartbeat's: its ordinary wait starts now.
    fn excuse_heartbeat(&mut self, now: Timestamp) {
        if let Link::Open { heartbeat: Heartbeat::Sent { at, .. }, .. } = &mut self.link {
            *at = now;
        }
    }

    fn each_channel(&mut self, mut act: impl FnMut(&mut Channel, &mut Wire) -> Aftermath) {
        let wire = &mut self.wire;
        let aftermaths: Vec<(Topic, Aftermath)> =
            self.channels.iter_mut().map(|(topic, channel)| (topic.clone(), act(channel, wire))).collect();
        for (topic, aftermath) in aftermaths {
            self.apply(&topic, aftermath);
        }
    }

    fn apply(&mut self, topic: &Topic, aftermath: Aftermath) {
        match aftermath {
            Aftermath::Nothing => {}
            Aftermath::Remove => {
                self.channels.remove(topic);
            }
            Aftermath::TokenRefused => {
                if self.token.take().is_some() {
                    self.wire.push(Output::WantToken);
                }
            }
        }
    }
}

const SOCKET_TOPIC: &str = "phoenix";
/// The rhythm of all clients; the server closes an idle socket after 60 s.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// The wait for a heartbeat's reply: ten times the slowest mobile round trip seen.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same after the network changed: a false alarm costs a reconnection of some 200 ms, waiting costs calls.
const PROBE_PATIENCE: Duration = Duration::from_secs(3);
/// The wait while a join is out: its own wait, and the ordinary one.
const JOIN_PATIENCE: Duration = super::channel::JOIN_WAIT.saturating_add(PATIENCE);
/// A socket that lived this long was fine: the next try starts from the front of the schedule.
const STEADY: Duration = Duration::from_secs(10);
/// After "429 Too many ..": joins and connections are counted by the second.
const CROWDED: Duration = Duration::from_secs(10);

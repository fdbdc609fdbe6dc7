//! One channel of a socket: joined, lost, joined again.
//!
//! ```text
//!            join sent              reply ok
//!   Parted ------------> Joining ------------> Joined
//!     ^                   |   ^                  |  phx_close, phx_error, "unmatched topic"
//!     |   refused, silent v   | due, token there |
//!     |                  Resting <---------------+
//!     |                                          | leave
//!     +--- socket lost (from any state)          +--> Leaving --> gone, or Parted if joined again meanwhile
//! ```

use std::time::Duration;

use serde_json::{Value, json};

use super::backoff::Backoff;
use super::body::{Body, Payload, Reply};
use super::frame::Tag;
use super::io::{Broadcast, Event, PushFailure, PushId};
use super::join::JoinConfig;
use super::presence::Presence;
use super::pushes::{Pushes, REPLY_WAIT};
use super::refusal::{JoinRefusal, SystemNote};
use super::rest;
use super::topic::Topic;
use super::wire::Wire;
use crate::Timestamp;

#[derive(Debug)]
pub(super) struct Channel {
    topic: Topic,
    config: JoinConfig,
    state: State,
    backoff: Backoff,
    pushes: Pushes,
    presence: Presence,
    /// The last thing the server said, for the close that may follow.
    note: Option<SystemNote>,
    /// The server refused the replay: joins go without it.
    replay_refused: bool,
    /// The generation of the token that this channel has.
    token_seen: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Parted,
    Resting { until: Timestamp },
    Joining { join_ref: u64, until: Timestamp },
    Joined { join_ref: u64, since: Timestamp },
    Leaving { leave_ref: u64, until: Timestamp, again: Option<JoinConfig> },
}

/// The socket's token as the channels see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenView<'a> {
    pub(super) secret: Option<&'a str>,
    pub(super) generation: u64,
}

/// What the socket has to do after a channel took something in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aftermath {
    Nothing,
    Remove,
    TokenRefused,
}

impl Channel {
    pub(super) fn new(topic: Topic, config: JoinConfig) -> Self {
        Self {
            topic,
            config,
            state: State::Parted,
            backoff: Backoff::default(),
            pushes: Pushes::default(),
            presence: Presence::default(),
            note: None,
            replay_refused: false,
            token_seen: 0,
        }
    }

    pub(super) fn presence(&self) -> &Presence {
        &self.presence
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined { .. })
    }

    /// Whether the server may be at work on a join of ours: then every reply on the socket may be late.
    pub(super) fn is_joining(&self) -> bool {
        matches!(self.state, State::Joining { .. })
    }

    pub(super) fn join_again(&mut self, config: JoinConfig) {
        match &mut self.state {
            State::Leaving { again, .. } => *again = Some(config),
            State::Parted | State::Resting { .. } | State::Joining { .. } | State::Joined { .. } => {}
        }
    }

    pub(super) fn leave(&mut self, now: Timestamp, wire: &mut Wire) -> Aftermath {
        match &mut self.state {
            State::Parted | State::Resting { .. } => {
                wire.event(Event::Left(self.topic.clone()));
                Aftermath::Remove
            }
            State::Joining { join_ref, .. } | State::Joined { join_ref, .. } => {
                // A leave with a null or stale join_ref is silently ignored by the server.
                let (join_ref, leave_ref) = (*join_ref, wire.next_ref());
                wire.send(Some(join_ref), leave_ref, self.topic.wire(), "phx_leave", &json!({}));
                self.state = State::Leaving { leave_ref, until: now + REPLY_WAIT, again: None };
                self.pushes.fail_all(wire);
                Aftermath::Nothing
            }
            State::Leaving { again, .. } => {
                *again = None;
                Aftermath::Nothing
            }
        }
    }

    /// Joins if it is time, and passes a new token on. The websocket is open.
    pub(super) fn settle(&mut self, now: Timestamp, wire: &mut Wire, token: TokenView<'_>) {
        match self.state {
            State::Parted => self.join(now, wire, token),
            State::Resting { until } if until <= now => self.join(now, wire, token),
            State::Joined { join_ref, .. } if self.token_seen != token.generation => {
                let Some(secret) = token.secret else { return };
                let reference = wire.next_ref();
                let payload = json!({"access_token": secret});
                wire.send(Some(join_ref), reference, self.topic.wire(), "access_token", &payload);
                self.token_seen = token.generation;
            }
            State::Resting { .. } | State::Joining { .. } | State::Joined { .. } | State::Leaving { .. } => {}
        }
    }

    /// When [`Channel::handle_timeout`] or [`Channel::settle`] has something to do.
    pub(super) fn deadline(&self, socket_open: bool, token: TokenView<'_>) -> Timestamp {
        let may_join = socket_open && (token.secret.is_some() || !self.config.needs_token());
        let state = match self.state {
            State::Resting { until } if may_join => until,
            State::Joining { until, .. } | State::Leaving { until, .. } => until,
            State::Parted | State::Resting { .. } | State::Joined { .. } => Timestamp::NEVER,
        };
        state.min(self.pushes.deadline())
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, wire: &mut Wire) -> Aftermath {
        self.pushes.handle_timeout(now, wire);
        match self.state {
            State::Joining { until, .. } if until <= now => {
                let wait = self.backoff.next(&mut wire.dice);
                let retry_in = self.rest(now, wait);
                wire.event(Event::Refused { topic: self.topic.clone(), why: None, retry_in });
                Aftermath::Nothing
            }
            State::Leaving { until, .. } if until <= now => self.left(wire),
            State::Parted
            | State::Resting { .. }
            | State::Joining { .. }
            | State::Joined { .. }
            | State::Leaving { .. } => Aftermath::Nothing,
        }
    }

    /// The websocket is gone.
    pub(super) fn handle_socket_lost(&mut self, now: Timestamp, wire: &mut Wire) -> Aftermath {
        self.pushes.fail_all(wire);
        self.note = None;
        self.pushes.forget_presence();
        match &self.state {
            State::Leaving { .. } => return self.left(wire),
            // Whoever was refused a moment ago does not get around the wait by a new socket.
            State::Resting { until } if *until > now => {}
            State::Parted | State::Resting { .. } | State::Joining { .. } | State::Joined { .. } => {
                self.state = State::Parted;
            }
        }
        Aftermath::Nothing
    }

    pub(super) fn broadcast(
        &mut self,
        now: Timestamp,
        wire: &mut Wire,
        push: PushId,
        event: &str,
        payload: &Payload,
    ) {
        let State::Joined { join_ref, .. } = self.state else {
            return wire.event(Event::PushFailed { push, why: PushFailure::NotJoined });
        };
        if self.pushes.is_full() {
            return wire.event(Event::PushFailed { push, why: PushFailure::Full });
        }
        let reference = wire.next_ref();
        match wire.send_broadcast(join_ref, reference, &self.topic, event, payload) {
            Ok(()) if self.config.ack => {
                self.pushes.insert(now, reference, push);
            }
            Ok(()) => {}
            Err(why) => wire.event(Event::PushFailed { push, why }),
        }
    }

    pub(super) fn track(&mut self, now: Timestamp, wire: &mut Wire, push: PushId, meta: Option<&str>) {
        let State::Joined { join_ref, .. } = self.state else {
            return wire.event(Event::PushFailed { push, why: PushFailure::NotJoined });
        };
        let payload = match meta.map(serde_json::from_str::<Value>) {
            None => json!({"type": "presence", "event": "untrack"}),
            Some(Ok(meta)) => json!({"type": "presence", "event": "track", "payload": meta}),
            Some(Err(_)) => return wire.event(Event::PushFailed { push, why: PushFailure::Malformed }),
        };
        if !self.pushes.admit_presence(now) {
            return wire.event(Event::PushFailed { push, why: PushFailure::RateLimited });
        }
        let reference = wire.next_ref();
        wire.send(Some(join_ref), reference, self.topic.wire(), "presence", &payload);
        self.pushes.insert(now, reference, push);
    }

    /// A frame for this channel.
    pub(super) fn handle_body(
        &mut self,
        now: Timestamp,
        wire: &mut Wire,
        (join_ref, reference): (Tag, Tag),
        body: Body,
        fresh: bool,
    ) -> Aftermath {
        let current = match self.state {
            State::Joining { join_ref, .. } | State::Joined { join_ref, .. } => join_ref,
            State::Leaving { leave_ref, .. } => {
                let done = matches!(body, Body::Reply(_)) && reference.is(leave_ref);
                return if done { self.left(wire) } else { Aftermath::Nothing };
            }
            State::Parted | State::Resting { .. } => return Aftermath::Nothing,
        };
        match body {
            Body::Reply(reply) if self.is_joining() => {
                if reference.is(current) {
                    self.handle_join_reply(now, wire, current, reply)
                } else {
                    Aftermath::Nothing
                }
            }
            Body::Reply(reply) => self.handle_push_reply(now, wire, reference, reply),
            // Serializer 1.0.0 has no join_ref: there `ref` carries it.
            Body::Close if join_ref.is(current) || (join_ref == Tag::None && reference.is(current)) => {
                self.parted(now, wire)
            }
            Body::Error if join_ref.is(current) || join_ref == Tag::None => self.parted(now, wire),
            Body::Close | Body::Error => Aftermath::Nothing,
            // Text broadcasts come without a join_ref, replays with one; one of an earlier join is not ours any more.
            Body::Broadcast { .. } | Body::PresenceState(_) | Body::PresenceDiff { .. } | Body::System(_)
                if !(join_ref.is(current) || join_ref == Tag::None) =>
            {
                Aftermath::Nothing
            }
            Body::Broadcast { event, payload, replayed } => {
                let topic = self.topic.clone();
                wire.event(Event::Broadcast(Broadcast { topic, event, payload, replayed, fresh }));
                Aftermath::Nothing
            }
            Body::PresenceState(state) => {
                let change = self.presence.replace(state);
                wire.event(Event::Presence(self.topic.clone(), change));
                Aftermath::Nothing
            }
            Body::PresenceDiff { joins, leaves } => {
                let change = self.presence.apply(joins, leaves);
                wire.event(Event::Presence(self.topic.clone(), change));
                Aftermath::Nothing
            }
            Body::System(note) => {
                wire.event(Event::System(self.topic.clone(), note.clone()));
                self.note = Some(note);
                Aftermath::Nothing
            }
            Body::Other => Aftermath::Nothing,
        }
    }

    fn join(&mut self, now: Timestamp, wire: &mut Wire, token: TokenView<'_>) {
        if self.config.needs_token() && token.secret.is_none() {
            return;
        }
        let join_ref = wire.next_ref();
        let payload = self.config.payload(token.secret, !self.replay_refused);
        wire.send(Some(join_ref), join_ref, self.topic.wire(), "phx_join", &payload);
        self.token_seen = token.generation;
        self.note = None;
        self.state = State::Joining { join_ref, until: now + JOIN_WAIT };
    }

    fn handle_join_reply(
        &mut self,
        now: Timestamp,
        wire: &mut Wire,
        join_ref: u64,
        reply: Reply,
    ) -> Aftermath {
        let refusal = match reply.refusal() {
            Ok(()) => {
                self.state = State::Joined { join_ref, since: now };
                wire.event(Event::Joined(self.topic.clone()));
                return Aftermath::Nothing;
            }
            Err(refusal) => refusal,
        };
        self.replay_refused |= refusal == JoinRefusal::ReplayRefused;
        let wait = rest::after_refusal(&refusal, &mut self.backoff, &mut wire.dice);
        let aftermath = match refusal {
            JoinRefusal::TokenRefused => Aftermath::TokenRefused,
            JoinRefusal::Unauthorized
            | JoinRefusal::PrivateOnly
            | JoinRefusal::RateLimited
            | JoinRefusal::NotReady
            | JoinRefusal::ReplayRefused
            | JoinRefusal::ProjectGone
            | JoinRefusal::TopicRefused
            | JoinRefusal::Other { .. } => Aftermath::Nothing,
        };
        let retry_in = self.rest(now, wait);
        wire.event(Event::Refused { topic: self.topic.clone(), why: Some(refusal), retry_in });
        aftermath
    }

    fn handle_push_reply(
        &mut self,
        now: Timestamp,
        wire: &mut Wire,
        reference: Tag,
        reply: Reply,
    ) -> Aftermath {
        let Tag::Number(number) = reference else { return Aftermath::Nothing };
        let Some(push) = self.pushes.take(number) else { return Aftermath::Nothing };
        let why = match reply {
            Reply::Ok => {
                wire.event(Event::Pushed(push));
                return Aftermath::Nothing;
            }
            Reply::Error(reason) => match reason.as_str() {
                "unmatched topic" => PushFailure::NotJoined,
                "payload_size_exceeded" => PushFailure::TooLarge,
                _ => PushFailure::Refused,
            },
        };
        wire.event(Event::PushFailed { push, why });
        match why {
            // The server has no such channel: we missed its end.
            PushFailure::NotJoined => self.parted(now, wire),
            PushFailure::Timeout
            | PushFailure::TooLarge
            | PushFailure::Malformed
            | PushFailure::RateLimited
            | PushFailure::Full
            | PushFailure::Refused => Aftermath::Nothing,
        }
    }

    /// The server ended the channel. Both official clients take `phx_close` as final; a phone wants its inbox back.
    fn parted(&mut self, now: Timestamp, wire: &mut Wire) -> Aftermath {
        let note = self.note.take();
        let lived = match self.state {
            State::Joined { since, .. } => now.since(since),
            State::Parted | State::Resting { .. } | State::Joining { .. } | State::Leaving { .. } => {
                Duration::ZERO
            }
        };
        let wait = rest::after_parting(note.as_ref(), lived, &mut self.backoff, &mut wire.dice);
        self.pushes.fail_all(wire);
        let retry_in = self.rest(now, wait);
        let refused = note == Some(SystemNote::TokenRefused);
        wire.event(Event::Parted { topic: self.topic.clone(), note, retry_in });
        if refused { Aftermath::TokenRefused } else { Aftermath::Nothing }
    }

    fn left(&mut self, wire: &mut Wire) -> Aftermath {
        wire.event(Event::Left(self.topic.clone()));
        let State::Leaving { again: Some(config), .. } = &mut self.state else { return Aftermath::Remove };
        *self = Self::new(self.topic.clone(), config.clone());
        Aftermath::Nothing
    }

    fn rest(&mut self, now: Timestamp, wait: Duration) -> Duration {
        self.state = State::Resting { until: now + wait };
        wait
    }
}

/// The longest wait for a join's reply: with its database down the server takes up to 22 s to refuse.
pub(super) const JOIN_WAIT: Duration = Duration::from_secs(25);

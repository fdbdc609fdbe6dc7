//! The border of the socket machine: what goes in, what comes out.

use std::time::Duration;

use super::body::Payload;
use super::frame::{BadFrame, Packet};
use super::join::JoinConfig;
use super::presence::PresenceChange;
use super::refusal::{JoinRefusal, SystemNote};
use super::topic::Topic;
use crate::Timestamp;

/// Everything that can happen to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// Connect, and stay connected.
    Open,
    /// Disconnect, and stay so.
    Close,
    /// The websocket that [`Output::Connect`] asked for is open.
    Opened,
    /// The websocket could not be opened, or is gone.
    Lost(Lost),
    /// The websocket has received this.
    Received(Packet),
    /// Join a channel and rejoin it whenever it is lost. Again for a channel that is there: nothing.
    Join(Topic, JoinConfig),
    /// Leave a channel for good.
    Leave(Topic),
    /// Send to a channel. Answered by [`Event::Pushed`] (if the channel acknowledges) or [`Event::PushFailed`].
    Broadcast {
        /// The caller's name for it.
        push: PushId,
        /// The channel; it must be joined.
        topic: Topic,
        /// The user's event, at most 255 bytes.
        event: String,
        /// What to send.
        payload: Payload,
    },
    /// Show these metadata (a JSON object) under our presence key, or nothing any more.
    Track {
        /// The caller's name for it.
        push: PushId,
        /// The channel; it must be joined.
        topic: Topic,
        /// The metadata; `None`: untrack.
        meta: Option<String>,
    },
    /// The user's token: for joins from now on, and pushed to joined channels.
    Token(String),
    /// Time passed unseen: the machine slept, or the process was stopped. What is read now may be old.
    Resumed,
    /// The network under the socket changed: probe the socket, or try again, at once.
    NetworkChanged,
    /// Ask the server for a sign of life beside the heartbeat; answered by [`Event::Probed`] while the websocket is
    /// open, else not at all. One question is out at a time; another one meanwhile shares its answer.
    Probe,
    /// Nothing but time passed.
    Tick,
}

/// The caller's name for a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PushId(pub u64);

/// How a websocket was lost, or why it never opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The name does not resolve, or nothing listens.
    Unreachable,
    /// It took too long.
    Timeout,
    /// Something answered that is no Realtime server.
    NotRealtime,
    /// The server refused with this HTTP status.
    Refused(u16),
    /// The server closed, with this code if it gave one. All codes are alike: 1000 for idleness, 1012 for a restart.
    Closed(Option<u16>),
    /// The connection broke.
    Broken,
    /// A heartbeat was not answered.
    Silent,
}

/// Everything that the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a websocket, then report [`Input::Opened`] or [`Input::Lost`].
    Connect,
    /// Drop the websocket; nothing needs to be reported.
    Disconnect,
    /// Send this on the websocket.
    Send(Packet),
    /// The server refused the token: get another one and report [`Input::Token`].
    WantToken,
    /// Tell the owner.
    Event(Event),
    /// Nothing more now: call `handle_input` at this time at the latest.
    Timeout(Timestamp),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The websocket is open; channels join now.
    Up,
    /// The websocket is gone, and with it every channel; all come back by themselves.
    Down {
        /// How it was lost.
        why: Lost,
        /// When the next try starts.
        retry_in: Duration,
    },
    /// A channel is joined.
    Joined(Topic),
    /// A join was refused or not answered.
    Refused {
        /// The channel.
        topic: Topic,
        /// Why; `None`: no answer came.
        why: Option<JoinRefusal>,
        /// When the next try starts, if the token is there by then.
        retry_in: Duration,
    },
    /// The server ended a channel that was joined; the machine rejoins.
    Parted {
        /// The channel.
        topic: Topic,
        /// Why, if a system message told.
        note: Option<SystemNote>,
        /// When the next try starts, if the token is there by then.
        retry_in: Duration,
    },
    /// A channel is left, as asked.
    Left(Topic),
    /// Somebody sent something.
    Broadcast(Broadcast),
    /// The server has taken a push.
    Pushed(PushId),
    /// A push came to nothing.
    PushFailed {
        /// Which.
        push: PushId,
        /// Why.
        why: PushFailure,
    },
    /// Presences came or went; [`super::Socket::presence`] has them all.
    Presence(Topic, PresenceChange),
    /// The server says something about a channel.
    System(Topic, SystemNote),
    /// The server answered [`Input::Probe`].
    Probed {
        /// There and back.
        round_trip: Duration,
    },
    /// A frame made no sense and was thrown away.
    BadFrame(BadFrame),
}

/// A broadcast that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// The channel.
    pub topic: Topic,
    /// The user's event.
    pub event: String,
    /// What was sent.
    pub payload: Payload,
    /// It comes from the store, however old. Clients that may write the topic can forge this, both ways.
    pub replayed: bool,
    /// It was read while nothing speaks for its being old: `false` after [`Input::Resumed`], until a heartbeat sent
    /// afterwards was answered.
    pub fresh: bool,
}

/// Why a push came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushFailure {
    /// The channel is not joined, or was lost before the reply.
    NotJoined,
    /// No reply in time: lost, or the policies do not let this user write (the server never says so).
    Timeout,
    /// Over the server's limit.
    TooLarge,
    /// The payload is not JSON, or a field is over 255 bytes.
    Malformed,
    /// Too many presence calls: the sixth within 30 s would cost the channel.
    RateLimited,
    /// Too many pushes wait for their replies.
    Full,
    /// The server refused.
    Refused,
}

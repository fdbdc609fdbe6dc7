//! Who is online: presence on one public topic beside the inbox.
//!
//! ```text
//!          inbox joined            joined: track
//!   Away --------------> Joining -----------------> Here
//!    ^                     |  refused: 10 min        |  closed by the server: 30 s
//!    |                     +--------> Resting <------+
//!    +--- socket lost; from Resting only when its time is over
//! ```
//!
//! Calls come first. The inbox is joined before the lobby, because the server answers a refused join after 5 s and
//! nothing else on the socket meanwhile; so a refused lobby is left, and asked for again only after a long rest. Nothing
//! that happens here reaches the health of the signaling.
//!
//! Everything read here was written by strangers: what does not look like a phone is left out. In public mode anybody
//! with the API key can show any name, so the list is for people to look at, never for decisions.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::BuildError;
use crate::proto::phoenix::{Event, Input, JoinConfig, Presence, PushId, Socket, Topic};
use crate::proto::{DeviceId, Timestamp, UserId};

/// A phone that is online, as it shows itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Online {
    /// Whom to call.
    pub user: UserId,
    /// Which of the user's devices.
    pub device: DeviceId,
    /// What kind of program: 1 to 32 bytes of `[A-Za-z0-9._-]` such as `terminal` or `browser`; empty if it does not say.
    pub app: String,
}

/// How the builder was told to take part.
pub(super) struct LobbyConfig {
    pub(super) topic: String,
    pub(super) device: DeviceId,
    pub(super) app: String,
}

pub(super) struct Lobby {
    topic: Topic,
    inbox: Topic,
    /// What we show.
    meta: String,
    device: DeviceId,
    state: State,
    list: watch::Sender<Vec<Online>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Away,
    Joining,
    Here,
    Resting { until: Timestamp },
}

impl Lobby {
    pub(super) fn new(
        config: LobbyConfig,
        user: &UserId,
        inbox: &Topic,
        list: watch::Sender<Vec<Online>>,
    ) -> Result<Self, BuildError> {
        let LobbyConfig { topic, device, app } = config;
        // A topic of this form is somebody's inbox, which the lanes join and leave.
        if topic.starts_with("user:") || !is_app(&app) {
            return Err(BuildError::Lobby);
        }
        let topic = Topic::new(&topic).map_err(|_| BuildError::Lobby)?;
        let meta = json!({"user": user, "device": device, "app": app}).to_string();
        Ok(Self { topic, inbox: inbox.clone(), meta, device, state: State::Away, list })
    }

    /// Looks at what happened; returns what the socket is to do.
    pub(super) fn handle_event(&mut self, now: Timestamp, event: &Event, socket: &Socket) -> Option<Input> {
        match event {
            Event::Joined(topic) if *topic == self.inbox => match self.state {
                State::Away => Some(self.join()),
                State::Joining | State::Here | State::Resting { .. } => None,
            },
            Event::Joined(topic) if *topic == self.topic => {
                self.state = State::Here;
                let meta = Some(self.meta.clone());
                Some(Input::Track { push: TRACK, topic: topic.clone(), meta })
            }
            Event::Presence(topic, _) if *topic == self.topic => {
                if let Some(presence) = socket.presence(topic) {
                    self.show(read(presence));
                }
                None
            }
            Event::Refused { topic, why, .. } if *topic == self.topic => {
                tracing::info!(?why, "the lobby is refused: who is online is not known");
                Some(self.rest(now + REFUSED_REST))
            }
            Event::Parted { topic, note, .. } if *topic == self.topic => {
                tracing::debug!(?note, "the server closed the lobby");
                Some(self.rest(now + PARTED_REST))
            }
            Event::Down { .. } => {
                self.show(Vec::new());
                match self.state {
                    State::Joining | State::Here => {
                        self.state = State::Away;
                        Some(Input::Leave(self.topic.clone()))
                    }
                    State::Away | State::Resting { .. } => None,
                }
            }
            Event::PushFailed { push: TRACK, why } => {
                tracing::debug!(?why, "this phone is not shown in the lobby");
                None
            }
            Event::Up
            | Event::Joined(_)
            | Event::Refused { .. }
            | Event::Parted { .. }
            | Event::Left(_)
            | Event::Broadcast(_)
            | Event::Pushed(_)
            | Event::PushFailed { .. }
            | Event::Presence(..)
            | Event::System(..)
            | Event::Probed { .. }
            | Event::BadFrame(_) => None,
        }
    }

    /// The join that is due after a rest. Asked for after every input of the socket, at the latest every 5 s.
    pub(super) fn due(&mut self, now: Timestamp, socket: &Socket) -> Option<Input> {
        let State::Resting { until } = self.state else { return None };
        if now < until {
            return None;
        }
        if !socket.is_joined(&self.inbox) {
            // The inbox comes first; its join brings ours.
            self.state = State::Away;
            return None;
        }
        Some(self.join())
    }

    fn join(&mut self) -> Input {
        self.state = State::Joining;
        let config = JoinConfig { presence: Some(self.device.to_string()), ..JoinConfig::default() };
        Input::Join(self.topic.clone(), config)
    }

    /// Leaves, or the machine would rejoin by its own, quicker schedule.
    fn rest(&mut self, until: Timestamp) -> Input {
        self.state = State::Resting { until };
        self.show(Vec::new());
        Input::Leave(self.topic.clone())
    }

    fn show(&self, now: Vec<Online>) {
        self.list.send_if_modified(|list| {
            let changed = *list != now;
            if changed {
                *list = now;
            }
            changed
        });
    }
}

/// The phones on a channel: sorted, each once, at most [`MOST`].
fn read(presence: &Presence) -> Vec<Online> {
    let all: BTreeSet<Online> = presence
        .keys()
        .filter_map(|key| Some((key, key.parse().ok()?)))
        .flat_map(|(key, device)| presence.metas(key).filter_map(move |meta| read_meta(meta, device)))
        .collect();
    let mut list: Vec<Online> = all.into_iter().collect();
    // A socket that the server has not given up yet shows its phone a second time.
    list.dedup_by(|next, kept| (&next.user, next.device) == (&kept.user, kept.device));
    list.truncate(MOST);
    list
}

fn read_meta(meta: &str, device: DeviceId) -> Option<Online> {
    #[derive(Deserialize)]
    struct Meta {
        user: UserId,
        device: DeviceId,
        #[serde(default)]
        app: serde_json::Value,
    }
    if meta.len() > MOST_META_BYTES {
        return None;
    }
    let meta: Meta = serde_json::from_str(meta).ok()?;
    let app = meta.app.as_str().filter(|app| is_app(app)).unwrap_or_default().to_owned();
    (meta.device == device).then_some(Online { user: meta.user, device, app })
}

fn is_app(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=32).contains(&text.len()) && text.bytes().all(legal)
}

/// The name of our only presence call; broadcasts count from 1.
const TRACK: PushId = PushId(0);
/// Each refused join stalls the socket for 5 s: 0.8 % of the time.
const REFUSED_REST: Duration = Duration::from_secs(600);
/// As long as the server counts presence calls, which is the likeliest reason.
const PARTED_REST: Duration = Duration::from_secs(30);
/// More than a person reads; `phoenix` keeps as many keys.
const MOST: usize = 1000;
/// The longest that a phone writes is 250 bytes; the server adds its own.
const MOST_META_BYTES: usize = 1024;

#[cfg(test)]
mod tests;

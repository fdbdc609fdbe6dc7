//! What a join asks for.

use serde_json::{Value, json};

/// What a join asks for. The default: a public channel, every broadcast acknowledged, no echo, no presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinConfig {
    /// Who may join, and what comes with it.
    pub access: Access,
    /// The server replies to each broadcast of ours; "ok" means "fanned out", not "someone got it".
    pub ack: bool,
    /// We get our own broadcasts, too.
    pub echo: bool,
    /// Take part in presence, under this key.
    pub presence: Option<String>,
}

/// Who may join a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody with the API key.
    Public,
    /// Whom the policies let: needs a user's token.
    Private {
        /// Messages that the database stored and that we want again.
        replay: Option<Replay>,
    },
}

/// A request for messages that `realtime.send` stored. Broadcasts of clients are never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    since_ms: u64,
    limit: u8,
}

impl Replay {
    /// The newest `limit` messages since `since_ms` (milliseconds of the Unix time). The limit is clamped to 1..=25, as
    /// the server does.
    pub fn new(since_ms: u64, limit: u8) -> Self {
        Self { since_ms, limit: limit.clamp(1, MOST_REPLAYED) }
    }
}

impl Default for JoinConfig {
    fn default() -> Self {
        Self { access: Access::Public, ack: true, echo: false, presence: None }
    }
}

impl JoinConfig {
    pub(super) fn needs_token(&self) -> bool {
        match self.access {
            Access::Public => false,
            Access::Private { .. } => true,
        }
    }

    pub(super) fn payload(&self, token: Option<&str>, with_replay: bool) -> Value {
        let mut broadcast = json!({"ack": self.ack, "self": self.echo});
        let private = match self.access {
            Access::Public => false,
            Access::Private { replay } => {
                if let Some(Replay { since_ms, limit }) = replay.filter(|_| with_replay) {
                    broadcast["replay"] = json!({"since": since_ms, "limit": limit});
                }
                true
            }
        };
        let key = self.presence.as_deref().unwrap_or_default();
        let mut payload = json!({"config": {
            "broadcast": broadcast,
            "presence": {"key": key, "enabled": self.presence.is_some()},
            "postgres_changes": [],
            "private": private,
        }});
        if let Some(token) = token {
            payload["access_token"] = json!(token);
        }
        payload
    }
}

const MOST_REPLAYED: u8 = 25;

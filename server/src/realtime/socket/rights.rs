//! What the token of a channel allows, and the tokens that follow it.
//!
//! The right to read is judged once per join and token, the right to write at the first message after it; what was
//! judged holds until the next token or join, whatever the policies say meanwhile.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Socket;
use crate::auth::{Claims, TokenError};
use crate::realtime::hub::HubState;
use crate::realtime::refusal::JoinRefusal;
use crate::realtime::topics::TopicKey;
use crate::realtime::wire::{Up, UpPayload};

/// What a channel may do.
#[derive(Debug)]
pub(super) struct Rights {
    /// The token, or the API key where there is none.
    token: String,
    claims: Claims,
    pub(super) recheck_at: Instant,
    pub(super) reads: bool,
    pub(super) reads_presence: Judged,
    writes: Judged,
    writes_presence: Judged,
}

/// An answer of the authorizer, once it was asked.
pub(super) type Judged = Option<bool>;

/// Why a token, or what it allows, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    Token(TokenError),
    /// May not read the topic of this name.
    Unauthorized(String),
    DatabaseDown,
}

impl Denied {
    /// The reason of a refused join.
    pub(super) fn reason(&self) -> String {
        match self {
            Denied::Token(error) => format!("{}: {error}", error.join_code()),
            Denied::Unauthorized(_) => format!("Unauthorized: {}", self.message()),
            Denied::DatabaseDown => JoinRefusal::IncreaseConnectionPool.reason().to_owned(),
        }
    }

    /// The system message of a channel that this ends.
    fn message(&self) -> String {
        match self {
            Denied::Token(TokenError::Signature) => ":signature_error".into(),
            Denied::Token(error @ (TokenError::Expired(_) | TokenError::Malformed | TokenError::Fields)) => {
                error.to_string()
            }
            Denied::Unauthorized(name) => {
                format!("You do not have permissions to read from this Channel topic: {name}")
            }
            Denied::DatabaseDown => ":increase_connection_pool".into(),
        }
    }
}

impl Rights {
    /// Judges a token for a topic. Presence is judged only where it is asked for.
    pub(super) fn judge(
        hub: &HubState,
        key: &TopicKey,
        token: String,
        with_presence: bool,
    ) -> Result<Self, Denied> {
        let claims = hub.keys.check_api_key(&token).map_err(Denied::Token)?;
        let recheck_at = recheck_at(hub, &claims);
        let mut rights = Self {
            token,
            claims,
            recheck_at,
            reads: true,
            reads_presence: Some(true),
            writes: Some(true),
            writes_presence: Some(true),
        };
        if !key.private {
            return Ok(rights);
        }
        if !hub.faults.database_answers() {
            return Err(Denied::DatabaseDown);
        }
        if rights.claims.is_service() {
            return Ok(rights);
        }
        rights.reads = hub.config.authorizer.may_read(&rights.claims, &key.name);
        rights.reads_presence = None;
        rights.writes = None;
        rights.writes_presence = None;
        if with_presence {
            rights.may_read_presence(hub, key);
        }
        if !rights.reads && rights.reads_presence != Some(true) {
            return Err(Denied::Unauthorized(key.name.clone()));
        }
        Ok(rights)
    }

    /// A first write while the database is down is not allowed, and not judged either.
    pub(super) fn may_write(&mut self, hub: &HubState, key: &TopicKey) -> bool {
        let claims = &self.claims;
        judged(&mut self.writes, hub, || hub.config.authorizer.may_write(claims, &key.name))
    }

    pub(super) fn may_read_presence(&mut self, hub: &HubState, key: &TopicKey) -> bool {
        let claims = &self.claims;
        judged(&mut self.reads_presence, hub, || hub.config.authorizer.may_read_presence(claims, &key.name))
    }

    pub(super) fn may_write_presence(&mut self, hub: &HubState, key: &TopicKey) -> bool {
        let claims = &self.claims;
        judged(&mut self.writes_presence, hub, || hub.config.authorizer.may_write_presence(claims, &key.name))
    }

    /// Whether something that the old rights allowed to read is gone.
    fn reads_less_than(&self, old: &Rights) -> bool {
        let lost = |old: Judged, new: Judged| old == Some(true) && new == Some(false);
        lost(Some(old.reads), Some(self.reads)) || lost(old.reads_presence, self.reads_presence)
    }
}

impl Socket {
    pub(super) fn handle_access_token(&mut self, up: &Up) {
        let UpPayload::Json(payload) = &up.payload else { return };
        let Some(token) = payload["access_token"].as_str().filter(|token| !token.starts_with("sb_")) else {
            return;
        };
        let hub = self.shared.hub.clone();
        let Some(channel) = self.channels.get_mut(&up.topic) else { return };
        if channel.rights.token == token {
            return;
        }
        let key = channel.topic.key();
        let with_presence = channel.rights.reads_presence.is_some();
        match Rights::judge(&hub, key, token.to_owned(), with_presence) {
            Ok(rights) if rights.reads_less_than(&channel.rights) => {
                let message =
                    format!("You no longer have permission to read from this Channel topic: {}", key.name);
                self.end_with_note(&up.topic, &message);
            }
            Ok(rights) => {
                channel.topic.show_broadcasts(channel.id, rights.reads);
                channel.topic.show_presences(channel.id, rights.reads_presence == Some(true));
                channel.rights = rights;
            }
            Err(denied) => self.end_with_note(&up.topic, &denied.message()),
        }
    }

    /// Ends a channel whose token has expired.
    pub(super) fn recheck_token(&mut self, topic: &str, now: Instant) {
        let hub = self.shared.hub.clone();
        let Some(channel) = self.channels.get_mut(topic) else { return };
        if channel.rights.recheck_at > now {
            return;
        }
        match hub.keys.check_api_key(&channel.rights.token) {
            Ok(claims) => channel.rights.recheck_at = recheck_at(&hub, &claims),
            Err(error) => self.end_with_note(topic, &Denied::Token(error).message()),
        }
    }

    /// The token that a join or a push uses: its own, unless it is none for the server.
    pub(super) fn token_of(&self, payload: &Value) -> String {
        let named = |name: &str| payload[name].as_str();
        match named("user_token").or_else(|| named("access_token")) {
            Some(token) if !token.starts_with("sb_") => token.to_owned(),
            Some(_) | None => self.key.clone(),
        }
    }
}

fn judged(slot: &mut Judged, hub: &HubState, ask: impl FnOnce() -> bool) -> bool {
    if slot.is_none() && hub.faults.database_answers() {
        *slot = Some(ask());
    }
    slot.unwrap_or(false)
}

/// When a token is looked at again: when it expires, and every 5 minutes in case the clock was set.
fn recheck_at(hub: &HubState, claims: &Claims) -> Instant {
    // A tick late rather than early: an early look would find it alive and come back at once.
    let left = claims.life_left().saturating_add(Duration::from_millis(1));
    Instant::now() + left.min(hub.config.token_recheck)
}

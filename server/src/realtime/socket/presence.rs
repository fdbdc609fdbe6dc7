//! Presence calls of a channel.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Socket;
use crate::realtime::limits::Limits;
use crate::realtime::wire::{Up, UpPayload};

/// How many calls a channel has made in the window that began with the first of them.
#[derive(Debug, Default)]
pub(super) struct PresenceCalls {
    count: u32,
    until: Option<Instant>,
}

impl PresenceCalls {
    /// Counts a call; `false`: it is one too many.
    fn try_call(&mut self, limits: &Limits, now: Instant) -> bool {
        if self.until.is_none_or(|until| now > until) {
            *self = Self { count: 0, until: Some(now + limits.presence_window) };
        }
        if self.count >= limits.presence_calls {
            return false;
        }
        self.count += 1;
        true
    }
}

impl Socket {
    pub(super) fn handle_presence(&mut self, up: &Up) {
        let UpPayload::Json(payload) = &up.payload else { return };
        let (hub, now) = (self.shared.hub.clone(), Instant::now());
        let Some(channel) = self.channels.get_mut(&up.topic) else { return };
        let join_ref = channel.join_ref.clone();
        let join_ref = join_ref.as_deref();
        let Some(event) = payload["event"].as_str() else { return self.reply(join_ref, up, "ok", json!({})) };
        if !channel.presence_calls.try_call(&hub.config.limits, now) {
            return self.end_with_note(&up.topic, "Client presence rate limit exceeded");
        }
        match event.to_ascii_lowercase().as_str() {
            "track" => {
                let key = channel.topic.key();
                let may = channel.rights.may_write_presence(&hub, key);
                let sees = channel.rights.may_read_presence(&hub, key);
                if !may {
                    return self.reply(join_ref, up, "error", json!({}));
                }
                let meta = payload.get("payload").cloned().unwrap_or_else(|| json!({}));
                match refused(&meta, hub.config.payload_limit) {
                    Some(Refused::NoObject) => {
                        let reason = json!({"reason": "Presence track payload must be a map"});
                        return self.reply(join_ref, up, "error", reason);
                    }
                    Some(Refused::TooLarge) => {
                        return self.end_with_note(&up.topic, "Track message size exceeded");
                    }
                    None => {}
                }
                if hub.meters.presences.is_over(now) {
                    return self.end_with_note(&up.topic, TOO_MANY);
                }
                hub.meters.presences.add(1, now);
                channel.topic.show_presences(channel.id, sees);
                channel.topic.track(&hub, channel.id, &channel.presence_key, meta);
            }
            "untrack" => channel.topic.untrack(&hub, channel.id),
            _ => return self.reply(join_ref, up, "error", json!({})),
        }
        self.reply(join_ref, up, "ok", json!({}));
    }

    /// Tells who is there; the first thing after a join that asked for presence.
    pub(super) fn send_presence_state(&mut self, topic: &str) {
        let now = Instant::now();
        let Some(channel) = self.channels.get(topic) else { return };
        if self.hub().meters.presences.is_over(now) {
            return self.end_with_note(topic, TOO_MANY);
        }
        self.hub().meters.presences.add(1, now);
        let (join_ref, state) = (channel.join_ref.clone(), channel.topic.presence_state());
        self.send(join_ref.as_deref(), None, topic, "presence_state", &state);
    }
}

enum Refused {
    NoObject,
    TooLarge,
}

fn refused(meta: &Value, limit: usize) -> Option<Refused> {
    if !meta.is_object() {
        return Some(Refused::NoObject);
    }
    (meta.to_string().len() > limit).then_some(Refused::TooLarge)
}

const TOO_MANY: &str = "Too many presence messages per second";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_window_begins_with_its_first_call() {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut calls = PresenceCalls::default();
        for n in 0..5 {
            assert!(calls.try_call(&limits, start + Duration::from_secs(n * 6)));
        }
        assert!(!calls.try_call(&limits, start + Duration::from_secs(30)));
        assert!(calls.try_call(&limits, start + Duration::from_millis(30_001)));
    }
}

//! What happened, in order: told as it happens, and kept for the figures.

use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Side;

/// The events of a demo.
#[derive(Debug)]
pub(super) struct Story {
    begin: Instant,
    colour: bool,
    /// Every event of a phone, as it wrote it.
    events: Vec<(Side, Value)>,
}

impl Story {
    pub(super) fn new() -> Story {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Story { begin: Instant::now(), colour, events: Vec::new() }
    }

    /// Keeps an event and tells it, if it means something to a reader.
    pub(super) fn event(&mut self, side: Side, event: Value) {
        if let Some(sentence) = sentence(side, &event) {
            self.say(side.name(), &sentence);
        }
        self.events.push((side, event));
    }

    /// Tells something, with the time since the demo began.
    pub(super) fn say(&self, who: &str, what: &str) {
        let (on, off) = match (self.colour, who) {
            (false, _) => ("", ""),
            (true, "rider") => ("\x1b[36m", "\x1b[0m"),
            (true, "driver") => ("\x1b[33m", "\x1b[0m"),
            (true, _) => ("\x1b[2m", "\x1b[0m"),
        };
        println!("{:>8.3} s  {on}{who:<7}{off} {what}", self.begin.elapsed().as_secs_f64());
    }

    /// The first event of `side` with this name and, for states, this state.
    pub(super) fn first(&self, side: Side, event: &str, state: Option<&str>) -> Option<&Value> {
        self.events
            .iter()
            .filter(|(own, value)| *own == side && value["event"] == event)
            .map(|(_, value)| value)
            .find(|value| state.is_none_or(|state| value["state"] == state))
    }

    /// When that event happened, in milliseconds since 1970.
    pub(super) fn at_ms(&self, side: Side, event: &str, state: Option<&str>) -> Option<f64> {
        self.first(side, event, state)?["at_ms"].as_f64()
    }

    /// Writes all events, a JSON object a line.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::new();
        for (side, event) in &self.events {
            let mut event = event.clone();
            if let Value::Object(fields) = &mut event {
                fields.insert("side".to_owned(), side.name().into());
            }
            text.push_str(&format!("{event}\n"));
        }
        fs::write(path, text).with_context(|| path.display().to_string())
    }
}

/// Words for an event; `None` for what is of no interest to somebody who watches.
fn sentence(side: Side, event: &Value) -> Option<String> {
    let text = |name: &str| event[name].as_str().unwrap_or("?").to_owned();
    Some(match event["event"].as_str()? {
        "ready" => "is online".to_owned(),
        "outgoing" => format!("calls {}", side.other().name()),
        "incoming" => format!("rings: {} calls", text("from")),
        "state" => match event["state"].as_str()? {
            "ringing" => "hears that it rings".to_owned(),
            "connecting" => "answered; connecting".to_owned(),
            "active" => "is in the call".to_owned(),
            "reconnecting" => "lost the sound; reconnecting".to_owned(),
            "ended" => format!("call ended: {}", text("reason")),
            _ => return None,
        },
        "path" => format!("media goes {} to {}", text("local"), text("remote")),
        "first_sound" => format!("hears {}", side.other().name()),
        "offline" => format!("offline: {}", text("why")),
        "refused" => format!("refused: {}", text("why")),
        "error" => format!("error: {}", text("message")),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_found_by_side_name_and_state() {
        let mut story = Story::new();
        story.event(Side::Rider, json!({"event": "state", "state": "active", "at_ms": 5.0}));
        story.event(Side::Driver, json!({"event": "state", "state": "ringing", "at_ms": 2.0}));
        story.event(Side::Driver, json!({"event": "state", "state": "active", "at_ms": 6.0}));
        assert_eq!(story.at_ms(Side::Driver, "state", Some("active")), Some(6.0));
        assert_eq!(story.at_ms(Side::Driver, "state", None), Some(2.0));
        assert_eq!(story.at_ms(Side::Rider, "incoming", None), None);
    }

    #[test]
    fn an_event_without_a_name_tells_nothing() {
        assert_eq!(sentence(Side::Rider, &json!({"x": 1})), None);
        assert_eq!(sentence(Side::Rider, &json!([1])), None);
    }
}

//! The machine against a scripted server, in virtual time.

mod bytes;
mod joins;
mod links;
mod presences;
mod pushes;
mod shapes;
mod tokens;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::Timestamp;

/// A machine, its clock, and what came out of it.
struct Bench {
    socket: Socket,
    now: Timestamp,
    sent: Vec<Packet>,
    events: Vec<Event>,
    connects: Vec<Timestamp>,
    disconnects: usize,
    tokens_wanted: usize,
    timeout: Timestamp,
    /// The server answers heartbeats at once.
    answers: bool,
}

impl Bench {
    /// A socket that is open.
    fn open(serializer: Serializer) -> Self {
        let mut bench = Self::closed(serializer);
        bench.input(Input::Open);
        bench.input(Input::Opened);
        bench.events.clear();
        bench
    }

    fn closed(serializer: Serializer) -> Self {
        Self {
            socket: Socket::new(serializer, 7),
            now: Timestamp::ZERO,
            sent: Vec::new(),
            events: Vec::new(),
            connects: Vec::new(),
            disconnects: 0,
            tokens_wanted: 0,
            timeout: Timestamp::NEVER,
            answers: true,
        }
    }

    /// An open socket with the channel `a` joined; its join_ref is 1.
    fn joined(serializer: Serializer, config: JoinConfig) -> Self {
        let mut bench = Self::open(serializer);
        if config.access != Access::Public {
            bench.input(Input::Token("jwt".into()));
        }
        bench.input(Input::Join(a(), config));
        bench.reply("1", "1", json!({"status": "ok", "response": {}}));
        assert_eq!(bench.take_events(), [Event::Joined(a())]);
        bench.take_sent();
        bench
    }

    fn input(&mut self, input: Input) {
        let sent = self.sent.len();
        self.feed(input);
        if self.answers {
            for reference in heartbeats(&self.sent[sent..]) {
                self.answer_heartbeat(&reference);
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.socket.handle_input(self.now, input);
        loop {
            match self.socket.poll_output() {
                Output::Connect => self.connects.push(self.now),
                Output::Disconnect => self.disconnects += 1,
                Output::Send(packet) => self.sent.push(packet),
                Output::WantToken => self.tokens_wanted += 1,
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.timeout = at;
                    break;
                }
            }
        }
        assert!(self.timeout > self.now, "a timer lies in the past");
    }

    /// Lets time pass, timers included.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.timeout <= end {
            self.now = self.timeout;
            self.input(Input::Tick);
        }
        self.now = end;
        self.input(Input::Tick);
    }

    /// The server says this on channel `a`.
    fn hear(&mut self, join_ref: Option<&str>, reference: Option<&str>, event: &str, payload: Value) {
        let topic = a().wire().to_owned();
        let text = match self.socket.serializer() {
            Serializer::V2 => json!([join_ref, reference, topic, event, payload]),
            Serializer::V1 => json!({"topic": topic, "event": event, "payload": payload, "ref": reference}),
        };
        self.hear_text(&text.to_string());
    }

    fn reply(&mut self, join_ref: &str, reference: &str, payload: Value) {
        self.hear(Some(join_ref), Some(reference), "phx_reply", payload);
    }

    fn refuse(&mut self, reference: &str, reason: &str) {
        self.reply(reference, reference, json!({"status": "error", "response": {"reason": reason}}));
    }

    fn hear_text(&mut self, text: &str) {
        self.input(Input::Received(Packet::Text(text.to_owned())));
    }

    fn answer_heartbeat(&mut self, reference: &str) {
        let reply = json!({"status": "ok", "response": {}});
        let text = match self.socket.serializer() {
            Serializer::V2 => json!([null, reference, "phoenix", "phx_reply", reply]),
            Serializer::V1 => {
                json!({"topic": "phoenix", "event": "phx_reply", "payload": reply, "ref": reference})
            }
        };
        self.hear_text(&text.to_string());
    }

    fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn take_sent(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.sent)
    }

    /// The text frames sent since the last look, as JSON.
    fn take_frames(&mut self) -> Vec<Value> {
        let json = |packet| match packet {
            Packet::Text(text) => serde_json::from_str(&text).unwrap(),
            Packet::Binary(bytes) => panic!("binary: {bytes:?}"),
        };
        self.take_sent().into_iter().map(json).collect()
    }

    /// The 2.0.0 frames of one event sent since the last look.
    fn take_of(&mut self, event: &str) -> Vec<Value> {
        self.take_frames().into_iter().filter(|frame| frame[3] == event).collect()
    }

    fn broadcasts(&mut self) -> Vec<Broadcast> {
        let broadcast = |event| if let Event::Broadcast(broadcast) = event { Some(broadcast) } else { None };
        self.take_events().into_iter().filter_map(broadcast).collect()
    }
}

/// The refs of the heartbeats among these.
fn heartbeats(packets: &[Packet]) -> Vec<String> {
    let reference = |packet: &Packet| {
        let Packet::Text(text) = packet else { return None };
        let frame: Value = serde_json::from_str(text).ok()?;
        let (event, reference) = match frame.as_array() {
            Some(frame) => (&frame[3], &frame[1]),
            None => (&frame["event"], &frame["ref"]),
        };
        (event == "heartbeat").then(|| reference.as_str().map(str::to_owned))?
    };
    packets.iter().filter_map(reference).collect()
}

fn a() -> Topic {
    Topic::new("a").unwrap()
}

fn private() -> JoinConfig {
    JoinConfig { access: Access::Private { replay: None }, ..JoinConfig::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

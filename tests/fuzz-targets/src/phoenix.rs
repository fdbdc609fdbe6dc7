//! The socket machine of the Realtime client, fed by a server that says anything.

use std::collections::VecDeque;
use std::time::Duration;

use ringback_proto::Timestamp;
use ringback_proto::phoenix::{
    Access, Event, Input, JoinConfig, Lost, Output, Packet, Payload, PushId, Replay, Serializer, Socket,
    Topic,
};
use serde_json::{Value, json};

/// Frames and the owner's acts as the bytes say: no panic, no frame costs the socket, what comes of a frame is bounded,
/// and afterwards the channels join again.
///
/// An input is a row of records, each ended by the byte 0x1e (the record separator of RFC 7464). The first record is
/// the serializer, `1` or `2`. The first byte of every other says what happens, the rest with what:
///
/// | byte | what happens |
/// |---|---|
/// | `t`, `b` | a text or a binary message arrives |
/// | `w` | as many seconds pass as the next byte says |
/// | `j`, `l` | the private channel is joined, left |
/// | `c`, `y` | JSON, bytes are broadcast |
/// | `p` | these metadata are shown; none: no longer |
/// | `k` | a token comes |
/// | `z` | the machine slept |
/// | `x` | the websocket is lost |
pub fn phoenix_frame(data: &[u8]) {
    let mut records = data.split(|byte| *byte == SEPARATOR);
    let serializer = if records.next() == Some(b"1") { Serializer::V1 } else { Serializer::V2 };
    let mut bench = Bench::new(serializer);
    for record in records.take(MOST_RECORDS) {
        let Some((what, rest)) = record.split_first() else { continue };
        bench.step(*what, rest);
    }
    bench.expect_recovery();
}

/// The machine with its clock and a server that answers nothing but heartbeats.
struct Bench {
    socket: Socket,
    now: Timestamp,
    due: Timestamp,
    open: bool,
    pushes: u64,
    answers: VecDeque<u64>,
    /// The joins that nobody has answered.
    joins: Vec<(u64, String)>,
}

impl Bench {
    fn new(serializer: Serializer) -> Self {
        let mut bench = Self {
            socket: Socket::new(serializer, 7),
            now: Timestamp::ZERO,
            due: Timestamp::NEVER,
            open: false,
            pushes: 0,
            answers: VecDeque::new(),
            joins: Vec::new(),
        };
        bench.input(Input::Open);
        bench.input(Input::Opened);
        bench.input(Input::Join(public(), JoinConfig::default()));
        bench.answer_joins();
        bench
    }

    fn step(&mut self, what: u8, rest: &[u8]) {
        let text = || String::from_utf8_lossy(rest).into_owned();
        self.pushes += 1;
        let (push, topic) = (PushId(self.pushes), private());
        match what {
            b't' => self.hear(Packet::Text(text())),
            b'b' => self.hear(Packet::Binary(rest.to_vec())),
            b'w' => self.pass(Duration::from_secs(rest.first().copied().unwrap_or(1).into())),
            b'j' => self.input(Input::Join(topic, private_config())),
            b'l' => self.input(Input::Leave(topic)),
            b'c' | b'y' => {
                let payload =
                    if what == b'c' { Payload::Json(text()) } else { Payload::Bytes(rest.to_vec()) };
                for topic in [topic, public()] {
                    let payload = payload.clone();
                    self.input(Input::Broadcast { push, topic, event: "rb1".to_owned(), payload });
                }
            }
            b'p' => {
                let meta = (!rest.is_empty()).then(text);
                self.input(Input::Track { push, topic, meta });
            }
            b'k' => self.input(Input::Token(text())),
            b'z' => self.input(Input::Resumed),
            b'x' => self.input(Input::Lost(Lost::Broken)),
            _ => {}
        }
    }

    /// A frame of the server's: the socket outlives it, and little comes of it.
    fn hear(&mut self, packet: Packet) {
        let size = match &packet {
            Packet::Text(text) => text.len(),
            Packet::Binary(bytes) => bytes.len(),
        };
        let was_open = self.open;
        self.socket.handle_input(self.now, Input::Received(packet));
        let outputs = self.drain();
        assert_eq!(self.open, was_open, "a frame costs the socket");
        // Both channels fail their pushes, of which 256 wait, and say a few things more.
        assert!(outputs.len() <= 2 * (256 + 4), "{} outputs", outputs.len());
        let (mut bad, mut events) = (0, 0);
        for output in &outputs {
            match output {
                Output::Event(Event::BadFrame(_)) => bad += 1,
                Output::Event(Event::Presence(topic, change)) => {
                    // Two lists of at most a thousand keys, each told twice at most: before and now.
                    assert!(change.came.len() + change.went.len() <= 2_000);
                    let presence = self.socket.presence(topic).expect("the channel is there");
                    assert!(presence.keys().count() <= 1_000);
                    assert!(presence.keys().all(|key| presence.metas(key).count() <= 32));
                }
                Output::Event(Event::Broadcast(broadcast)) => {
                    let carried = match &broadcast.payload {
                        Payload::Json(text) => text.len(),
                        Payload::Bytes(bytes) => bytes.len(),
                    };
                    assert!(broadcast.event.len() <= size && carried <= size.max(2));
                }
                Output::Event(_) => events += 1,
                Output::Send(_) | Output::WantToken => {}
                Output::Connect | Output::Disconnect => panic!("a frame costs the socket"),
                Output::Timeout(_) => unreachable!("drained"),
            }
        }
        assert!(bad == 0 || (bad == 1 && events == 0), "a bad frame does nothing else");
        self.answer_heartbeats();
    }

    fn input(&mut self, input: Input) {
        self.socket.handle_input(self.now, input);
        self.drain();
        self.answer_heartbeats();
    }

    /// Lets time pass with every timer; a lost websocket opens again at once.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.due <= end {
            self.now = self.due;
            self.input(Input::Tick);
        }
        self.now = end;
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let output = self.socket.poll_output();
            match &output {
                Output::Timeout(at) => {
                    assert!(*at > self.now, "a timer lies in the past");
                    self.due = *at;
                    return outputs;
                }
                Output::Connect => self.socket.handle_input(self.now, Input::Opened),
                Output::Disconnect => self.open = false,
                Output::Send(packet) => self.note(packet),
                Output::Event(Event::Up) => {
                    self.open = true;
                    self.joins.clear();
                }
                Output::Event(Event::Down { .. }) => self.open = false,
                Output::Event(_) | Output::WantToken => {}
            }
            outputs.push(output);
        }
    }

    /// Remembers what a server would answer.
    fn note(&mut self, packet: &Packet) {
        let Packet::Text(text) = packet else { return };
        let frame: Value = serde_json::from_str(text).expect("the machine writes JSON");
        let (reference, topic, event) = match frame.as_array() {
            Some(frame) => (&frame[1], &frame[2], &frame[3]),
            None => (&frame["ref"], &frame["topic"], &frame["event"]),
        };
        let reference: u64 = reference.as_str().and_then(|text| text.parse().ok()).expect("our number");
        match event.as_str() {
            Some("heartbeat") => self.answers.push_back(reference),
            Some("phx_join") => {
                self.joins.push((reference, topic.as_str().expect("a topic").to_owned()));
            }
            _ => {}
        }
    }

    fn answer_heartbeats(&mut self) {
        while let Some(reference) = self.answers.pop_front() {
            self.reply(reference, "phoenix", None);
        }
    }

    fn answer_joins(&mut self) {
        for (reference, topic) in std::mem::take(&mut self.joins) {
            self.reply(reference, &topic, Some(reference));
        }
    }

    fn reply(&mut self, reference: u64, topic: &str, join_ref: Option<u64>) {
        let (join_ref, reference) = (join_ref.map(|n| n.to_string()), reference.to_string());
        let reply = json!({"status": "ok", "response": {}});
        let text = match self.socket.serializer() {
            Serializer::V2 => json!([join_ref, reference, topic, "phx_reply", reply]),
            Serializer::V1 => {
                json!({"topic": topic, "event": "phx_reply", "payload": reply, "ref": reference})
            }
        };
        self.socket.handle_input(self.now, Input::Received(Packet::Text(text.to_string())));
        self.drain();
    }

    /// From now on the server behaves: both channels join.
    fn expect_recovery(&mut self) {
        self.input(Input::Join(private(), private_config()));
        for number in 0..RECOVERY_SECONDS {
            if self.socket.is_joined(&public()) && self.socket.is_joined(&private()) {
                return;
            }
            self.input(Input::Token(format!("token {number}")));
            self.answer_joins();
            self.pass(Duration::from_secs(1));
        }
        panic!("the channels do not come back");
    }
}

fn public() -> Topic {
    Topic::new("a").expect("a topic")
}

fn private() -> Topic {
    Topic::new("b").expect("a topic")
}

fn private_config() -> JoinConfig {
    let access = Access::Private { replay: Some(Replay::new(1_000, 25)) };
    JoinConfig { access, presence: Some("me".to_owned()), ..JoinConfig::default() }
}

const SEPARATOR: u8 = 0x1e;
/// Enough for every state to be met, few enough for a thousand inputs a second.
const MOST_RECORDS: usize = 256;
/// The longest rest after a refusal is 38 s, the longest wait for a join's reply 25 s and for a leave's 10 s.
const RECOVERY_SECONDS: u32 = 90;

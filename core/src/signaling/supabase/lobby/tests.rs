//! The lobby and the socket machine against a scripted server, in virtual time.

use serde_json::Value;

use super::*;
use crate::proto::phoenix::{Output, Packet, Serializer};

#[test]
fn the_lobby_is_joined_after_the_inbox_and_tracked_once() {
    let mut bench = Bench::online();
    assert_eq!(bench.take("phx_join"), ["realtime:lobby"]);
    bench.reply_ok("realtime:lobby");
    let track = bench.take_payloads("presence");
    let shown = json!({"user": "rider", "device": me().to_string(), "app": "terminal"});
    assert_eq!(track, [json!({"type": "presence", "event": "track", "payload": shown})]);
    bench.pass(Duration::from_secs(120));
    assert!(bench.take_payloads("presence").is_empty());
}

#[test]
fn a_refused_lobby_is_left_alone_for_ten_minutes_and_the_inbox_stays() {
    let mut bench = Bench::online();
    bench.take("phx_join");
    bench.refuse("realtime:lobby", "PrivateOnly: This project only allows private channels");
    bench.pass(Duration::from_secs(590));
    assert!(bench.take("phx_join").is_empty());
    assert!(bench.socket.is_joined(&bench.lobby.inbox));
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.take("phx_join"), ["realtime:lobby"]);
}

#[test]
fn a_new_socket_does_not_shorten_the_rest_of_a_refused_lobby() {
    let mut bench = Bench::online();
    bench.refuse("realtime:lobby", "Unauthorized: no");
    bench.take("phx_join");
    bench.reconnect();
    assert_eq!(bench.take("phx_join"), ["realtime:user:rider"]);
    bench.reply_ok("realtime:user:rider");
    assert!(bench.take("phx_join").is_empty());
}

#[test]
fn a_closed_lobby_shows_nobody_and_comes_back_after_half_a_minute() {
    let mut bench = Bench::here();
    bench.state(json!({KEY: {"metas": [meta("F1", "driver", KEY, "browser")]}}));
    assert_eq!(bench.names(), ["driver"]);
    bench.hear("realtime:lobby", "phx_close", json!({}));
    assert!(bench.names().is_empty());
    bench.pass(Duration::from_secs(25));
    assert!(bench.take("phx_join").is_empty());
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.take("phx_join"), ["realtime:lobby"]);
}

#[test]
fn a_lost_socket_shows_nobody_until_the_lobby_is_joined_again() {
    let mut bench = Bench::here();
    bench.state(json!({KEY: {"metas": [meta("F1", "driver", KEY, "browser")]}}));
    bench.reconnect();
    assert!(bench.names().is_empty());
    bench.take("phx_join");
    bench.reply_ok("realtime:user:rider");
    bench.reply_ok("realtime:lobby");
    assert_eq!(bench.take_payloads("presence").len(), 1);
}

#[test]
fn an_update_and_a_second_socket_keep_the_phone_in_the_list_once() {
    let mut bench = Bench::here();
    bench.state(json!({KEY: {"metas": [meta("F1", "driver", KEY, "browser")]}}));
    // An update: the key joins and leaves in one message.
    bench.diff(
        json!({KEY: {"metas": [meta("F2", "driver", KEY, "terminal")]}}),
        json!({KEY: {"metas": [meta("F1", "driver", KEY, "browser")]}}),
    );
    assert_eq!(bench.names(), ["driver"]);
    assert_eq!(bench.list.borrow()[0].app, "terminal");
    // A second socket of the same phone.
    bench.diff(json!({KEY: {"metas": [meta("F3", "driver", KEY, "browser")]}}), json!({}));
    assert_eq!(bench.names(), ["driver"]);
    bench.diff(json!({}), json!({KEY: {"metas": [{"phx_ref": "F2"}]}}));
    assert_eq!(bench.names(), ["driver"]);
    bench.diff(json!({}), json!({KEY: {"metas": [{"phx_ref": "F3"}]}}));
    assert!(bench.names().is_empty());
}

#[test]
fn what_does_not_look_like_a_phone_is_left_out() {
    let mut bench = Bench::here();
    let large = json!({"phx_ref": "F1", "user": "u", "device": KEY, "app": "x", "more": "x".repeat(2000)});
    bench.state(json!({
        "not a device": {"metas": [meta("F0", "u", "not a device", "x")]},
        KEY: {"metas": [
            large,
            meta("F2", "a name with spaces", KEY, "x"),
            meta("F3", &"x".repeat(129), KEY, "x"),
            meta("F4", "other-device", OTHER, "x"),
            {"phx_ref": "F5"}, {"phx_ref": "F6", "user": 7, "device": []},
            meta("F7", "fine", KEY, "\u{1b}[31m"),
        ]},
    }));
    let shown = bench.list.borrow().clone();
    assert_eq!(shown, [Online { user: user("fine"), device: KEY.parse().unwrap(), app: String::new() }]);
}

#[test]
fn a_crowd_is_cut_at_a_thousand() {
    let mut bench = Bench::here();
    let crowd: serde_json::Map<String, Value> = (0..900u32)
        .map(|n| {
            let key = DeviceId::from_random(u128::from(n).to_be_bytes()).to_string();
            let metas: Vec<Value> =
                (0..4).map(|m| meta(&format!("F{m}"), &format!("u{n}.{m}"), &key, "x")).collect();
            (key, json!({"metas": metas}))
        })
        .collect();
    bench.state(Value::Object(crowd));
    assert_eq!(bench.list.borrow().len(), MOST);
}

#[test]
fn a_lobby_that_cannot_be_is_refused_by_the_builder() {
    let lobby = |topic: &str, app: &str| {
        let config = LobbyConfig { topic: topic.into(), device: me(), app: app.into() };
        let inbox = Topic::new("user:rider").unwrap();
        Lobby::new(config, &user("rider"), &inbox, watch::channel(Vec::new()).0).map(|_| ())
    };
    assert_eq!(lobby("lobby", "terminal"), Ok(()));
    for (topic, app) in
        [("", "x"), ("realtime:lobby", "x"), ("user:rider", "x"), ("lobby", ""), ("lobby", "a b")]
    {
        assert_eq!(lobby(topic, app), Err(BuildError::Lobby), "{topic} {app}");
    }
}

/// The lobby, its socket, and the frames that were sent.
struct Bench {
    lobby: Lobby,
    socket: Socket,
    list: watch::Receiver<Vec<Online>>,
    now: Timestamp,
    sent: Vec<Value>,
    /// The join_ref of each topic.
    joins: std::collections::BTreeMap<String, String>,
}

impl Bench {
    /// The inbox is joined, the lobby asked for.
    fn online() -> Self {
        let (list_tx, list) = watch::channel(Vec::new());
        let inbox = Topic::new("user:rider").unwrap();
        let config = LobbyConfig { topic: "lobby".into(), device: me(), app: "terminal".into() };
        let lobby = Lobby::new(config, &user("rider"), &inbox, list_tx).unwrap();
        let socket = Socket::new(Serializer::V2, 7);
        let (sent, joins) = (Vec::new(), std::collections::BTreeMap::new());
        let mut bench = Self { lobby, socket, list, now: Timestamp::ZERO, sent, joins };
        bench.input(Input::Join(inbox, JoinConfig::default()));
        bench.input(Input::Open);
        bench.input(Input::Opened);
        assert_eq!(bench.take("phx_join"), ["realtime:user:rider"]);
        bench.reply_ok("realtime:user:rider");
        bench
    }

    /// The lobby is joined.
    fn here() -> Self {
        let mut bench = Self::online();
        bench.reply_ok("realtime:lobby");
        bench.sent.clear();
        bench
    }

    fn reconnect(&mut self) {
        self.input(Input::Lost(crate::proto::phoenix::Lost::Broken));
        self.pass(Duration::from_secs(2));
        self.input(Input::Opened);
    }

    /// As the pump does it.
    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.socket.handle_input(self.now, input);
            inputs.extend(self.lobby.due(self.now, &self.socket));
            loop {
                match self.socket.poll_output() {
                    Output::Send(Packet::Text(text)) => self.send(&text),
                    Output::Event(event) => {
                        inputs.extend(self.lobby.handle_event(self.now, &event, &self.socket));
                    }
                    Output::Timeout(_) => break,
                    Output::Connect | Output::Disconnect | Output::WantToken | Output::Send(_) => {}
                }
            }
        }
    }

    fn send(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        let word = |at: usize| frame[at].as_str().unwrap_or_default().to_owned();
        if word(3) == "phx_join" {
            self.joins.insert(word(2), word(0));
        }
        self.sent.push(frame);
    }

    /// Lets time pass in steps of a second; the server answers heartbeats.
    fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.now = self.now + Duration::from_secs(1);
            self.input(Input::Tick);
            for beat in self.take_frames("heartbeat") {
                self.receive(
                    json!([null, beat[1], "phoenix", "phx_reply", {"status": "ok", "response": {}}]),
                );
            }
        }
    }

    fn reply_ok(&mut self, topic: &str) {
        let join = self.joins[topic].clone();
        self.receive(json!([join, join, topic, "phx_reply", {"status": "ok", "response": {}}]));
    }

    fn refuse(&mut self, topic: &str, reason: &str) {
        let join = self.joins[topic].clone();
        let refusal = json!({"status": "error", "response": {"reason": reason}});
        self.receive(json!([join, join, topic, "phx_reply", refusal]));
    }

    fn state(&mut self, state: Value) {
        self.hear("realtime:lobby", "presence_state", state);
    }

    fn diff(&mut self, joins: Value, leaves: Value) {
        self.hear("realtime:lobby", "presence_diff", json!({"joins": joins, "leaves": leaves}));
    }

    fn hear(&mut self, topic: &str, event: &str, payload: Value) {
        let join = self.joins[topic].clone();
        self.receive(json!([join, null, topic, event, payload]));
    }

    fn receive(&mut self, frame: Value) {
        self.input(Input::Received(Packet::Text(frame.to_string())));
    }

    fn take_frames(&mut self, event: &str) -> Vec<Value> {
        let (taken, kept) = std::mem::take(&mut self.sent).into_iter().partition(|frame| frame[3] == event);
        self.sent = kept;
        taken
    }

    /// The topics of the frames of this event.
    fn take(&mut self, event: &str) -> Vec<String> {
        self.take_frames(event).iter().map(|frame| frame[2].as_str().unwrap().to_owned()).collect()
    }

    fn take_payloads(&mut self, event: &str) -> Vec<Value> {
        self.take_frames(event).iter().map(|frame| frame[4].clone()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.list.borrow().iter().map(|online| online.user.to_string()).collect()
    }
}

fn meta(phx_ref: &str, user: &str, device: &str, app: &str) -> Value {
    json!({"phx_ref": phx_ref, "user": user, "device": device, "app": app})
}

fn me() -> DeviceId {
    DeviceId::from_random([1; 16])
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

const KEY: &str = "22222222-2222-4222-a222-222222222222";
const OTHER: &str = "33333333-3333-4333-a333-333333333333";

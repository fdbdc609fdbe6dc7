//! Sending: shapes, acknowledgements, silence.

use super::*;

#[test]
fn a_broadcast_is_a_kind_3_frame_with_the_body_as_given() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    say(&mut bench, r#"{"b": 1,  "a":2}"#);
    let [Packet::Binary(bytes)] = &bench.take_sent()[..] else { panic!("not binary") };
    assert_eq!(bytes, b"\x03\x01\x01\x0a\x03\x00\x0112realtime:arb1{\"b\": 1,  \"a\":2}");
}

#[test]
fn in_the_old_serializer_a_broadcast_is_text_with_the_body_as_given() {
    let mut bench = Bench::joined(Serializer::V1, JoinConfig::default());
    say(&mut bench, r#"{"b": 1,  "a":2}"#);
    let [Packet::Text(text)] = &bench.take_sent()[..] else { panic!("not text") };
    assert!(text.contains(r#""payload":{"b": 1,  "a":2}"#), "{text}");
    let frame: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&frame["join_ref"], &frame["ref"]), (&json!("1"), &json!("2")));
    assert_eq!(frame["payload"]["type"], "broadcast");
}

#[test]
fn an_acknowledged_broadcast_is_reported() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    say(&mut bench, "{}");
    bench.reply("1", "2", json!({"status": "ok", "response": {}}));
    assert_eq!(bench.take_events(), [Event::Pushed(PushId(9))]);
    bench.reply("1", "2", json!({"status": "ok", "response": {}}));
    assert_eq!(bench.take_events(), []);
}

#[test]
fn a_write_that_the_policies_forbid_gets_no_reply_and_times_out() {
    let mut bench = Bench::joined(Serializer::V2, private());
    say(&mut bench, "{}");
    bench.pass(seconds(9));
    assert_eq!(bench.take_events(), []);
    bench.pass(seconds(1));
    assert_eq!(bench.take_events(), [failed(PushFailure::Timeout)]);
    assert!(bench.socket.is_joined(&a()));
}

#[test]
fn a_payload_over_the_limit_is_answered_by_a_string() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    say(&mut bench, "{}");
    bench.reply("1", "2", json!({"status": "error", "response": "payload_size_exceeded"}));
    assert_eq!(bench.take_events(), [failed(PushFailure::TooLarge)]);
}

#[test]
fn unmatched_topic_means_that_the_channel_was_lost_and_is_rejoined() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.pass(seconds(15));
    say(&mut bench, "{}");
    bench.take_sent();
    bench.reply("1", "2", json!({"status": "error", "response": {"reason": "unmatched topic"}}));
    let events = bench.take_events();
    assert_eq!(events[0], failed(PushFailure::NotJoined));
    assert!(matches!(events[1], Event::Parted { .. }));
    bench.pass(seconds(1));
    assert_eq!(bench.take_of("phx_join").len(), 1);
}

#[test]
fn what_is_no_json_or_too_large_never_leaves() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    say(&mut bench, r#"{}},"topic":"x""#);
    assert_eq!(bench.take_events(), [failed(PushFailure::Malformed)]);
    say(&mut bench, &format!("\"{}\"", "x".repeat(MAX_PACKET)));
    assert_eq!(bench.take_events(), [failed(PushFailure::TooLarge)]);
    assert_eq!(bench.take_sent(), []);
}

#[test]
fn a_push_to_a_channel_that_is_not_joined_fails_at_once() {
    let mut bench = Bench::open(Serializer::V2);
    say(&mut bench, "{}");
    assert_eq!(bench.take_events(), [failed(PushFailure::NotJoined)]);
}

#[test]
fn a_lost_socket_fails_the_pushes_that_wait() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    say(&mut bench, "{}");
    bench.input(Input::Lost(Lost::Broken));
    assert_eq!(bench.take_events()[0], failed(PushFailure::NotJoined));
}

#[test]
fn pushes_that_wait_are_bounded() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    for _ in 0..256 {
        say(&mut bench, "{}");
    }
    assert_eq!(bench.take_events(), []);
    say(&mut bench, "{}");
    assert_eq!(bench.take_events(), [failed(PushFailure::Full)]);
}

fn say(bench: &mut Bench, text: &str) {
    let payload = Payload::Json(text.into());
    bench.input(Input::Broadcast { push: PushId(9), topic: a(), event: "rb1".into(), payload });
}

fn failed(why: PushFailure) -> Event {
    Event::PushFailed { push: PushId(9), why }
}

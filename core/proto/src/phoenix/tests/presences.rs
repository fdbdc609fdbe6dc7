//! Presence: state, changes, limits.

use super::*;

#[test]
fn state_and_changes_are_kept_and_reported() {
    let mut bench = present();
    bench.hear(Some("1"), None, "presence_state", json!({"bob": {"metas": [{"phx_ref": "F1", "x": 1}]}}));
    bench.hear(
        None,
        None,
        "presence_diff",
        json!({"joins": {"eve": {"metas": [{"phx_ref": "F2"}]}}, "leaves": {"bob": {"metas": [{"phx_ref": "F1"}]}}}),
    );
    let change = |came: &[&str], went: &[&str]| {
        let owned = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
        Event::Presence(a(), PresenceChange { came: owned(came), went: owned(went) })
    };
    assert_eq!(bench.take_events(), [change(&["bob"], &[]), change(&["eve"], &["bob"])]);
    assert_eq!(bench.socket.presence(&a()).unwrap().keys().collect::<Vec<_>>(), ["eve"]);
}

#[test]
fn track_and_untrack_are_acknowledged() {
    let mut bench = present();
    track(&mut bench, Some(r#"{"device":"phone"}"#));
    track(&mut bench, None);
    let frames = bench.take_frames();
    assert_eq!(frames[0][4], json!({"type": "presence", "event": "track", "payload": {"device": "phone"}}));
    assert_eq!(frames[1][4], json!({"type": "presence", "event": "untrack"}));
    bench.reply("1", "2", json!({"status": "ok", "response": {}}));
    assert_eq!(bench.take_events(), [Event::Pushed(PushId(1))]);
}

#[test]
fn a_denied_presence_does_answer() {
    let mut bench = present();
    track(&mut bench, Some("{}"));
    bench.reply("1", "2", json!({"status": "error", "response": {}}));
    assert_eq!(bench.take_events(), [Event::PushFailed { push: PushId(1), why: PushFailure::Refused }]);
}

#[test]
fn the_sixth_call_in_30_s_stays_here_because_it_would_cost_the_channel() {
    let mut bench = present();
    for _ in 0..5 {
        track(&mut bench, Some("{}"));
    }
    assert_eq!(bench.take_sent().len(), 5);
    track(&mut bench, Some("{}"));
    let limited = Event::PushFailed { push: PushId(1), why: PushFailure::RateLimited };
    assert_eq!((bench.take_sent(), bench.take_events()), (vec![], vec![limited]));
    bench.pass(seconds(30));
    bench.take_sent();
    track(&mut bench, Some("{}"));
    assert_eq!(bench.take_of("presence").len(), 1);
}

fn present() -> Bench {
    Bench::joined(Serializer::V2, JoinConfig { presence: Some("me".into()), ..JoinConfig::default() })
}

fn track(bench: &mut Bench, meta: Option<&str>) {
    bench.input(Input::Track { push: PushId(1), topic: a(), meta: meta.map(str::to_owned) });
}

//! The websocket: heartbeats, losses, reconnections, suspends.

use super::*;

#[test]
fn a_heartbeat_goes_out_every_25_s() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    for reference in ["1", "2", "3"] {
        bench.pass(seconds(25));
        assert_eq!(bench.take_frames(), [json!([null, reference, "phoenix", "heartbeat", {}])]);
        bench.answer_heartbeat(reference);
    }
    assert_eq!(bench.disconnects, 0);
}

#[test]
fn a_heartbeat_without_an_answer_ends_the_socket_after_10_s() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    bench.pass(seconds(34));
    assert_eq!(bench.disconnects, 0);
    bench.pass(seconds(1));
    assert_eq!(bench.disconnects, 1);
    assert!(matches!(bench.take_events()[..], [Event::Down { why: Lost::Silent, .. }]));
}

#[test]
fn a_join_that_the_server_is_about_to_refuse_holds_up_the_heartbeat_and_costs_nothing() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    bench.input(Input::Token("jwt".into()));
    bench.pass(seconds(24));
    bench.input(Input::Join(a(), private()));
    bench.pass(seconds(22));
    bench.refuse("1", "IncreaseConnectionPool: ..");
    assert_eq!(bench.disconnects, 0);
    // The reply to the heartbeat comes right behind.
    bench.pass(Duration::from_millis(500));
    bench.answer_heartbeat("2");
    bench.pass(seconds(10));
    assert_eq!(bench.disconnects, 0);
}

#[test]
fn joins_that_are_never_answered_do_not_hide_a_dead_socket() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    bench.input(Input::Join(a(), JoinConfig::default()));
    bench.pass(seconds(120));
    assert!(bench.disconnects >= 1);
}

#[test]
fn every_close_code_is_answered_by_a_new_socket() {
    for why in [
        Lost::Closed(Some(1000)),
        Lost::Closed(Some(1001)),
        Lost::Closed(Some(1012)),
        Lost::Closed(None),
        Lost::Broken,
    ] {
        let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
        bench.input(Input::Lost(why));
        assert!(!bench.socket.is_joined(&a()));
        bench.pass(seconds(2));
        assert_eq!(bench.connects.len(), 2, "{why:?}");
        bench.input(Input::Opened);
        assert_eq!(bench.take_of("phx_join").len(), 1);
    }
}

#[test]
fn failed_tries_come_after_1_2_5_and_10_s_and_a_steady_socket_starts_over() {
    let mut bench = Bench::closed(Serializer::V2);
    bench.input(Input::Open);
    let mut waits = Vec::new();
    for _ in 0..5 {
        bench.input(Input::Lost(Lost::Unreachable));
        let Some(Event::Down { retry_in, .. }) = bench.take_events().pop() else { panic!("not down") };
        waits.push(retry_in.as_secs_f64());
        bench.pass(retry_in);
    }
    assert_eq!(bench.connects.len(), 6);
    bench.input(Input::Opened);
    bench.pass(seconds(10));
    bench.input(Input::Lost(Lost::Closed(Some(1012))));
    let Some(Event::Down { retry_in, .. }) = bench.take_events().pop() else { panic!("not down") };
    waits.push(retry_in.as_secs_f64());
    for (wait, around) in waits.iter().zip([1.0, 2.0, 5.0, 10.0, 10.0, 1.0]) {
        assert!((around * 0.75..around * 1.25).contains(wait), "{waits:?}");
    }
}

#[test]
fn a_server_that_asks_to_slow_down_is_left_alone_for_longer() {
    let mut bench = Bench::closed(Serializer::V2);
    bench.input(Input::Open);
    bench.input(Input::Lost(Lost::Refused(429)));
    assert!(matches!(bench.take_events()[..], [Event::Down { retry_in, .. }] if retry_in > seconds(7)));
}

#[test]
fn after_close_nothing_happens_any_more() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.input(Input::Close);
    assert_eq!(bench.disconnects, 1);
    bench.input(Input::Lost(Lost::Closed(None)));
    bench.pass(seconds(300));
    assert_eq!((bench.connects.len(), bench.take_sent()), (1, vec![]));
}

#[test]
fn after_a_suspend_nothing_is_fresh_until_a_heartbeat_sent_afterwards_is_answered() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.answers = false;
    let say = |bench: &mut Bench| {
        bench.hear(None, None, "broadcast", json!({"event": "e", "payload": {}}));
        bench.broadcasts()[0].fresh
    };
    assert!(say(&mut bench));
    bench.pass(seconds(25));
    bench.take_sent();
    bench.input(Input::Resumed);
    let [heartbeat] = bench.take_of("heartbeat").try_into().unwrap();
    assert!(!say(&mut bench));
    // The answer to the heartbeat from before the suspend proves nothing.
    bench.answer_heartbeat("2");
    assert!(!say(&mut bench));
    bench.answer_heartbeat(heartbeat[1].as_str().unwrap());
    assert!(say(&mut bench));
}

#[test]
fn what_a_new_socket_brings_is_fresh() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.answers = false;
    bench.input(Input::Resumed);
    bench.input(Input::Lost(Lost::Broken));
    bench.pass(seconds(2));
    bench.take_sent();
    bench.input(Input::Opened);
    let [join] = bench.take_of("phx_join").try_into().unwrap();
    let join_ref = join[0].as_str().unwrap().to_owned();
    bench.reply(&join_ref, &join_ref, json!({"status": "ok", "response": {}}));
    bench.hear(None, None, "broadcast", json!({"event": "e", "payload": {}}));
    assert!(bench.broadcasts()[0].fresh);
}

#[test]
fn a_changed_network_is_probed_at_once_and_a_dead_socket_replaced_without_a_wait() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.answers = false;
    bench.take_sent();
    bench.input(Input::NetworkChanged);
    assert_eq!(bench.take_of("heartbeat").len(), 1);
    bench.pass(seconds(2));
    assert_eq!(bench.disconnects, 0);
    bench.pass(seconds(1));
    assert_eq!((bench.disconnects, bench.connects.len()), (1, 2));
}

#[test]
fn a_probe_that_is_answered_leaves_the_socket_alone() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.answers = false;
    bench.take_sent();
    bench.input(Input::NetworkChanged);
    let [heartbeat] = bench.take_of("heartbeat").try_into().unwrap();
    bench.answer_heartbeat(heartbeat[1].as_str().unwrap());
    bench.pass(seconds(20));
    assert_eq!((bench.disconnects, bench.connects.len()), (0, 1));
}

#[test]
fn a_changed_network_ends_the_wait_for_the_next_try() {
    let mut bench = Bench::closed(Serializer::V2);
    bench.input(Input::Open);
    bench.input(Input::Lost(Lost::Unreachable));
    bench.input(Input::NetworkChanged);
    assert_eq!(bench.connects.len(), 2);
    // A try over the network before is given up for one over the new.
    bench.input(Input::NetworkChanged);
    assert_eq!((bench.disconnects, bench.connects.len()), (1, 3));
}

#[test]
fn a_probe_tells_how_long_its_own_answer_took() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    bench.input(Input::Probe);
    bench.input(Input::Probe);
    assert_eq!(bench.take_frames(), [json!([null, "1", "phoenix", "heartbeat", {}])]);
    bench.pass(Duration::from_millis(80));
    bench.answer_heartbeat("7");
    assert_eq!(bench.take_events(), []);
    bench.answer_heartbeat("1");
    bench.answer_heartbeat("1");
    assert_eq!(bench.take_events(), [Event::Probed { round_trip: Duration::from_millis(80) }]);
}

#[test]
fn a_probe_that_is_not_answered_costs_nothing() {
    let mut bench = Bench::open(Serializer::V2);
    bench.answers = false;
    bench.input(Input::Probe);
    bench.pass(seconds(24));
    assert_eq!((bench.disconnects, bench.take_events()), (0, Vec::new()));
}

//! Joining, being refused, leaving.

use super::*;

#[test]
fn a_join_carries_the_whole_configuration_and_the_token() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("jwt".into()));
    let config = JoinConfig {
        access: Access::Private { replay: Some(Replay::new(1_732_100_000_000, 25)) },
        ack: true,
        echo: false,
        presence: Some("bob-phone".into()),
    };
    bench.input(Input::Join(a(), config));
    let payload = json!({"config": {
        "broadcast": {"ack": true, "self": false, "replay": {"since": 1_732_100_000_000_u64, "limit": 25}},
        "presence": {"key": "bob-phone", "enabled": true}, "postgres_changes": [], "private": true},
        "access_token": "jwt"});
    assert_eq!(bench.take_frames(), [json!(["1", "1", "realtime:a", "phx_join", payload])]);
}

#[test]
fn in_the_old_serializer_a_join_is_an_object() {
    let mut bench = Bench::open(Serializer::V1);
    bench.input(Input::Join(a(), JoinConfig::default()));
    let [frame] = bench.take_frames().try_into().unwrap();
    assert_eq!((&frame["topic"], &frame["event"]), (&json!("realtime:a"), &json!("phx_join")));
    assert_eq!((&frame["ref"], &frame["join_ref"]), (&json!("1"), &json!("1")));
}

#[test]
fn a_private_join_waits_for_the_token_and_a_public_one_does_not() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Join(a(), private()));
    bench.input(Input::Join(Topic::new("b").unwrap(), JoinConfig::default()));
    let [public] = bench.take_of("phx_join").try_into().unwrap();
    assert_eq!(public[2], "realtime:b");
    bench.input(Input::Token("jwt".into()));
    let [private] = bench.take_of("phx_join").try_into().unwrap();
    assert_eq!(private[2], "realtime:a");
}

#[test]
fn an_unauthorized_join_is_not_repeated_for_about_30_s_because_each_stalls_the_socket() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("jwt".into()));
    bench.input(Input::Join(a(), private()));
    bench.pass(seconds(5));
    bench.refuse("1", "Unauthorized: You do not have permissions to read from this Channel topic: a");
    let [Event::Refused { topic, why: Some(JoinRefusal::Unauthorized), retry_in }] = &bench.take_events()[..]
    else {
        panic!("not refused")
    };
    assert_eq!(*topic, a());
    assert!(*retry_in >= seconds(22), "{retry_in:?}");
    bench.take_sent();
    bench.pass(seconds(20));
    assert_eq!(bench.take_of("phx_join"), [Value::Null; 0]);
    bench.pass(seconds(20));
    assert_eq!(bench.take_of("phx_join").len(), 1);
}

#[test]
fn a_refused_join_does_not_get_around_its_wait_by_a_new_socket() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("jwt".into()));
    bench.input(Input::Join(a(), private()));
    bench.refuse("1", "Unauthorized: no");
    bench.input(Input::Lost(Lost::Closed(Some(1012))));
    bench.pass(seconds(2));
    bench.take_sent();
    bench.input(Input::Opened);
    assert_eq!(bench.take_of("phx_join"), [Value::Null; 0]);
}

#[test]
fn with_its_database_down_the_server_may_take_22_s_to_refuse() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("jwt".into()));
    bench.input(Input::Join(a(), private()));
    bench.pass(seconds(22));
    assert_eq!(bench.take_events(), []);
    bench.refuse("1", "IncreaseConnectionPool: Please increase your connection pool size");
    let [Event::Refused { why: Some(JoinRefusal::NotReady), retry_in, .. }] = &bench.take_events()[..] else {
        panic!("not refused")
    };
    assert!(*retry_in < seconds(2));
}

#[test]
fn a_join_without_an_answer_is_repeated_and_a_late_answer_to_the_first_is_ignored() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Join(a(), JoinConfig::default()));
    bench.pass(seconds(24));
    bench.take_sent();
    bench.pass(seconds(3));
    assert!(matches!(bench.take_events()[..], [Event::Refused { why: None, .. }]));
    let [again] = bench.take_of("phx_join").try_into().unwrap();
    let again = again[0].as_str().unwrap().to_owned();
    bench.reply("1", "1", json!({"status": "ok", "response": {}}));
    assert!(!bench.socket.is_joined(&a()));
    bench.reply(&again, &again, json!({"status": "ok", "response": {}}));
    assert!(bench.socket.is_joined(&a()));
    // The server then closes what the first join made.
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    assert!(bench.socket.is_joined(&a()));
}

#[test]
fn in_the_old_serializer_only_ref_tells_which_join_was_closed() {
    let mut bench = Bench::joined(Serializer::V1, JoinConfig::default());
    bench.hear(None, Some("0"), "phx_close", json!({}));
    assert!(bench.socket.is_joined(&a()));
    bench.hear(None, Some("1"), "phx_close", json!({}));
    assert!(!bench.socket.is_joined(&a()));
}

#[test]
fn a_leave_carries_the_join_ref_or_the_server_would_ignore_it() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.input(Input::Leave(a()));
    assert_eq!(bench.take_frames(), [json!(["1", "2", "realtime:a", "phx_leave", {}])]);
    bench.reply("1", "2", json!({"status": "ok", "response": {}}));
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    assert_eq!(bench.take_events(), [Event::Left(a())]);
    bench.pass(seconds(60));
    assert_eq!(bench.take_of("phx_join"), [Value::Null; 0]);
}

#[test]
fn a_join_during_a_leave_comes_after_it() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.input(Input::Leave(a()));
    bench.input(Input::Join(a(), JoinConfig::default()));
    assert_eq!(bench.take_of("phx_join"), [Value::Null; 0]);
    bench.reply("1", "2", json!({"status": "ok", "response": {}}));
    assert_eq!(bench.take_of("phx_join").len(), 1);
}

#[test]
fn a_replay_is_clamped_and_public_channels_cannot_ask_for_one() {
    let limit = |limit| {
        let config = JoinConfig {
            access: Access::Private { replay: Some(Replay::new(5, limit)) },
            ..JoinConfig::default()
        };
        config.payload(None, true)["config"]["broadcast"]["replay"]["limit"].clone()
    };
    assert_eq!([limit(0), limit(25), limit(200)], [json!(1), json!(25), json!(25)]);
    assert!(JoinConfig::default().payload(None, true)["config"]["broadcast"]["replay"].is_null());
}

#[test]
fn a_refused_replay_is_left_out_of_the_next_join() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("jwt".into()));
    let config =
        JoinConfig { access: Access::Private { replay: Some(Replay::new(5, 5)) }, ..JoinConfig::default() };
    bench.input(Input::Join(a(), config));
    bench.take_sent();
    bench.refuse("1", "UnableToReplayMessages: no");
    let [again] = bench.take_of("phx_join").try_into().unwrap();
    assert!(again[4]["config"]["broadcast"]["replay"].is_null());
}

#[test]
fn a_channel_closed_by_the_rate_limit_of_others_is_back_within_a_second() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.pass(seconds(20));
    bench.hear(
        Some("1"),
        None,
        "system",
        json!({"extension": "system", "status": "error", "message": "Too many messages per second"}),
    );
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    let events = bench.take_events();
    assert_eq!(events[0], Event::System(a(), SystemNote::RateLimited));
    let Event::Parted { note: Some(SystemNote::RateLimited), .. } = events[1] else { panic!("{events:?}") };
    bench.take_sent();
    bench.pass(seconds(1));
    assert_eq!(bench.take_of("phx_join").len(), 1);
}

#[test]
fn a_channel_that_crashes_again_and_again_is_rejoined_ever_more_slowly() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    let mut waits = Vec::new();
    let mut join_ref = "1".to_owned();
    for _ in 0..5 {
        bench.hear(Some(&join_ref), Some(&join_ref), "phx_error", json!({"reason": "channel_crash"}));
        let Some(Event::Parted { retry_in, .. }) = bench.take_events().pop() else { panic!("not parted") };
        waits.push(retry_in.as_secs_f64());
        bench.take_sent();
        bench.pass(retry_in);
        let [join] = bench.take_of("phx_join").try_into().unwrap();
        join_ref = join[0].as_str().unwrap().to_owned();
        bench.reply(&join_ref, &join_ref, json!({"status": "ok", "response": {}}));
        bench.take_events();
    }
    for (wait, around) in waits.iter().zip([1.0, 2.0, 5.0, 10.0, 10.0]) {
        assert!((around * 0.75..around * 1.25).contains(wait), "{waits:?}");
    }
}

#[test]
fn what_names_an_earlier_join_is_dropped() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    let payload = json!({"event": "e", "payload": {}});
    bench.hear(Some("0"), None, "broadcast", payload.clone());
    bench.hear(Some("x"), None, "broadcast", payload.clone());
    bench.hear(Some("0"), Some("0"), "phx_error", json!({}));
    assert_eq!(bench.take_events(), []);
    bench.hear(Some("1"), None, "broadcast", payload);
    assert_eq!(bench.take_events().len(), 1);
}

#[test]
fn a_topic_with_the_prefix_is_refused_because_rest_would_swallow_its_messages() {
    assert_eq!(Topic::new("realtime:user:u1"), Err(TopicError::Prefixed));
    assert_eq!(Topic::new(""), Err(TopicError::Empty));
    assert_eq!(Topic::new(&"x".repeat(247)), Err(TopicError::TooLong));
    assert_eq!(Topic::new(&"x".repeat(246)).unwrap().wire().len(), 255);
}

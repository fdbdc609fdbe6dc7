//! Tokens: pushed, refused, expired.

use super::*;

#[test]
fn a_new_token_is_pushed_to_joined_channels_so_that_policies_are_judged_anew() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.input(Input::Token("second".into()));
    assert_eq!(
        bench.take_frames(),
        [json!(["1", "2", "realtime:a", "access_token", {"access_token": "second"}])]
    );
}

#[test]
fn an_unchanged_token_and_an_api_key_are_not_pushed_because_the_server_ignores_them() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.input(Input::Token("jwt".into()));
    bench.input(Input::Token("sb_publishable_x".into()));
    assert_eq!(bench.take_sent(), []);
}

#[test]
fn a_channel_whose_token_expired_rejoins_with_another() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.pass(seconds(20));
    bench.hear(
        Some("1"),
        None,
        "system",
        json!({"extension": "system", "status": "error", "message": "Token has expired 0 seconds ago"}),
    );
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    assert_eq!(bench.tokens_wanted, 1);
    bench.pass(seconds(60));
    assert_eq!(bench.take_of("phx_join"), [Value::Null; 0]);
    bench.input(Input::Token("second".into()));
    let [join] = bench.take_of("phx_join").try_into().unwrap();
    assert_eq!(join[4]["access_token"], "second");
}

#[test]
fn a_badly_signed_token_is_a_refused_token() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.hear(Some("1"), None, "system", json!({"status": "error", "message": ":signature_error"}));
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    assert_eq!(bench.tokens_wanted, 1);
}

#[test]
fn a_join_refused_for_its_token_waits_for_another_and_keeps_its_distance() {
    let mut bench = Bench::open(Serializer::V2);
    bench.input(Input::Token("old".into()));
    bench.input(Input::Join(a(), private()));
    bench.refuse("1", "InvalidJWTToken: Token has expired 5 seconds ago");
    assert_eq!(bench.tokens_wanted, 1);
    bench.take_sent();
    // A provider that gives the same token again does not make the machine spin.
    bench.input(Input::Token("old".into()));
    assert_eq!(bench.take_sent(), []);
    bench.pass(seconds(2));
    assert_eq!(bench.take_of("phx_join").len(), 1);
}

#[test]
fn a_user_who_may_no_longer_read_is_not_rejoined_at_once() {
    let mut bench = Bench::joined(Serializer::V2, private());
    bench.pass(seconds(20));
    let message = "You no longer have permission to read from this Channel topic: a";
    bench.hear(Some("1"), None, "system", json!({"status": "error", "message": message}));
    bench.hear(Some("1"), Some("1"), "phx_close", json!({}));
    let Some(Event::Parted { retry_in, .. }) = bench.take_events().pop() else { panic!("not parted") };
    assert!(retry_in > seconds(20));
}

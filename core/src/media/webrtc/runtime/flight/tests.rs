//! Tests of the repeated flights.

use super::*;

fn flights() -> (Flights<()>, Instant) {
    (Flights::new(), tokio::time::Instant::now().into_std())
}

const HELLO: Dtls = Dtls::Hello;
const MIDDLE: Dtls = Dtls::Flight { last: false, finished: false };
const LAST: Dtls = Dtls::Flight { last: true, finished: true };

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_flight_is_repeated_whole_until_the_next_one_leaves() {
    let (mut f, t) = flights();
    assert_eq!(f.poll(t), Next::Idle);
    assert!(f.handle_outgoing(t, MIDDLE, (), b"one"));
    assert!(f.handle_outgoing(t + ms(1), MIDDLE, (), b"two"));
    assert_eq!(f.poll(t + ms(1)), Next::Wait(t + ms(60)));
    let Next::Send(copies) = f.poll(t + ms(60)) else { panic!("due") };
    assert_eq!(copies.len(), 2);
    f.handle_incoming(t + ms(70), Datagram::Dtls(MIDDLE));
    f.handle_outgoing(t + ms(71), MIDDLE, (), b"three");
    let Next::Send(copies) = f.poll(t + ms(131)) else { panic!("due") };
    assert_eq!(copies, [Copy { route: (), bytes: b"three".to_vec() }]);
}

#[test]
fn copies_are_bounded() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, HELLO, (), b"hello");
    let (mut now, mut copies) = (t, 0);
    loop {
        match f.poll(now) {
            Next::Send(_) => copies += 1,
            Next::Wait(at) => now = at,
            Next::Refused | Next::Idle => break,
        }
    }
    assert_eq!(copies, MAX_COPIES);
    assert!(now - t > Duration::from_secs(6) && now - t < Duration::from_secs(8));
}

#[test]
fn media_of_the_peer_ends_the_repeats() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, LAST, (), b"finished");
    f.handle_incoming(t + ms(10), Datagram::Media);
    assert_eq!(f.poll(t + ms(100)), Next::Idle);
    assert!(!f.is_handshaking());
}

#[test]
fn a_peer_that_still_misses_the_last_flight_gets_it() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, LAST, (), b"finished");
    f.handle_incoming(t + ms(10), Datagram::Media);
    let again = Datagram::Dtls(Dtls::Flight { last: false, finished: true });
    assert_eq!(f.handle_incoming(t + ms(100), again).len(), 1);
    assert!(f.handle_incoming(t + ms(110), again).is_empty(), "one answer for a whole flight");
    assert_eq!(f.handle_incoming(t + ms(200), again).len(), 1);
}

#[test]
fn the_client_is_done_with_the_servers_finished() {
    let (mut f, t) = flights();
    let bytes = crate::media::webrtc::runtime::datagram::tests::record(22, 1, &[0; 8]);
    f.handle_outgoing(t, Dtls::Flight { last: false, finished: true }, (), &bytes);
    f.handle_incoming(t + ms(50), Datagram::Dtls(LAST));
    assert!(!f.is_handshaking());
    assert_eq!(f.poll(t + ms(200)), Next::Idle);
}

#[test]
fn an_alert_of_ours_ends_everything() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, LAST, (), b"finished");
    f.handle_outgoing(t, Dtls::PlainAlert, (), b"alert");
    assert_eq!(f.poll(t + ms(100)), Next::Idle);
    assert!(f.handle_incoming(t + ms(200), Datagram::Dtls(LAST)).is_empty());
}

/// Polls until something else than waiting and repeating comes.
fn outcome(f: &mut Flights<()>, from: Instant) -> (Next<()>, Instant) {
    let mut now = from;
    loop {
        match f.poll(now) {
            Next::Send(_) => {}
            Next::Wait(at) => now = at,
            next @ (Next::Refused | Next::Idle) => return (next, now),
        }
    }
}

#[test]
fn an_alert_is_believed_when_the_peer_falls_silent() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, HELLO, (), b"hello");
    f.handle_incoming(t + ms(10), Datagram::Dtls(Dtls::PlainAlert));
    // By the engine's own timer: no sign of the peer.
    f.handle_outgoing(t + ms(500), HELLO, (), b"hello again");
    assert_eq!(outcome(&mut f, t + ms(500)), (Next::Refused, t + ms(1_010)));
    assert!(!f.is_handshaking());
    assert_eq!(f.poll(t + ms(2_000)), Next::Idle, "said once");
}

#[test]
fn an_alert_is_believed_after_the_last_copy_too() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, HELLO, (), b"hello");
    let (next, now) = outcome(&mut f, t);
    assert_eq!(next, Next::Idle);
    f.handle_incoming(now, Datagram::Dtls(Dtls::PlainAlert));
    assert_eq!(outcome(&mut f, now), (Next::Refused, now + SILENCE_AFTER_ALERT));
}

#[test]
fn an_alert_is_forgotten_when_the_peer_goes_on() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, HELLO, (), b"hello");
    f.handle_incoming(t + ms(10), Datagram::Dtls(Dtls::PlainAlert));
    f.handle_incoming(t + ms(900), Datagram::Dtls(MIDDLE));
    assert_eq!(outcome(&mut f, t + ms(900)).0, Next::Idle);
}

#[test]
fn media_before_our_finished_is_stray() {
    let (mut f, t) = flights();
    f.handle_outgoing(t, HELLO, (), b"hello");
    f.handle_incoming(t + ms(10), Datagram::Media);
    assert!(matches!(f.poll(t + ms(100)), Next::Send(_)));
}

//! The session by itself: rounds, candidates, the ladder's limits.

use super::*;
use crate::signal::Negotiation;

#[test]
fn candidates_leave_as_a_list_fifty_milliseconds_after_the_first() {
    let mut caller = described_caller();
    caller.event(MediaEvent::Candidate(found(1)));
    caller.wait(Duration::from_millis(30));
    caller.event(MediaEvent::Candidate(found(2)));
    caller.wait(Duration::from_millis(19));
    assert_eq!(caller.lists(), []);
    caller.wait(Duration::from_millis(1));
    assert_eq!(caller.lists(), [(1, 2, false)]);
    caller.event(MediaEvent::Candidate(found(3)));
    caller.event(MediaEvent::GatheringDone);
    caller.wait(Duration::ZERO);
    assert_eq!(caller.lists(), [(1, 3, true)], "complete again, and at once");
}

#[test]
fn candidates_ahead_of_their_description_wait_for_it() {
    let mut callee = answered_callee();
    let list = Candidates { conn: 1, generation: 2, candidates: vec![wire(9)], end: false };
    assert!(callee.session.handle_candidates(&list), "kept, so acknowledged");
    assert_eq!(callee.added(), 0);
    callee.negotiate(Negotiation::Offer, 1, 2);
    assert_eq!(callee.added(), 1);
    assert!(callee.session.handle_candidates(&list));
    assert_eq!(callee.added(), 0, "the engine gets a candidate once");
}

#[test]
fn candidates_that_come_before_a_restarts_offer_go_out_right_after_it() {
    let mut caller = open_caller();
    caller.event(MediaEvent::Candidate(found(1)));
    caller.wait(Duration::from_millis(50));
    assert_eq!(caller.lists(), [(1, 1, false)]);
    caller.session.handle_network_change(caller.env.now);
    caller.wait(Duration::ZERO);
    caller.event(MediaEvent::Candidate(found(2)));
    caller.event(MediaEvent::GatheringDone);
    caller.wait(Duration::from_secs(1));
    assert_eq!(caller.lists(), [], "not ahead of their description");
    caller.event(MediaEvent::OfferReady { round: 2, sdp: OFFER.to_owned() });
    assert_eq!(caller.lists(), [(2, 1, true)]);
}

#[test]
fn candidates_of_an_older_generation_are_acknowledged_and_dropped() {
    let mut callee = answered_callee();
    callee.negotiate(Negotiation::Offer, 1, 2);
    callee.added();
    let old = Candidates { conn: 1, generation: 1, candidates: vec![wire(3)], end: true };
    assert!(callee.session.handle_candidates(&old));
    assert_eq!(callee.added(), 0);
}

#[test]
fn a_newer_round_replaces_the_outstanding_one() {
    let mut caller = open_caller();
    caller.session.handle_network_change(caller.env.now);
    caller.wait(Duration::ZERO);
    caller.event(MediaEvent::OfferReady { round: 2, sdp: OFFER.to_owned() });
    caller.wait(Duration::from_secs(1));
    caller.session.handle_network_change(caller.env.now);
    caller.wait(Duration::ZERO);
    caller.event(MediaEvent::OfferReady { round: 3, sdp: OFFER.to_owned() });
    caller.steps();
    caller.negotiate(Negotiation::Answer, 1, 2);
    assert!(!caller.steps().contains(&Step::OfferProved), "the late answer is discarded");
    caller.negotiate(Negotiation::Answer, 1, 3);
    assert!(caller.steps().contains(&Step::OfferProved));
}

#[test]
fn a_repeated_offer_gets_its_answer_again() {
    let mut callee = answered_callee();
    callee.negotiate(Negotiation::Offer, 1, 2);
    callee.event(MediaEvent::AnswerReady { round: 2, sdp: OFFER.to_owned() });
    callee.steps();
    callee.negotiate(Negotiation::Offer, 1, 2);
    assert_eq!(callee.steps(), [Step::RepeatAnswer]);
}

#[test]
fn a_peer_begins_four_generations_in_ten_seconds_at_most() {
    let mut callee = answered_callee();
    let mut taken = 0;
    for round in 2..10 {
        callee.wait(Duration::from_millis(500));
        callee.negotiate(Negotiation::Offer, 1, round);
        taken += callee.steps().iter().filter(|step| is_take(step)).count();
    }
    assert_eq!(taken, 4);
    callee.wait(Duration::from_secs(10));
    callee.negotiate(Negotiation::Offer, 1, 9);
    assert_eq!(callee.steps().iter().filter(|step| is_take(step)).count(), 1);
}

#[test]
fn a_wish_for_a_connection_that_was_replaced_gets_the_current_offer() {
    let mut caller = open_caller();
    caller.event(MediaEvent::Failed(MediaFailure::Engine));
    caller.wait(Duration::ZERO);
    let conn = caller.session.conn();
    caller.session.handle_event(
        &mut caller.env,
        conn,
        MediaEvent::OfferReady { round: 1, sdp: OFFER.to_owned() },
    );
    caller.steps();
    caller.negotiate(Negotiation::Rebuild, 1, 1);
    assert_eq!(caller.steps(), [Step::RepeatOffer]);
}

#[test]
fn an_answer_under_another_certificate_is_refused() {
    let mut caller = open_caller();
    caller.session.handle_network_change(caller.env.now);
    caller.wait(Duration::ZERO);
    caller.event(MediaEvent::OfferReady { round: 2, sdp: OFFER.to_owned() });
    caller.steps();
    let sdp = OFFER.replace("E5:30:14", "00:00:00");
    let answer =
        Negotiate { conn: 1, round: 2, what: Negotiation::Answer, sdp: Some(sdp), ice_restart: true };
    caller.session.handle_negotiate(&mut caller.env, answer);
    assert_eq!(caller.steps(), []);
}

struct Bench {
    session: Session,
    env: SessionEnv,
}

impl Bench {
    fn event(&mut self, event: MediaEvent) {
        self.session.handle_event(&mut self.env, ConnId(1), event);
    }

    fn wait(&mut self, span: Duration) {
        self.env.now = self.env.now + span;
        self.session.handle_timeout(&mut self.env);
    }

    fn negotiate(&mut self, what: Negotiation, conn: u32, round: u32) {
        let step = Negotiate { conn, round, what, sdp: Some(OFFER.to_owned()), ice_restart: true };
        self.session.handle_negotiate(&mut self.env, step);
    }

    fn steps(&mut self) -> Vec<Step> {
        std::iter::from_fn(|| self.session.poll_step()).collect()
    }

    /// The lists that are to be sent: generation, length, end.
    fn lists(&mut self) -> Vec<(u32, usize, bool)> {
        let list = |step| match step {
            Step::Candidates(list) => Some((list.generation, list.candidates.len(), list.end)),
            Step::Media(..)
            | Step::Ready(_)
            | Step::Negotiate(_)
            | Step::OfferProved
            | Step::WishProved
            | Step::RepeatAnswer
            | Step::RepeatOffer
            | Step::Up
            | Step::Missing
            | Step::PeerGone
            | Step::Broken(_) => None,
        };
        self.steps().into_iter().filter_map(list).collect()
    }

    /// How many candidates the engine is given.
    fn added(&mut self) -> usize {
        let count = |step: &Step| {
            let Step::Media(_, MediaCommand::AddCandidates { candidates }) = step else { return 0 };
            candidates.len()
        };
        self.steps().iter().map(count).sum()
    }
}

/// A caller whose invite is out.
fn described_caller() -> Bench {
    let mut env = SessionEnv { now: Timestamp::from_micros(1), local_demo: false, last_conn: 0 };
    let session = Session::caller(&mut env, CallId::from_random([1; 16]), false, true);
    let mut bench = Bench { session, env };
    bench.event(MediaEvent::OfferReady { round: 1, sdp: OFFER.to_owned() });
    bench.steps();
    bench
}

/// A caller whose invite was answered.
fn open_caller() -> Bench {
    let mut bench = described_caller();
    let fingerprint = check_sdp(OFFER).unwrap().fingerprint;
    bench.session.handle_answered(bench.env.now, Some(OFFER.to_owned()), fingerprint, &[], false);
    bench.steps();
    bench
}

/// A callee whose answer is out.
fn answered_callee() -> Bench {
    let mut env = SessionEnv { now: Timestamp::from_micros(1), local_demo: false, last_conn: 0 };
    let fingerprint = check_sdp(OFFER).unwrap().fingerprint;
    let offer = Some((OFFER.to_owned(), fingerprint));
    let session = Session::callee(&mut env, CallId::from_random([1; 16]), false, offer, &[]);
    let mut bench = Bench { session, env };
    bench.event(MediaEvent::AnswerReady { round: 1, sdp: OFFER.to_owned() });
    bench.session.open_up();
    bench.steps();
    bench
}

fn is_take(step: &Step) -> bool {
    matches!(step, Step::Media(_, MediaCommand::TakeOffer { .. }))
}

fn found(number: u8) -> LocalCandidate {
    LocalCandidate { candidate: wire(number).candidate, mid: "0".to_owned() }
}

fn wire(number: u8) -> WireCandidate {
    let candidate = format!("candidate:{number} 1 udp 2130706431 192.0.2.{number} 5000 typ host");
    WireCandidate { candidate, mid: "0".to_owned() }
}

const OFFER: &str = include_str!("../signal/sdp/samples/webrtc_rs_offer.sdp");

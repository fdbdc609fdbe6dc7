//! A call that comes while the person does something else, and one that goes unseen.

use super::*;

#[test]
fn a_name_that_is_typed_goes_on_when_a_call_comes() {
    let mut model = online();
    press(&mut model, KeyCode::Char('c'));
    press(&mut model, KeyCode::Char('m'));
    come(&mut model);
    model.update(Input::Tick(Duration::from_secs(1)));
    for c in "adhq".chars() {
        assert!(press(&mut model, KeyCode::Char(c)).is_empty(), "{c}");
    }
    assert_eq!(model.over, Over::Typing("madhq".into()));
    for (width, height) in SIZES {
        let screen = shown(&model, width, height);
        assert!(screen.contains("> madhq") && screen.contains("Esc driver calls you"), "{screen}");
    }
    // Nor is a second call placed beside it.
    assert!(press(&mut model, KeyCode::Enter).is_empty());
    assert_eq!(model.over, Over::Typing("madhq".into()));
    assert!(press(&mut model, KeyCode::Esc).is_empty());
    assert_eq!(press(&mut model, KeyCode::Char('a')), [Wish::Accept(call())]);
}

#[test]
fn the_help_and_the_devices_stay_when_a_call_comes() {
    for (open, close) in [('?', 'd'), ('s', 'q')] {
        let mut model = online();
        press(&mut model, KeyCode::Char(open));
        let over = model.over.clone();
        come(&mut model);
        model.update(Input::Tick(Duration::from_secs(1)));
        assert_eq!(model.over, over);
        assert!(shown(&model, 80, 24).contains("Esc driver calls you"));
        assert!(press(&mut model, KeyCode::Char(close)).is_empty());
        assert_eq!(model.over, Over::Nothing);
        assert_eq!(press(&mut model, KeyCode::Char('d')), [Wish::Decline(call())]);
    }
}

#[test]
fn a_key_that_meets_a_call_nobody_can_have_seen_does_nothing() {
    let mut model = online();
    come(&mut model);
    for code in [KeyCode::Char('a'), KeyCode::Char('d'), KeyCode::Char('h'), KeyCode::Enter] {
        assert!(press(&mut model, code).is_empty(), "{code:?}");
    }
    let screen = shown(&model, 80, 24);
    assert!(screen.contains("driver calls you") && !screen.contains("Accept"), "{screen}");
    model.update(Input::Tick(Duration::from_millis(500)));
    assert!(shown(&model, 80, 24).contains("a  Accept"));
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Accept(call())]);
}

#[test]
fn the_claimed_name_is_shown_of_a_call_whose_event_was_missed() {
    let mut model = online();
    let display = Some("Bob\u{9b}".into());
    let snapshot = CallSnapshot { direction: Direction::Incoming, display, ..snapshot(CallState::Ringing) };
    model.update(Input::Calls(vec![snapshot]));
    assert!(shown(&model, 80, 24).contains("as \"Bob\u{fffd}\""));
}

#[test]
fn a_call_whose_end_was_lost_in_a_gap_is_over() {
    let mut model = talking();
    model.update(Input::Calls(Vec::new()));
    // Its end may be on its way still.
    assert!(model.talk.is_some());
    model.update(Input::Phone(Event::Lagged(Vec::new())));
    let screen = wrapped(&shown(&model, 80, 24));
    assert!(screen.contains("Call with driver, 1:05: It ended while this"), "{screen}");
    assert_eq!(press(&mut model, KeyCode::Enter), [Wish::Call("driver".into())]);
}

#[test]
fn a_gap_before_the_end_leaves_the_call_to_its_end() {
    // Up, says the phone; up, said the gap, and what comes after it tells the end.
    for (listed, in_gap) in [(true, false), (false, true), (true, true)] {
        let mut model = talking();
        let calls = |there: bool| if there { vec![snapshot(CallState::Active)] } else { Vec::new() };
        model.update(Input::Calls(calls(listed)));
        model.update(Input::Phone(Event::Lagged(calls(in_gap))));
        assert!(model.talk.is_some(), "{listed} {in_gap}");
        let end = End { reason: EndReason::HungUp, by: By::Remote };
        happen(&mut model, EventKind::State(CallState::Ended(end)));
        assert!(model.talk.is_none());
    }
}

fn come(model: &mut Model) {
    let ringing = CallSnapshot { direction: Direction::Incoming, ..snapshot(CallState::Ringing) };
    model.update(Input::Calls(vec![ringing]));
}

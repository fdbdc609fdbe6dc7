//! What is printed, kept instead.

use std::cell::RefCell;

use super::*;

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Report {
    /// Keeps the lines of this thread from now on.
    pub(crate) fn kept(json: bool) -> Self {
        SAID.take();
        Self { json, print: |text| SAID.with_borrow_mut(|said| said.push(text.to_owned())) }
    }

    /// What was printed since [`Report::kept`].
    pub(crate) fn said() -> Vec<String> {
        SAID.with_borrow(Clone::clone)
    }
}

#[test]
fn a_caller_is_named_by_its_user_and_the_claim_stands_apart() {
    let call = CallId::from_random([5; 16]);
    let from = "stranger".parse().unwrap();
    let incoming =
        Incoming { call, from, verified: false, display: Some("Mum\u{202e}".into()), context: None };
    Report::kept(false).incoming(&incoming);
    assert_eq!(Report::said(), ["stranger calls as \"Mum\u{fffd}\". Type answer or decline."]);
    Report::kept(false).incoming(&Incoming { display: None, ..incoming.clone() });
    assert_eq!(Report::said(), ["stranger calls. Type answer or decline."]);

    Report::kept(true).incoming(&incoming);
    let said: Value = serde_json::from_str(&Report::said()[0]).unwrap();
    assert_eq!((&said["from"], &said["display"]), (&json!("stranger"), &json!("Mum\u{202e}")));
}

#[test]
fn a_message_does_not_steer_the_terminal_in_either_form() {
    let message = EventKind::Message("\u{9b}31m\u{1b}]0;x\u{7}".as_bytes().to_vec());
    for json in [false, true] {
        Report::kept(json).event(CallId::from_random([5; 16]), &message);
        let said = Report::said().concat();
        assert!(said.contains("31m") && !said.chars().any(char::is_control), "{said:?}");
    }
}

#[test]
fn loss_is_a_share_of_what_was_sent() {
    let mut stats = CallStats::default();
    assert_eq!(loss(&stats), 0.0);
    (stats.network.packets_received, stats.network.packets_lost) = (99, 1);
    assert_eq!(loss(&stats), 0.01);
}

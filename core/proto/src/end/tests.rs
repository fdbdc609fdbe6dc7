//! The tables of end reasons, checked against each other.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn every_reason_is_listed_once() {
    let mut kinds = [0; 19];
    for reason in EndReason::all() {
        kinds[kind(&reason)] += 1;
    }
    // Two ways to be elsewhere, five to fail to connect, three of the microphone, two of what is unsupported.
    assert_eq!(kinds, [1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 5, 1, 3, 1, 1, 2, 1, 1, 1]);
    let once: BTreeSet<String> = EndReason::all().iter().map(|reason| format!("{reason:?}")).collect();
    assert_eq!(once.len(), EndReason::all().len());
}

#[test]
fn every_reason_comes_back_from_its_code() {
    let mut codes = BTreeSet::new();
    for reason in EndReason::all() {
        let code = reason.code().into_owned();
        assert_eq!(EndReason::from_code(&code), reason, "{code}");
        assert!(codes.insert(code.clone()), "{code} twice");
        assert!(
            code.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.-0123456789".contains(&byte)),
            "{code}"
        );
    }
}

#[test]
fn the_codes_on_the_wire_never_change() {
    let codes: Vec<String> = EndReason::all().iter().map(|reason| reason.code().into_owned()).collect();
    let expected = "hung_up declined cancelled no_answer unreachable busy elsewhere.answered elsewhere.declined \
        missed offline not_allowed connect_failed.no_path connect_failed.turn_missing connect_failed.turn_refused \
        connect_failed.dtls connect_failed.timeout connection_lost microphone.denied microphone.missing \
        microphone.in_use resumed unsupported.version unsupported.codec ended_by_server internal \
        replaced.00000000-0000-4000-8000-000000000000 other";
    assert_eq!(codes, expected.split_ascii_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_code_of_a_newer_version_is_kept() {
    let reason = EndReason::from_code("moved_to_room");
    assert_eq!(reason, EndReason::Other { code: "moved_to_room".to_owned() });
    assert_eq!(reason.code(), "moved_to_room");
}

#[test]
fn a_code_that_cannot_be_shown_becomes_other() {
    for hostile in ["", "<script>", "hung up", "é", "replaced.\n", &"x".repeat(65)] {
        assert_eq!(EndReason::from_code(hostile).code(), "other", "{hostile}");
    }
}

#[test]
fn who_ended_a_call_comes_back_from_its_code() {
    for by in [By::Local, By::Remote, By::System] {
        assert_eq!(By::from_code(by.code()), Some(by));
    }
    assert_eq!(By::from_code("nobody"), None);
}

#[test]
fn every_reason_is_explained_in_both_languages() {
    for reason in EndReason::all() {
        let (english, french) = (reason.explain(Language::En), reason.explain(Language::Fr));
        assert_ne!(english, french);
        for text in [english, french] {
            assert!(text.ends_with('.'), "{text}");
            assert!(text.chars().next().is_some_and(char::is_uppercase), "{text}");
            assert!(!text.contains("  ") && !text.contains('\n'), "{text}");
        }
    }
}

#[test]
fn what_can_be_tried_again_or_mended_is_said() {
    for reason in EndReason::all() {
        let called_for = reason.retry() != Retry::Never;
        for language in [Language::En, Language::Fr] {
            let text = reason.explain(language);
            // What happened, then what to do.
            assert!(!called_for || text.matches(". ").count() == 1, "{text}");
        }
    }
}

#[test]
fn french_has_its_own_apostrophe_and_no_break_spaces() {
    for reason in EndReason::all() {
        let text = reason.explain(Language::Fr);
        assert!(!text.contains('\''), "{text}");
        for mark in [':', ';', '?', '!'] {
            for (at, _) in text.match_indices(mark) {
                let before = text[..at].chars().next_back();
                assert!(matches!(before, Some('\u{a0}' | '\u{202f}')), "{text}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_some_reason_whose_code_is_stable(text in ".{0,100}") {
        let reason = EndReason::from_code(&text);
        prop_assert_eq!(EndReason::from_code(&reason.code()), reason);
    }
}

/// A new variant does not compile here until it has a number.
fn kind(reason: &EndReason) -> usize {
    match reason {
        EndReason::HungUp => 0,
        EndReason::Declined => 1,
        EndReason::Cancelled => 2,
        EndReason::NoAnswer => 3,
        EndReason::Unreachable => 4,
        EndReason::Busy => 5,
        EndReason::Elsewhere(_) => 6,
        EndReason::Missed => 7,
        EndReason::Offline => 8,
        EndReason::NotAllowed => 9,
        EndReason::ConnectFailed(_) => 10,
        EndReason::ConnectionLost => 11,
        EndReason::Microphone(_) => 12,
        EndReason::Replaced { .. } => 13,
        EndReason::Resumed => 14,
        EndReason::Unsupported(_) => 15,
        EndReason::EndedByServer => 16,
        EndReason::Internal => 17,
        EndReason::Other { .. } => 18,
    }
}

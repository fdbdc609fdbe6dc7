//! The allow-lists of descriptions and candidates.

use ringback_proto::signal::{
    CandidateScope, MAX_SDP_BYTES, check_candidate, check_sdp, clean_local_candidate, clean_local_sdp,
};

/// Any text: no panic, and what is handed to the engine reads the same again.
pub fn sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(facts) = check_sdp(&text) {
        assert!(facts.clean.len() <= 2 * MAX_SDP_BYTES);
        assert!(!facts.clean.lines().any(|line| line.starts_with("a=candidate")));
        assert_eq!(check_sdp(&facts.clean), Ok(facts));
    }
    let cleaned = clean_local_sdp(&text);
    assert!(!cleaned.lines().any(|line| line.starts_with("a=candidate:")));
    assert_eq!(clean_local_sdp(&cleaned), cleaned);
}

/// Any text: no panic, loopback never on the internet, and what is handed to the engine reads the same again.
pub fn candidate(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let [internet, demo] = [CandidateScope::Internet, CandidateScope::LocalDemo].map(|scope| {
        let checked = check_candidate(&text, scope);
        if let Ok(facts) = &checked {
            let again = check_candidate(&facts.clean, scope).map(|again| again.clean);
            assert_eq!(again.as_ref(), Ok(&facts.clean));
        }
        checked
    });
    assert!(internet.is_err() || internet == demo);
    let cleaned = clean_local_candidate(&text);
    assert_eq!(clean_local_candidate(&cleaned), cleaned);
}

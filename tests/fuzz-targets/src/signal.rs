//! The decoder of envelopes, and the allow-lists of descriptions and candidates.

use std::time::Duration;

use ringback_proto::signal::{
    Body, CandidateScope, DecodeError, Envelope, MAX_SDP_BYTES, WireCandidate, check_candidate, check_sdp,
    clean_local_candidate, clean_local_sdp, limits,
};

/// Any text: no panic, what is read keeps to the limits, and written again it reads the same.
pub fn envelope(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let envelope = match Envelope::decode(&text) {
        Ok(envelope) => envelope,
        Err(DecodeError::TooLarge) => return assert!(text.len() > limits::ENVELOPE_BYTES),
        Err(DecodeError::UnsupportedVersion(header)) => {
            return assert!(header.is_none_or(|header| header.kind.len() <= text.len()));
        }
        Err(DecodeError::Malformed | DecodeError::OverLimit | DecodeError::UnknownKind) => return,
    };
    assert!(text.len() <= limits::ENVELOPE_BYTES);
    assert!(envelope.ttl <= Duration::from_millis(limits::TTL_MS));
    assert_within_limits(&envelope.body);
    let written = envelope.encode();
    // What was left out is written with its default, which may be too much for a text that was almost too long.
    if written.len() <= limits::ENVELOPE_BYTES {
        assert_eq!(Envelope::decode(&written).as_ref(), Ok(&envelope));
    }
}

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

/// The limits of the message table, said once more.
fn assert_within_limits(body: &Body) {
    let (sdp, candidates, codes) = match body {
        Body::Invite(invite) => {
            assert!(invite.display.as_ref().is_none_or(|name| name.len() <= 128));
            assert!(invite.context.as_ref().is_none_or(|context| context.len() <= 2_048));
            assert!(invite.caps.len() <= 32);
            (invite.offer.as_ref(), &invite.candidates[..], &invite.caps[..])
        }
        Body::Answer(answer) => (answer.answer.as_ref(), &answer.candidates[..], &[][..]),
        Body::Ringing(ringing) => (ringing.offer.as_ref(), &[][..], &[][..]),
        Body::Negotiate(step) => (step.sdp.as_ref(), &[][..], &[][..]),
        Body::Candidates(list) => (None, &list.candidates[..], &[][..]),
        Body::Hangup(hangup) => (None, &[][..], std::slice::from_ref(&hangup.reason)),
        Body::Message(message) => return assert!(message.data.len() <= 4_096),
        Body::Settled(_)
        | Body::Decline(_)
        | Body::Busy {}
        | Body::Cancel(_)
        | Body::Media(_)
        | Body::Ack(_)
        | Body::Error(_) => return,
    };
    assert!(sdp.is_none_or(|sdp| sdp.len() <= 16_384));
    assert!(candidates.len() <= 32);
    let fits = |one: &WireCandidate| one.candidate.len() <= 512 && one.mid.len() <= 32;
    assert!(candidates.iter().all(fits));
    assert!(codes.iter().all(|code| code.len() <= 64));
}

//! The JSON vectors in `vectors/`: the same files that the browser page and the bindings run.
#![allow(clippy::unwrap_used, reason = "a test is wrong loudly")]

use std::collections::BTreeSet;

use ringback_proto::signal::{DecodeError, Envelope};
use serde_json::Value;

#[test]
fn every_valid_vector_is_read_and_written_again_as_its_normal_form() {
    let mut kinds = BTreeSet::new();
    for vector in vectors(include_str!("../vectors/valid.json")) {
        let name = &vector["name"];
        let envelope = Envelope::decode(&text(&vector)).unwrap_or_else(|why| panic!("{name}: {why}"));
        let normal = if vector["normal"] == "same" { &vector["envelope"] } else { &vector["normal"] };
        let written: Value = serde_json::from_str(&envelope.encode()).unwrap();
        assert_eq!(written, *normal, "{name}");
        assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope.clone()), "{name}");
        kinds.insert(envelope.body.kind());
    }
    assert_eq!(kinds.len(), 14, "every kind of the message table has a vector: {kinds:?}");
}

#[test]
fn every_invalid_vector_is_refused_with_its_error() {
    for vector in vectors(include_str!("../vectors/invalid.json")) {
        let name = &vector["name"];
        let error = match Envelope::decode(&text(&vector)) {
            Ok(_) => panic!("{name} was read"),
            Err(DecodeError::TooLarge) => "too_large",
            Err(DecodeError::Malformed) => "malformed",
            Err(DecodeError::OverLimit) => "over_limit",
            Err(DecodeError::UnknownKind) => "unknown_kind",
            Err(DecodeError::UnsupportedVersion(_)) => "unsupported_version",
        };
        assert_eq!(error, vector["error"], "{name}");
    }
}

#[test]
fn no_cut_and_no_flipped_byte_of_a_vector_panics() {
    for vector in vectors(include_str!("../vectors/valid.json")) {
        let text = text(&vector);
        for at in (0..text.len()).step_by(3) {
            let _ = Envelope::decode(&text[..at]);
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 0x15;
            if let Ok(flipped) = String::from_utf8(bytes) {
                let _ = Envelope::decode(&flipped);
            }
        }
    }
}

#[test]
fn an_envelope_of_another_version_still_names_whom_to_answer() {
    let vectors = vectors(include_str!("../vectors/invalid.json"));
    let other = vectors.iter().find(|vector| vector["name"] == "another version").unwrap();
    let Err(DecodeError::UnsupportedVersion(Some(header))) = Envelope::decode(&text(other)) else {
        panic!("its header can be read");
    };
    assert_eq!((header.from.user.as_str(), header.kind.as_str()), ("alice", "busy"));
}

fn vectors(file: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(file).unwrap();
    let Value::Array(vectors) = file["vectors"].take() else { panic!("`vectors` is a list") };
    vectors
}

/// The bytes that arrive.
fn text(vector: &Value) -> String {
    let text = vector["text"].as_str().map_or_else(|| vector["envelope"].to_string(), str::to_owned);
    let padding = usize::try_from(vector["padding"].as_u64().unwrap_or(0)).unwrap();
    " ".repeat(padding) + &text
}

//! Whatever arrives: no panic, and the socket lives.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_leave_the_socket_alive(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(Serializer::V2, Packet::Binary(bytes));
    }

    #[test]
    fn any_text_leaves_the_socket_alive(text in ".{0,200}", old in any::<bool>()) {
        survives(if old { Serializer::V1 } else { Serializer::V2 }, Packet::Text(text));
    }

    #[test]
    fn frames_with_any_json_inside_leave_the_socket_alive(
        event in prop::sample::select(EVENTS),
        payload in json_value(),
        tags in (json_value(), json_value()),
        old in any::<bool>(),
    ) {
        let text = if old {
            json!({"topic": "realtime:a", "event": event, "payload": payload, "ref": tags.1})
        } else {
            json!([tags.0, tags.1, "realtime:a", event, payload])
        };
        survives(if old { Serializer::V1 } else { Serializer::V2 }, Packet::Text(text.to_string()));
    }

    #[test]
    fn a_frame_cut_or_changed_anywhere_leaves_the_socket_alive(
        frame in prop::sample::select(FRAMES),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let at = cut.index(frame.len());
        let mut changed = frame.as_bytes().to_vec();
        changed[at] = byte;
        if let Ok(text) = String::from_utf8(changed) {
            survives(Serializer::V2, Packet::Text(text));
        }
        if frame.is_char_boundary(at) {
            survives(Serializer::V2, Packet::Text(frame[..at].to_owned()));
        }
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for serializer in [Serializer::V1, Serializer::V2] {
        survives(serializer, Packet::Text("[".repeat(1_000_000)));
        let deep = format!(r#"[null,null,"realtime:a","broadcast",{}"#, r#"{"payload":"#.repeat(100_000));
        survives(serializer, Packet::Text(deep));
    }
}

fn survives(serializer: Serializer, packet: Packet) {
    let mut bench = Bench::joined(serializer, JoinConfig::default());
    bench.input(Input::Received(packet));
    assert_eq!(bench.disconnects, 0);
    bench.pass(seconds(1));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(&["1", "2", "ok", "error", "e", ""][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = prop::sample::select(
            &[
                "status", "response", "reason", "event", "payload", "meta", "joins", "leaves", "metas",
                "phx_ref",
            ][..],
        );
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

const EVENTS: &[&str] = &[
    "phx_reply",
    "phx_close",
    "phx_error",
    "broadcast",
    "presence_state",
    "presence_diff",
    "system",
    "other",
];

const FRAMES: &[&str] = &[
    r#"["1","1","realtime:a","phx_reply",{"status":"ok","response":{}}]"#,
    r#"["1",null,"realtime:a","broadcast",{"event":"é","payload":{"x":[1,2]},"meta":{"replayed":true}}]"#,
    r#"["1",null,"realtime:a","presence_state",{"k":{"metas":[{"phx_ref":"F"}]}}]"#,
    r#"["1",null,"realtime:a","system",{"extension":"system","status":"error","message":"Token has expired"}]"#,
];

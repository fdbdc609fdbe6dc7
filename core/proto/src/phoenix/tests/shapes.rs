//! Broadcasts in every shape, forged ones included.

use super::*;

#[test]
fn broadcasts_come_in_three_shapes_and_all_are_read() {
    let mut bench = Bench::joined(Serializer::V2, private());
    let mut kind_4 = vec![4, 10, 3, 0, 1];
    kind_4.extend_from_slice(b"realtime:arb1{\"n\": 1}");
    bench.input(Input::Received(Packet::Binary(kind_4)));
    bench.hear_text(
        r#"[null,null,"realtime:a","broadcast",{"type":"broadcast","event":"rb1","payload":{"n": 1}}]"#,
    );
    bench.hear_text(
        r#"["1",null,"realtime:a","broadcast",{"event":"rb1","payload":{"n": 1},"meta":{"replayed":true,"id":"u"}}]"#,
    );
    let heard = bench.broadcasts();
    assert_eq!(heard.iter().map(|b| b.replayed).collect::<Vec<_>>(), [false, false, true]);
    for broadcast in heard {
        assert_eq!(
            (broadcast.event.as_str(), broadcast.payload),
            ("rb1", Payload::Json(r#"{"n": 1}"#.into()))
        );
    }
}

#[test]
fn a_binary_broadcast_can_carry_bytes_and_metadata() {
    let mut bench = Bench::joined(Serializer::V2, private());
    let mut frame = vec![4, 10, 1, 17, 0];
    frame.extend_from_slice(b"realtime:ae{\"replayed\":true}\x00\xff");
    bench.input(Input::Received(Packet::Binary(frame)));
    let [broadcast] = bench.broadcasts().try_into().unwrap();
    assert_eq!((broadcast.payload, broadcast.replayed), (Payload::Bytes(vec![0, 255]), true));
}

#[test]
fn metadata_that_are_not_clearly_live_count_as_replayed() {
    for (meta, replayed) in [
        (r#"{"id":"u"}"#, false),
        (r#"{"replayed":false}"#, false),
        (r#"{"replayed":true}"#, true),
        (r#"{"replayed":"yes"}"#, true),
        ("7", true),
    ] {
        let mut bench = Bench::joined(Serializer::V2, private());
        bench.hear_text(&format!(
            r#"[null,null,"realtime:a","broadcast",{{"event":"e","payload":{{}},"meta":{meta}}}]"#
        ));
        assert_eq!(bench.broadcasts()[0].replayed, replayed, "{meta}");
    }
}

#[test]
fn a_body_spliced_into_an_old_frame_cannot_speak_for_another_topic() {
    let mut bench = Bench::joined(Serializer::V1, JoinConfig::default());
    let victim = Topic::new("user:victim").unwrap();
    bench.input(Input::Join(victim.clone(), JoinConfig::default()));
    bench.hear_text(
        r#"{"topic":"realtime:user:victim","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"2"}"#,
    );
    assert!(bench.socket.is_joined(&victim));
    bench.take_events();
    let spliced = |body: &str| {
        format!(
            r#"{{"topic":"realtime:a","event":"broadcast","payload":{{"type":"broadcast","event":"e","payload":{body}}},"ref":null}}"#
        )
    };
    for body in [
        r#"{}},"topic":"realtime:user:victim","event":"broadcast","payload":{"event":"rb1","payload":{}"#,
        r#"{}},"topic":"realtime:user:victim","event":"phx_close","ref":"2","payload":{"x":{}"#,
        r#"{},"event":"other""#,
        "{bad",
    ] {
        bench.hear_text(&spliced(body));
        let [Event::BadFrame(_)] = bench.take_events()[..] else { panic!("accepted: {body}") };
    }
    bench.hear_text(&spliced(r#"{"n":1}"#));
    assert_eq!(bench.broadcasts().len(), 1);
    assert!(bench.socket.is_joined(&victim) && bench.socket.is_joined(&a()));
}

#[test]
fn a_malformed_body_in_a_binary_frame_costs_that_message_only() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    let mut frame = vec![4, 10, 1, 0, 1];
    frame.extend_from_slice(b"realtime:ae{bad");
    bench.input(Input::Received(Packet::Binary(frame)));
    assert_eq!(bench.take_events(), [Event::BadFrame(BadFrame::Payload)]);
    assert!(bench.socket.is_joined(&a()));
}

#[test]
fn an_old_socket_refuses_binary_frames() {
    let mut bench = Bench::joined(Serializer::V1, JoinConfig::default());
    bench.input(Input::Received(Packet::Binary(vec![4, 0, 0, 0, 0])));
    assert_eq!(bench.take_events(), [Event::BadFrame(BadFrame::Binary)]);
}

#[test]
fn a_message_for_a_topic_that_is_not_joined_is_ignored() {
    let mut bench = Bench::joined(Serializer::V2, JoinConfig::default());
    bench.hear_text(r#"[null,null,"realtime:b","broadcast",{"event":"e","payload":{}}]"#);
    bench.hear_text(r#"[null,null,"elsewhere","broadcast",{"event":"e","payload":{}}]"#);
    assert_eq!(bench.take_events(), []);
}

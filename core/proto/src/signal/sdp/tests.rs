//! Descriptions as engines write them, and as attackers do.

use proptest::prelude::*;

use super::*;
use SdpError::{Conflict, Line, Missing, NotCarried as Asks};

#[test]
fn an_offer_of_webrtc_rs_is_taken() {
    let facts = check_sdp(&crlf(WEBRTC_RS)).unwrap();
    assert_eq!(facts.fingerprint[..4], [0xE5, 0x30, 0x14, 0x3D]);
    assert_eq!(facts.ice.ufrag, "GSqpYOlmtBBqlgiJ");
    assert_eq!(facts.ice.pwd, "xaWhbiJxbrJKjlTebvRtDXsbBkfhuSBm");
    assert_eq!(facts.setup, SetupRole::ActPass);
    assert!(!facts.ice_lite);
    let [audio] = facts.media.as_slice() else { panic!("one section") };
    assert_eq!((audio.kind, audio.mid.as_str()), (MediaKind::Audio, "0"));
    assert_eq!(audio.direction, MediaDirection::SendRecv);
    let names: Vec<&str> = audio.codecs.iter().map(|codec| codec.name.as_str()).collect();
    assert_eq!(names, ["opus", "g722", "pcmu", "pcma"]);
    assert_eq!(audio.codecs[0].parameters, "minptime=10;useinbandfec=1");
    assert!(audio.codecs[0].is_opus());
}

#[test]
fn an_answer_of_webrtc_rs_is_taken() {
    let answer = WEBRTC_RS.replace("a=setup:actpass", "a=setup:active");
    assert_eq!(check_sdp(&answer).unwrap().setup, SetupRole::Active);
}

#[test]
fn an_offer_of_chromium_is_taken_and_loses_its_addresses() {
    let facts = check_sdp(&crlf(CHROMIUM)).unwrap();
    assert_eq!(facts.ice.ufrag, "A4sp");
    assert_eq!(facts.media[0].codecs.len(), 8);
    assert_eq!(facts.media[0].codecs[1].name, "red");
    assert!(facts.clean.contains("o=- 6581395123809502337 2 IN IP4 0.0.0.0\r\n"));
    assert!(!facts.clean.contains("127.0.0.1") && !facts.clean.contains("a=rtcp:"));
}

#[test]
fn an_offer_of_firefox_is_taken_and_loses_its_name() {
    let facts = check_sdp(&crlf(FIREFOX)).unwrap();
    assert_eq!(facts.media[0].direction, MediaDirection::SendRecv);
    assert_eq!(facts.media[0].mid, "1");
    assert!(facts.media[0].codecs[0].is_opus());
    assert!(!facts.clean.contains("mozilla"));
}

#[test]
fn the_clean_text_reads_the_same_again() {
    for text in [WEBRTC_RS, CHROMIUM, FIREFOX] {
        let facts = check_sdp(text).unwrap();
        assert_eq!(check_sdp(&facts.clean).unwrap(), facts);
    }
}

#[test]
fn what_is_unknown_or_of_no_use_does_not_reach_the_engine() {
    let offer = WEBRTC_RS.replace(
        "a=rtcp-mux",
        "a=rtcp-mux\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n\
         a=end-of-candidates\na=x-attack:1\ni=title\nk=clear:secret\na=fingerprint:sha-1 00:11\na=rid:h send\n\
         a=rtpmap:99 evil/8000\na=fmtp:99 x=1\na=rtcp-fb:99 nack",
    );
    assert_eq!(check_sdp(&offer).unwrap(), check_sdp(WEBRTC_RS).unwrap());
}

#[test]
fn video_and_data_are_refused_by_name() {
    let video = format!("{WEBRTC_RS}m=video 9 UDP/TLS/RTP/SAVPF 96\n");
    assert_eq!(check_sdp(&video), Err(Asks(NotCarried::Video)));
    let data = format!("{WEBRTC_RS}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n");
    assert_eq!(check_sdp(&data), Err(Asks(NotCarried::Data)));
    for other in ["m=text 9 UDP/TLS/RTP/SAVPF 96\n", "m=audio 9 RTP/AVP 0\n", "m=audio 9 RTP/SAVP 0\n"] {
        assert_eq!(check_sdp(&format!("{WEBRTC_RS}{other}")), Err(Asks(NotCarried::Other)));
    }
}

#[test]
fn candidates_pass_by_themselves_only() {
    for line in ["a=candidate:1 1 udp 1 192.0.2.1 5000 typ host", "a=remote-candidates:1 192.0.2.1 5000"] {
        assert_eq!(check_sdp(&format!("{WEBRTC_RS}{line}\n")), Err(SdpError::Candidates));
    }
}

#[test]
fn what_there_must_be_is_demanded_by_name() {
    let demanded = [
        ("v=0", SdpPart::Header),
        ("o=", SdpPart::Header),
        ("t=", SdpPart::Header),
        ("a=fingerprint", SdpPart::Fingerprint),
        ("a=ice-ufrag", SdpPart::IceCredentials),
        ("a=ice-pwd", SdpPart::IceCredentials),
        ("a=setup", SdpPart::Setup),
        ("a=mid", SdpPart::Mid),
        ("a=rtcp-mux", SdpPart::RtcpMux),
    ];
    for (start, part) in demanded {
        assert_eq!(check_sdp(&without(WEBRTC_RS, start)), Err(Missing(part)), "{start}");
    }
    let header: String =
        WEBRTC_RS.lines().take_while(|line| !line.starts_with("m=")).map(|l| l.to_owned() + "\n").collect();
    assert_eq!(check_sdp(&header), Err(Missing(SdpPart::Audio)));
    assert_eq!(check_sdp(&WEBRTC_RS.replace("m=audio 9", "m=audio 0")), Err(Missing(SdpPart::Audio)));
    assert_eq!(check_sdp(&WEBRTC_RS.replace("opus/48000/2", "speex/16000")), Err(Missing(SdpPart::Opus)));
}

#[test]
fn two_certificates_generations_or_roles_are_refused() {
    let more = [
        (format!("a=fingerprint:sha-256 {}", ["AB"; 32].join(":")), SdpPart::Fingerprint),
        ("a=ice-ufrag:another".to_owned(), SdpPart::IceCredentials),
        ("a=ice-pwd:anotherpasswordofthelength".to_owned(), SdpPart::IceCredentials),
        ("a=setup:passive".to_owned(), SdpPart::Setup),
        ("a=mid:other".to_owned(), SdpPart::Mid),
    ];
    for (line, part) in more {
        assert_eq!(check_sdp(&format!("{WEBRTC_RS}{line}\n")), Err(Conflict(part)), "{line}");
    }
}

#[test]
fn several_sections_share_one_transport() {
    let section: String = WEBRTC_RS
        .lines()
        .skip_while(|line| !line.starts_with("m="))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let second = section.replace("a=mid:0", "a=mid:1");
    let two = format!("{WEBRTC_RS}{second}");
    assert_eq!(check_sdp(&two), Err(Missing(SdpPart::Bundle)));
    let bundled = two.replace("BUNDLE 0", "BUNDLE 0 1");
    assert_eq!(check_sdp(&bundled).unwrap().media.len(), 2);
    assert_eq!(check_sdp(&format!("{WEBRTC_RS}{section}")), Err(Conflict(SdpPart::Mid)));
}

#[test]
fn a_wrong_line_is_named_by_its_number() {
    let wrong = [
        "o=- 1 1 IN IP4 0.0.0.0",
        "a=fingerprint:sha-256 AB",
        "a=fingerprint:sha-256 +A:30",
        "a=ice-ufrag:abc",
        "a=ice-ufrag:ab\u{e9}d",
        "a=ice-pwd:short",
        "a=setup:holdconn",
        "a=mid:",
        "a=rtpmap:128 opus/48000/2",
        "a=rtpmap:111 opus/48000/2/1",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111",
        "a=extmap:0 urn:x",
        "a=extmap:1/upward urn:x",
        "a=ssrc:4294967296 cname:x",
        "a=ptime:-20",
        "a=recvonly\u{0}",
        "m=audio 9 UDP/TLS/RTP/SAVPF",
        "m=audio 65536 UDP/TLS/RTP/SAVPF 111",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 111",
        "b=AS:x",
        "A=x",
        "a",
        "",
        "é=1",
    ];
    let number = WEBRTC_RS.lines().count() + 1;
    for line in wrong {
        let text = format!("{WEBRTC_RS}{line}\nb=AS:64\n");
        assert_eq!(check_sdp(&text), Err(Line { number }), "{line}");
    }
}

#[test]
fn a_payload_type_without_a_name_is_refused_where_it_is_listed() {
    let offer = without(WEBRTC_RS, "a=rtpmap:111");
    let number = offer.lines().position(|line| line.starts_with("m=")).unwrap() + 1;
    assert_eq!(check_sdp(&offer), Err(Line { number }));
    assert!(check_sdp(&without(WEBRTC_RS, "a=rtpmap:0")).is_ok());
}

#[test]
fn a_description_over_its_limits_is_refused() {
    let long = format!("{WEBRTC_RS}a=x:{}\n", "y".repeat(MAX_SDP_BYTES));
    assert_eq!(check_sdp(&long), Err(SdpError::TooLong));
    let section = "m=audio 9 UDP/TLS/RTP/SAVPF 111\n";
    assert_eq!(check_sdp(&format!("{WEBRTC_RS}{}", section.repeat(16))), Err(SdpError::TooLong));
}

#[test]
fn the_password_is_not_shown() {
    let facts = check_sdp(WEBRTC_RS).unwrap();
    assert!(!format!("{:?}", facts.ice).contains(&facts.ice.pwd));
}

#[test]
fn our_description_leaves_without_candidates_and_addresses() {
    let gathered = crlf(WEBRTC_RS)
        .replace("m=audio 9 ", "m=audio 50412 ")
        .replace(
            "o=- 3023258934633490412 995478070 IN IP4 0.0.0.0",
            "o=- 3023258934633490412 995478070 IN IP4 10.0.0.5",
        )
        .replace("c=IN IP4 0.0.0.0", "c=IN IP6 fd00::5")
        + "a=candidate:1 1 udp 2130706431 10.0.0.5 50412 typ host\r\na=end-of-candidates\r\n";
    assert_eq!(clean_local_sdp(&gathered), crlf(WEBRTC_RS));
    assert_eq!(clean_local_sdp(&crlf(WEBRTC_RS)), crlf(WEBRTC_RS));
}

#[test]
fn our_clean_description_passes_the_check_of_the_peer() {
    for text in [WEBRTC_RS, CHROMIUM, FIREFOX] {
        let sent = clean_local_sdp(text);
        assert_eq!(check_sdp(&sent).unwrap().fingerprint, check_sdp(text).unwrap().fingerprint);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        _ = check_sdp(&text);
        let cleaned = clean_local_sdp(&text);
        prop_assert_eq!(clean_local_sdp(&cleaned), cleaned);
    }

    #[test]
    fn no_mutation_of_an_offer_makes_the_parser_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..12)
    ) {
        let mut bytes = CHROMIUM.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => _ = bytes.remove(at),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(facts) = check_sdp(&text) {
            prop_assert_eq!(check_sdp(&facts.clean), Ok(facts));
        }
    }

    #[test]
    fn no_order_of_lines_makes_the_parser_panic(order in Just(CHROMIUM.lines().collect::<Vec<_>>()).prop_shuffle()) {
        _ = check_sdp(&order.join("\n"));
    }
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn without(text: &str, start: &str) -> String {
    text.lines().filter(|line| !line.starts_with(start)).map(|line| line.to_owned() + "\n").collect()
}

/// What webrtc-rs 0.21.1 writes for an audio transceiver.
const WEBRTC_RS: &str = include_str!("samples/webrtc_rs_offer.sdp");
/// What Chromium 156 writes for a microphone track.
const CHROMIUM: &str = include_str!("samples/chromium_offer.sdp");
/// What Firefox 152 writes for a microphone track.
const FIREFOX: &str = include_str!("samples/firefox_offer.sdp");

//! Candidates as engines write them, and as attackers do.

use proptest::prelude::*;

use super::*;

#[test]
fn candidates_of_webrtc_rs_chromium_and_firefox_are_taken() {
    let taken = [
        // webrtc-rs 0.21.1.
        "candidate:167090039 1 udp 2130706431 192.168.1.17 58381 typ host",
        "candidate:2139062143 1 udp 2130706431 fd12:3456:789a::17 50110 typ host",
        "candidate:3884443811 1 udp 1694498815 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:848194626 1 udp 16777215 198.51.100.4 60001 typ relay raddr 0.0.0.0 rport 0",
        // Chromium.
        "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag \
         A4sp network-id 1 network-cost 10",
        "candidate:1467250027 1 udp 2122260223 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 53596 typ host generation \
         0 ufrag A4sp network-id 1 network-cost 50",
        "candidate:3471623853 1 udp 41885695 198.51.100.4 61209 typ relay raddr 203.0.113.7 rport 46154 generation 0 \
         ufrag A4sp network-id 1",
        // Firefox.
        "candidate:0 1 UDP 2122252543 5c9e2d6c-7d5b-4a48-b7c5-0d3ffec5b1d9.local 61353 typ host",
        "candidate:3 1 UDP 1685987327 203.0.113.7 61353 typ srflx raddr 0.0.0.0 rport 0",
    ];
    for text in taken {
        let facts = check_candidate(text, CandidateScope::Internet).expect(text);
        assert!(!facts.is_ignored(), "{text}");
        assert_eq!(check_candidate(&facts.clean, CandidateScope::Internet).expect(text).clean, facts.clean);
    }
}

#[test]
fn every_field_of_a_candidate_is_read() {
    let text = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.5 rport 4444 generation \
                0 ufrag A4sp";
    assert_eq!(
        check_candidate(text, CandidateScope::Internet),
        Ok(CandidateFacts {
            foundation: "842163049".to_owned(),
            transport: CandidateTransport::Udp,
            priority: 1_677_729_535,
            address: CandidateAddress::Ip("203.0.113.7".parse().unwrap()),
            port: 46_154,
            kind: CandidateKind::ServerReflexive,
            ufrag: Some("A4sp".to_owned()),
            clean: "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0"
                .to_owned(),
        })
    );
}

#[test]
fn tcp_candidates_are_understood_and_ignored() {
    for text in [
        "candidate:1 1 tcp 1518280447 192.168.1.17 9 typ host tcptype active generation 0",
        "candidate:1 1 TCP 2105524479 192.168.1.17 9 typ host tcptype active",
        "candidate:1 1 tcp 1518280447 192.168.1.17 0 typ host tcptype active",
        "candidate:1 1 tcp 1518280447 192.168.1.17 4443 typ host tcptype passive",
    ] {
        let facts = check_candidate(text, CandidateScope::Internet).expect(text);
        assert!(facts.is_ignored());
        assert!(facts.clean.contains(" tcptype "), "{}", facts.clean);
    }
}

#[test]
fn loopback_is_for_the_local_demo() {
    for address in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        let text = host(address);
        assert_eq!(check_candidate(&text, CandidateScope::Internet), Err(CandidateError::Loopback), "{text}");
        assert!(check_candidate(&text, CandidateScope::LocalDemo).is_ok(), "{text}");
    }
}

#[test]
fn an_address_that_is_nobody_or_everybody_is_refused() {
    let refused = [
        ("0.0.0.0", CandidateError::Unspecified),
        ("0.1.2.3", CandidateError::Unspecified),
        ("::", CandidateError::Unspecified),
        ("::ffff:0.0.0.0", CandidateError::Unspecified),
        ("224.0.0.251", CandidateError::Multicast),
        ("239.255.255.250", CandidateError::Multicast),
        ("255.255.255.255", CandidateError::Multicast),
        ("ff02::fb", CandidateError::Multicast),
        ("::ffff:224.0.0.1", CandidateError::Multicast),
    ];
    for (address, error) in refused {
        for scope in [CandidateScope::Internet, CandidateScope::LocalDemo] {
            assert_eq!(check_candidate(&host(address), scope), Err(error), "{address}");
        }
    }
}

#[test]
fn the_only_names_are_those_of_multicast_dns() {
    let refused = [
        "example.com",
        "localhost",
        "evil.local.example.com",
        "a.b.local",
        ".local",
        "local",
        "x_y.local",
        "fe80::1%eth0",
        "[::1]",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
    ];
    for name in refused {
        assert_eq!(
            check_candidate(&host(name), CandidateScope::LocalDemo),
            Err(CandidateError::HostName),
            "{name}"
        );
    }
    let facts = check_candidate(&host("1F4712DB.LOCAL"), CandidateScope::Internet).unwrap();
    assert_eq!(facts.address, CandidateAddress::Mdns("1f4712db.local".to_owned()));
}

#[test]
fn what_does_not_follow_the_grammar_is_refused() {
    let refused = [
        "",
        "candidate:",
        "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ",
        "candidate:1 1 udp 1 192.0.2.1 5000 host",
        "candidate:1 1 udp 0 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 2147483648 192.0.2.1 5000 typ host",
        "candidate:1 1 udp +1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 99999999999999999999 192.0.2.1 5000 typ host",
        "candidate:1 257 udp 1 192.0.2.1 5000 typ host",
        "candidate:1  1 udp 1 192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ host ",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ host generation",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=crypto:1",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ srflx raddr 10.0.0.1 rport 70000",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ host ufrag a",
        "candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype sideways",
        "candidate:(1) 1 udp 1 192.0.2.1 5000 typ host",
        "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 5000 typ host",
    ];
    for text in refused {
        assert_eq!(check_candidate(text, CandidateScope::Internet), Err(CandidateError::Grammar), "{text}");
    }
    let long = format!("candidate:1 1 udp 1 192.0.2.1 5000 typ host x {}", "y".repeat(512));
    assert_eq!(check_candidate(&long, CandidateScope::Internet), Err(CandidateError::Grammar));
}

#[test]
fn what_follows_the_grammar_and_is_of_no_use_says_why() {
    let refused = [
        ("candidate:1 2 udp 1 192.0.2.1 5000 typ host", CandidateError::Component),
        ("candidate:1 1 sctp 1 192.0.2.1 5000 typ host", CandidateError::Transport),
        ("candidate:1 1 udp 1 192.0.2.1 5000 typ tunnel", CandidateError::Kind),
        ("candidate:1 1 udp 1 192.0.2.1 0 typ host", CandidateError::Port),
    ];
    for (text, error) in refused {
        assert_eq!(check_candidate(text, CandidateScope::Internet), Err(error), "{text}");
    }
}

#[test]
fn our_candidates_leave_without_a_related_address() {
    let cleaned = [
        (
            "candidate:1 1 udp 1694498815 203.0.113.7 46154 typ srflx raddr 192.168.1.17 rport 58381",
            "candidate:1 1 udp 1694498815 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0",
        ),
        (
            "candidate:1 1 udp 16777215 198.51.100.4 60001 typ relay generation 0",
            "candidate:1 1 udp 16777215 198.51.100.4 60001 typ relay raddr 0.0.0.0 rport 0 generation 0",
        ),
        (
            "a=candidate:1 1 udp 16777215 198.51.100.4 60001 typ relay raddr fd00::1 rport 5",
            "a=candidate:1 1 udp 16777215 198.51.100.4 60001 typ relay raddr 0.0.0.0 rport 0",
        ),
        (
            "candidate:1 1 udp 2130706431 192.168.1.17 58381 typ host",
            "candidate:1 1 udp 2130706431 192.168.1.17 58381 typ host",
        ),
        ("", ""),
    ];
    for (ours, sent) in cleaned {
        assert_eq!(clean_local_candidate(ours), sent);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        _ = check_candidate(&text, CandidateScope::Internet);
        _ = clean_local_candidate(&text);
    }

    #[test]
    fn nothing_near_a_candidate_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "candidate:1", "1", "udp", "tcp", "0", "4294967296", "192.0.2.1", "::1", "x.local", "typ", "host",
                "srflx", "raddr", "rport", "tcptype", "active", "ufrag", "", "\u{0}", "é", "-1",
            ]),
            0..24,
        )
    ) {
        let text = words.join(" ");
        if let Ok(facts) = check_candidate(&text, CandidateScope::LocalDemo) {
            // What is handed to the engine reads the same again.
            let again = check_candidate(&facts.clean, CandidateScope::LocalDemo).expect("clean text");
            prop_assert_eq!(again.clean, facts.clean);
        }
        let cleaned = clean_local_candidate(&text);
        prop_assert_eq!(clean_local_candidate(&cleaned), cleaned);
    }
}

fn host(address: &str) -> String {
    format!("candidate:1 1 udp 2130706431 {address} 5000 typ host")
}

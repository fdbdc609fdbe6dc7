//! What leaves of our descriptions and candidates.
//!
//! No address of ours leaves except as the address of a candidate: descriptions carry no candidates and say 0.0.0.0,
//! candidates hide the address behind their own (`raddr`).

use std::net::IpAddr;

/// Our description as it leaves: without candidates, `o=` and `c=` saying 0.0.0.0.
pub(super) fn clean_description(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        if line.starts_with("a=candidate:") || line.starts_with("a=end-of-candidates") {
            continue;
        }
        if line.starts_with("c=") {
            out.push_str("c=IN IP4 0.0.0.0");
        } else if let Some(origin) = line.strip_prefix("o=") {
            // o=<username> <sess-id> <sess-version> IN IP4 <address> (RFC 8866 section 5.2)
            let kept: Vec<&str> = origin.split(' ').take(3).collect();
            out.push_str("o=");
            out.push_str(&kept.join(" "));
            out.push_str(" IN IP4 0.0.0.0");
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

/// Our candidate as it leaves, without `a=` and with its related address hidden; `None` if the peer has no use for
/// it: not UDP, unspecified, multicast, or loopback unless `loopback`.
pub(super) fn clean_candidate(candidate: &str, loopback: bool) -> Option<String> {
    let mut words: Vec<&str> = candidate.trim_start_matches("a=").split_ascii_whitespace().collect();
    let [_, _, protocol, _, address, ..] = words[..] else { return None };
    if !protocol.eq_ignore_ascii_case("udp") {
        return None;
    }
    let address: IpAddr = address.parse().ok()?;
    if address.is_unspecified() || address.is_multicast() || (address.is_loopback() && !loopback) {
        return None;
    }
    for at in 1..words.len() {
        match words[at - 1] {
            "raddr" => words[at] = "0.0.0.0",
            "rport" => words[at] = "0",
            _ => {}
        }
    }
    Some(words.join(" "))
}

/// The `mid` of the first media section.
pub(super) fn first_mid(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).map(|mid| mid.trim().to_owned())
}

/// The payload type of Opus in the first audio section of a description.
pub(super) fn opus_payload_type(sdp: &str) -> Option<u8> {
    let mapping = |line: &str| {
        let (number, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        let opus = codec.trim().eq_ignore_ascii_case("opus/48000/2");
        number.parse::<u8>().ok().filter(|number| opus && *number < 128)
    };
    sdp.lines().skip_while(|line| !line.starts_with("m=audio")).find_map(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_leaves_without_addresses() {
        let sdp = "v=0\r\no=- 12 34 IN IP4 192.0.2.9\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
                   c=IN IP6 2001:db8::1\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 5 typ host\r\n\
                   a=end-of-candidates\r\na=rtpmap:111 opus/48000/2\r\n";
        let clean = clean_description(sdp);
        assert!(!clean.contains("192.0.2.9") && !clean.contains("2001:db8"));
        assert!(clean.contains("o=- 12 34 IN IP4 0.0.0.0\r\n") && clean.contains("c=IN IP4 0.0.0.0\r\n"));
        assert!(!clean.contains("candidate"));
        assert_eq!(first_mid(&clean).as_deref(), Some("0"));
        assert_eq!(opus_payload_type(&clean), Some(111));
    }

    #[test]
    fn a_candidate_leaves_without_its_related_address() {
        let candidate =
            "candidate:7 1 udp 1694498815 203.0.113.5 5000 typ srflx raddr 192.168.1.4 rport 40000";
        let clean = clean_candidate(candidate, false).unwrap();
        assert_eq!(clean, "candidate:7 1 udp 1694498815 203.0.113.5 5000 typ srflx raddr 0.0.0.0 rport 0");
    }

    #[test]
    fn useless_candidates_stay() {
        let of =
            |address: &str, protocol: &str| format!("candidate:7 1 {protocol} 1 {address} 5000 typ host");
        assert_eq!(clean_candidate(&of("127.0.0.1", "udp"), false), None);
        assert!(clean_candidate(&of("127.0.0.1", "udp"), true).is_some());
        assert_eq!(clean_candidate(&of("0.0.0.0", "udp"), true), None);
        assert_eq!(clean_candidate(&of("192.0.2.1", "tcp"), true), None);
        assert!(clean_candidate(&of("2001:db8::1", "UDP"), false).is_some());
        assert_eq!(clean_candidate("candidate:", true), None);
    }

    #[test]
    fn a_description_without_opus_has_no_payload_type() {
        assert_eq!(opus_payload_type("m=audio 9 x 0\r\na=rtpmap:0 PCMU/8000\r\n"), None);
        assert_eq!(opus_payload_type("m=video 9 x 96\r\na=rtpmap:96 VP8/90000\r\n"), None);
    }
}

//! Which of our candidates leave, and what a description says that the engine's types hide.

use std::net::IpAddr;

use crate::proto::signal::clean_local_candidate;

/// Our candidate as it leaves, with its related address hidden; `None` if the peer has no use for it: not UDP,
/// unspecified, multicast, or loopback unless `loopback`.
pub(super) fn outgoing_candidate(candidate: &str, loopback: bool) -> Option<String> {
    let mut words = candidate.split_ascii_whitespace().skip(2);
    let (protocol, _, address) = (words.next()?, words.next()?, words.next()?);
    let address: IpAddr = address.parse().ok()?;
    let useless = address.is_unspecified() || address.is_multicast() || (address.is_loopback() && !loopback);
    let leaves = protocol.eq_ignore_ascii_case("udp") && !useless;
    leaves.then(|| clean_local_candidate(candidate))
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
    fn a_description_names_its_section_and_its_number_for_opus() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:a1\r\na=rtpmap:96 opus/48000/2\r\n";
        assert_eq!(first_mid(sdp).as_deref(), Some("a1"));
        assert_eq!(opus_payload_type(sdp), Some(96));
    }

    #[test]
    fn a_candidate_leaves_without_its_related_address() {
        let candidate =
            "candidate:7 1 udp 1694498815 203.0.113.5 5000 typ srflx raddr 192.168.1.4 rport 40000";
        let clean = outgoing_candidate(candidate, false).unwrap();
        assert_eq!(clean, "candidate:7 1 udp 1694498815 203.0.113.5 5000 typ srflx raddr 0.0.0.0 rport 0");
    }

    #[test]
    fn useless_candidates_stay() {
        let of =
            |address: &str, protocol: &str| format!("candidate:7 1 {protocol} 1 {address} 5000 typ host");
        assert_eq!(outgoing_candidate(&of("127.0.0.1", "udp"), false), None);
        assert!(outgoing_candidate(&of("127.0.0.1", "udp"), true).is_some());
        assert_eq!(outgoing_candidate(&of("0.0.0.0", "udp"), true), None);
        assert_eq!(outgoing_candidate(&of("192.0.2.1", "tcp"), true), None);
        assert!(outgoing_candidate(&of("2001:db8::1", "UDP"), false).is_some());
        assert_eq!(outgoing_candidate("candidate:", true), None);
    }

    #[test]
    fn a_description_without_opus_has_no_payload_type() {
        assert_eq!(opus_payload_type("m=audio 9 x 0\r\na=rtpmap:0 PCMU/8000\r\n"), None);
        assert_eq!(opus_payload_type("m=video 9 x 96\r\na=rtpmap:96 VP8/90000\r\n"), None);
    }
}

//! What goes into the log: datagrams, events and texts without anything random in them.

use std::fmt::Write as _;

use ringback::media::EngineEvent;
use ringback::proto::session::MediaEvent;

/// An event of the media engine, without anything random.
pub fn describe(event: &EngineEvent) -> String {
    match event {
        EngineEvent::Session(MediaEvent::Opened { .. }) => "Opened".to_owned(),
        EngineEvent::Session(MediaEvent::OfferReady { round, .. }) => format!("OfferReady {round}"),
        EngineEvent::Session(MediaEvent::AnswerReady { round, .. }) => format!("AnswerReady {round}"),
        EngineEvent::Session(MediaEvent::Candidate(candidate)) => {
            format!("Candidate {}", mask(&candidate.candidate))
        }
        EngineEvent::Session(event) => format!("{event:?}"),
        EngineEvent::Sound(_) => "Sound".to_owned(),
        EngineEvent::PathChanged(path) => format!("PathChanged {:?} {:?}", path.local, path.remote),
    }
}

/// A text of the wire with the values that an engine makes up replaced by `*`: ICE credentials, fingerprints, SSRCs,
/// session ids, foundations and ports. Works on SDP, on candidates, and on both inside JSON.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.replace("\\r\\n", "\r\n").split("\r\n").enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        out.push_str(&mask_line(line));
    }
    out
}

fn mask_line(line: &str) -> String {
    if let Some(at) = line.find("candidate:") {
        return mask_candidate(line, at);
    }
    for prefix in MASKED_LINES {
        if let Some(at) = line.find(prefix) {
            return format!("{}*", &line[..at + prefix.len()]);
        }
    }
    line.to_owned()
}

/// `candidate:<foundation> <component> udp <priority> <address> <port> ..`: foundation and port go.
fn mask_candidate(line: &str, at: usize) -> String {
    let mut masked = line[..at].to_owned();
    for (index, word) in line[at..].split(' ').enumerate() {
        match index {
            0 => masked.push_str("candidate:*"),
            5 => masked.push_str(" *"),
            _ => {
                masked.push(' ');
                masked.push_str(word);
            }
        }
    }
    masked
}

const MASKED_LINES: [&str; 6] =
    ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=ssrc:", "o=- ", "a=msid:"];

/// What a datagram is. The lengths of DTLS handshake records vary with the signature, so they are left out.
pub(super) fn datagram(bytes: &[u8]) -> String {
    match bytes.first() {
        Some(0..=3) if bytes.len() >= 20 => {
            let nominates = if has_attribute(bytes, USE_CANDIDATE) { " use-candidate" } else { "" };
            format!("stun {:02x}{:02x} {}{nominates}", bytes[0], bytes[1], bytes.len())
        }
        Some(20..=63) => dtls(bytes),
        // RTCP in place of a payload type (RFC 5761 section 4)
        Some(128..=191) if bytes.len() >= 8 && (192..=223).contains(&bytes[1]) => {
            format!("rtcp {} {}", bytes[1], bytes.len())
        }
        Some(128..=191) if bytes.len() >= 12 => format!("rtp {} {}", bytes[1] & 127, bytes.len()),
        // ChannelData (RFC 8656 section 12.4)
        Some(0x40..=0x4f) if bytes.len() >= 4 => format!("channel {}", datagram(&bytes[4..])),
        _ => format!("other {}", bytes.len()),
    }
}

/// The kinds of the records, handshake messages in the clear with their type.
fn dtls(bytes: &[u8]) -> String {
    let (mut out, mut rest) = ("dtls".to_owned(), bytes);
    while rest.len() >= 13 {
        let length = usize::from(u16::from_be_bytes([rest[11], rest[12]]));
        let message = rest.get(13).filter(|_| rest[0] == 22 && rest[4] == 0);
        let _ = match message {
            Some(message) => write!(out, " {}.{message}", rest[0]),
            None => write!(out, " {}", rest[0]),
        };
        rest = &rest[(13 + length).min(rest.len())..];
    }
    out
}

fn has_attribute(message: &[u8], wanted: u16) -> bool {
    let mut rest = message.get(20..).unwrap_or_default();
    while let [kind_high, kind_low, high, low, ..] = rest {
        if u16::from_be_bytes([*kind_high, *kind_low]) == wanted {
            return true;
        }
        let length = usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    false
}

const USE_CANDIDATE: u16 = 0x0025;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_are_masked() {
        let sdp = "o=- 12 34 IN IP4 0.0.0.0\r\na=ice-ufrag:abc\r\na=mid:0\r\na=fingerprint:sha-256 AA:BB\r\n";
        assert_eq!(mask(sdp), "o=- *\r\na=ice-ufrag:*\r\na=mid:0\r\na=fingerprint:*\r\n");
        let candidate = "candidate:123 1 udp 2130706431 127.0.0.1 40001 typ host";
        assert_eq!(mask(candidate), "candidate:* 1 udp 2130706431 127.0.0.1 * typ host");
    }
}

//! One `a=` line: what it means, or that it is wrong.

use super::{MediaDirection, SetupRole};
use crate::signal::candidate::is_ice_char;

/// What an attribute line means to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attribute<'a> {
    Fingerprint([u8; 32]),
    IceUfrag(&'a str),
    IcePwd(&'a str),
    IceLite,
    Setup(SetupRole),
    Mid(&'a str),
    Direction(MediaDirection),
    RtcpMux,
    Bundle(Vec<&'a str>),
    RtpMap(RtpMap<'a>),
    /// `a=fmtp`.
    Parameters(u8, &'a str),
    /// About one payload type, known and harmless.
    ForPayload(u8),
    /// Known and harmless.
    Kept,
    /// Candidates, which have no business here.
    Candidates,
    /// Unknown, or of no use.
    Dropped,
}

/// `a=rtpmap:<payload type> <name>/<clock>[/<channels>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RtpMap<'a> {
    pub(super) payload_type: u8,
    pub(super) name: &'a str,
    pub(super) clock_rate_hz: u32,
    pub(super) channels: u8,
}

impl<'a> Attribute<'a> {
    /// Reads the part after `a=`; `None`: the name is known and the value is wrong.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        Some(match (name, value) {
            ("fingerprint", Some(value)) => read_fingerprint(value)?,
            ("ice-ufrag", Some(value)) => Attribute::IceUfrag(ice_text(value, 4)?),
            ("ice-pwd", Some(value)) => Attribute::IcePwd(ice_text(value, 22)?),
            ("ice-lite", None) => Attribute::IceLite,
            ("setup", Some(value)) => Attribute::Setup(read_setup(value)?),
            ("mid", Some(value)) => Attribute::Mid(token(value, MAX_MID_BYTES)?),
            ("sendrecv", None) => Attribute::Direction(MediaDirection::SendRecv),
            ("sendonly", None) => Attribute::Direction(MediaDirection::SendOnly),
            ("recvonly", None) => Attribute::Direction(MediaDirection::RecvOnly),
            ("inactive", None) => Attribute::Direction(MediaDirection::Inactive),
            ("rtcp-mux", None) => Attribute::RtcpMux,
            ("group", Some(value)) => read_group(value)?,
            ("rtpmap", Some(value)) => Attribute::RtpMap(read_rtpmap(value)?),
            ("fmtp", Some(value)) => {
                let (payload_type, parameters) = value.split_once(' ')?;
                Attribute::Parameters(read_payload_type(payload_type)?, printable(parameters)?)
            }
            ("rtcp-fb", Some(value)) => {
                let (payload_type, feedback) = value.split_once(' ')?;
                printable(feedback)?;
                match payload_type {
                    "*" => Attribute::Kept,
                    number => Attribute::ForPayload(read_payload_type(number)?),
                }
            }
            ("extmap", Some(value)) => read_extmap(value)?,
            ("ssrc", Some(value)) => read_ssrc(value)?,
            ("ptime" | "maxptime", Some(value)) => {
                // RFC 8866 section 6.4; Opus packets have at most 120 ms, 1 s leaves room for others.
                decimal(value, 1000).map(|_| Attribute::Kept)?
            }
            ("ice-options" | "msid" | "msid-semantic", Some(value)) => {
                printable(value).map(|_| Attribute::Kept)?
            }
            ("rtcp-rsize" | "extmap-allow-mixed", None) => Attribute::Kept,
            ("candidate" | "remote-candidates", _) => Attribute::Candidates,
            (_, _) => Attribute::Dropped,
        })
    }
}

/// A decimal number of at most `most`, without sign.
pub(super) fn decimal(text: &str, most: u64) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| *number <= most)
}

/// An RTP payload type, 0 to 127.
pub(super) fn read_payload_type(text: &str) -> Option<u8> {
    decimal(text, 127).and_then(|number| u8::try_from(number).ok())
}

/// RFC 8122 section 5: pairs of hexadecimal digits with colons between.
fn read_fingerprint(value: &str) -> Option<Attribute<'_>> {
    let (hash, digest) = value.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return Some(Attribute::Dropped);
    }
    let mut bytes = [0; 32];
    let mut pairs = digest.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        // `from_str_radix` would take a sign.
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Attribute::Fingerprint(bytes))
}

fn read_setup(value: &str) -> Option<SetupRole> {
    match value {
        "actpass" => Some(SetupRole::ActPass),
        "active" => Some(SetupRole::Active),
        "passive" => Some(SetupRole::Passive),
        // `holdconn` makes no connection (RFC 8842 section 5.2 forbids it).
        _ => None,
    }
}

fn read_group(value: &str) -> Option<Attribute<'_>> {
    let mut words = value.split(' ');
    if words.next() != Some("BUNDLE") {
        return Some(Attribute::Dropped);
    }
    words.map(|word| token(word, MAX_MID_BYTES)).collect::<Option<_>>().map(Attribute::Bundle)
}

fn read_rtpmap(value: &str) -> Option<RtpMap<'_>> {
    let (payload_type, codec) = value.split_once(' ')?;
    let mut parts = codec.split('/');
    let name = token(parts.next()?, MAX_CODEC_NAME_BYTES)?;
    // Video counts in 90 kHz, no audio codec goes above 192 kHz.
    let clock_rate_hz = decimal(parts.next()?, 192_000).and_then(|rate| u32::try_from(rate).ok())?;
    let channels = match parts.next() {
        Some(channels) => decimal(channels, 8).and_then(|channels| u8::try_from(channels).ok())?,
        None => 1,
    };
    if parts.next().is_some() || clock_rate_hz == 0 || channels == 0 {
        return None;
    }
    Some(RtpMap { payload_type: read_payload_type(payload_type)?, name, clock_rate_hz, channels })
}

/// RFC 8285 section 8: `<id>[/<direction>] <uri>[ <attributes>]`.
fn read_extmap(value: &str) -> Option<Attribute<'_>> {
    let (id, uri) = value.split_once(' ')?;
    let (id, direction) = id.split_once('/').unwrap_or((id, "sendrecv"));
    let direction = ["sendrecv", "sendonly", "recvonly", "inactive"].contains(&direction);
    // Two-byte headers have ids up to 255.
    let id = decimal(id, 255).is_some_and(|id| id > 0);
    (id && direction && printable(uri).is_some()).then_some(Attribute::Kept)
}

/// RFC 5576 section 4.1.
fn read_ssrc(value: &str) -> Option<Attribute<'_>> {
    let (ssrc, rest) = value.split_once(' ')?;
    decimal(ssrc, u64::from(u32::MAX))?;
    printable(rest).map(|_| Attribute::Kept)
}

/// RFC 8839 section 5.4: at least `least` and at most 256 ice-chars.
fn ice_text(value: &str, least: usize) -> Option<&str> {
    let legal = (least..=256).contains(&value.len()) && value.bytes().all(is_ice_char);
    legal.then_some(value)
}

/// RFC 8866 section 9, `token`.
fn token(value: &str, most: usize) -> Option<&str> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    ((1..=most).contains(&value.len()) && value.bytes().all(legal)).then_some(value)
}

fn printable(value: &str) -> Option<&str> {
    let legal = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (!value.is_empty() && value.bytes().all(legal)).then_some(value)
}

/// 16 is what fits a one-byte header extension; RFC 9143 section 9.1 asks for less still, some write UUIDs.
const MAX_MID_BYTES: usize = 36;

/// The longest name in use, `telephone-event`, twice.
const MAX_CODEC_NAME_BYTES: usize = 32;

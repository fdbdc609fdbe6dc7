//! ICE candidates: the allow-list for the peer's, and what is taken out of ours.
//!
//! The grammar is that of RFC 8839 section 5.1, the attribute without `a=`:
//!
//! ```text
//! candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0
//!           foundation | |   priority   address     port      type  related address      extensions
//!              component transport
//! ```
//!
//! | address | taken |
//! |---|---|
//! | IPv4, IPv6 | yes, unless listed below; an IPv4 address inside IPv6 is judged as IPv4 |
//! | `name.local`, one label | yes: mDNS of a browser |
//! | any other name | no: resolving it would tell a name server about the call |
//! | loopback | in [`CandidateScope::LocalDemo`] only |
//! | multicast, broadcast, unspecified | no |
//!
//! Nothing of an extension is taken but `tcptype` and `ufrag`. Nothing here resolves a name or knows whether an
//! address can be reached.

use std::net::{IpAddr, Ipv4Addr};

/// Which addresses a peer may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateScope {
    /// Every address but loopback.
    Internet,
    /// Loopback too: both sides run on one machine.
    LocalDemo,
}

/// What a candidate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateFacts {
    /// Groups candidates that freeze and unfreeze together.
    pub foundation: String,
    /// UDP or TCP.
    pub transport: CandidateTransport,
    /// 1 to 2^31 - 1, higher is better.
    pub priority: u32,
    /// Where to send checks.
    pub address: CandidateAddress,
    /// The port.
    pub port: u16,
    /// How the peer came by the address.
    pub kind: CandidateKind,
    /// The ICE generation that it belongs to, if the peer says so (RFC 8839 section 5.1, `ufrag`).
    pub ufrag: Option<String>,
    /// The candidate written anew from what was understood: this is for the engine, not the peer's text.
    pub clean: String,
}

impl CandidateFacts {
    /// Whether the candidate is well formed but of no use to us: ICE over TCP is not built.
    pub fn is_ignored(&self) -> bool {
        self.transport == CandidateTransport::Tcp
    }
}

/// The transport of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateTransport {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp,
}

/// The address of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CandidateAddress {
    /// An address.
    Ip(IpAddr),
    /// A name of multicast DNS that hides a host address, in lower case: `name.local`.
    Mdns(String),
}

/// How a peer came by an address (RFC 8445 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// Of the machine itself.
    Host,
    /// Seen by a STUN server.
    ServerReflexive,
    /// Seen by a peer.
    PeerReflexive,
    /// Of a TURN server.
    Relay,
}

impl CandidateKind {
    fn name(self) -> &'static str {
        match self {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relay => "relay",
        }
    }
}

/// Why a candidate is not taken. The others of its message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// It does not follow RFC 8839, or has more than 512 bytes.
    #[error("not a candidate as RFC 8839 writes them")]
    Grammar,
    /// It belongs to a component other than 1: RTCP shares the port of RTP.
    #[error("of a component other than 1")]
    Component,
    /// Neither UDP nor TCP.
    #[error("neither UDP nor TCP")]
    Transport,
    /// A type that RFC 8445 does not know.
    #[error("of an unknown type")]
    Kind,
    /// A host name that is not one label and `.local`.
    #[error("a host name other than name.local")]
    HostName,
    /// A loopback address, outside the local demo.
    #[error("a loopback address")]
    Loopback,
    /// A multicast or broadcast address.
    #[error("a multicast or broadcast address")]
    Multicast,
    /// The unspecified address, or another of its network (0.0.0.0/8).
    #[error("an unspecified address")]
    Unspecified,
    /// Port 0.
    #[error("port 0")]
    Port,
}

/// Reads a candidate of the peer: `candidate:...`, without `a=`.
///
/// # Errors
/// [`CandidateError`] says what is wrong; the candidate is to be dropped, the call goes on.
pub fn check_candidate(text: &str, scope: CandidateScope) -> Result<CandidateFacts, CandidateError> {
    if text.len() > MAX_CANDIDATE_BYTES {
        return Err(CandidateError::Grammar);
    }
    let rest = text.strip_prefix("candidate:").ok_or(CandidateError::Grammar)?;
    let mut words = rest.split(' ');
    let mut word = || words.next().filter(|word| is_visible(word)).ok_or(CandidateError::Grammar);

    let foundation = word()?;
    if foundation.len() > 32 || !foundation.bytes().all(is_ice_char) {
        return Err(CandidateError::Grammar);
    }
    let component = number(word()?, 256)?;
    let transport = word()?;
    let priority = number(word()?, MAX_PRIORITY)?;
    let address = word()?;
    let port = number(word()?, u32::from(u16::MAX))?;
    if word()? != "typ" {
        return Err(CandidateError::Grammar);
    }
    let kind = word()?;
    let extensions = Extensions::read(words)?;

    if component != 1 {
        return Err(CandidateError::Component);
    }
    let transport = match () {
        () if transport.eq_ignore_ascii_case("udp") => CandidateTransport::Udp,
        () if transport.eq_ignore_ascii_case("tcp") => CandidateTransport::Tcp,
        () => return Err(CandidateError::Transport),
    };
    let kind = ALL_KINDS.into_iter().find(|known| known.name() == kind).ok_or(CandidateError::Kind)?;
    let address = check_address(address, scope)?;
    // An active TCP candidate has no port to name (RFC 6544 section 4.5).
    let port = u16::try_from(port).map_err(|_| CandidateError::Grammar)?;
    if priority == 0 || (port == 0 && transport == CandidateTransport::Udp) {
        return Err(if priority == 0 { CandidateError::Grammar } else { CandidateError::Port });
    }

    let mut facts = CandidateFacts {
        foundation: foundation.to_owned(),
        transport,
        priority,
        address,
        port,
        kind,
        ufrag: extensions.ufrag.map(str::to_owned),
        clean: String::new(),
    };
    facts.clean = write_clean(&facts, extensions.tcptype);
    Ok(facts)
}

/// Takes out of a candidate of ours what the peer need not know: the related address becomes `0.0.0.0`, port 0.
///
/// A candidate that is not of type host gets the pair even if the engine left it out (RFC 8839 section 5.1 demands
/// it), one of type host loses it. Text that is no candidate comes back as it is. Cleaning twice changes nothing.
pub fn clean_local_candidate(text: &str) -> String {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let kind = words.iter().position(|word| *word == "typ").map(|typ| typ + 1);
    let Some((kind, start)) = kind.and_then(|kind| Some((*words.get(kind)?, words.get(..=kind)?))) else {
        return text.to_owned();
    };
    let mut clean = start.to_vec();
    if kind != CandidateKind::Host.name() {
        clean.extend(["raddr", "0.0.0.0", "rport", "0"]);
    }
    let extensions = words[start.len()..].chunks(2).filter(|pair| !matches!(pair[0], "raddr" | "rport"));
    clean.extend(extensions.flatten());
    clean.join(" ")
}

/// Whether RFC 8839 section 5.1 allows the byte in a foundation, a ufrag or a password.
pub(super) fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// What is taken of the part after the type.
#[derive(Default)]
struct Extensions<'a> {
    tcptype: Option<&'static str>,
    ufrag: Option<&'a str>,
}

impl<'a> Extensions<'a> {
    /// Reads pairs of a name and a value, the related address among them.
    fn read(mut words: impl Iterator<Item = &'a str>) -> Result<Self, CandidateError> {
        let mut taken = Self::default();
        while let Some(name) = words.next() {
            let value = words.next().ok_or(CandidateError::Grammar)?;
            if !is_visible(name) || !is_visible(value) {
                return Err(CandidateError::Grammar);
            }
            match name {
                "rport" => _ = number(value, u32::from(u16::MAX))?,
                "tcptype" => {
                    let known = ["active", "passive", "so"].into_iter().find(|known| *known == value);
                    taken.tcptype = Some(known.ok_or(CandidateError::Grammar)?);
                }
                "ufrag" => {
                    if !(4..=256).contains(&value.len()) || !value.bytes().all(is_ice_char) {
                        return Err(CandidateError::Grammar);
                    }
                    taken.ufrag = Some(value);
                }
                // The related address is for diagnostics and is thrown away, whatever it says.
                _ => {}
            }
        }
        Ok(taken)
    }
}

fn check_address(text: &str, scope: CandidateScope) -> Result<CandidateAddress, CandidateError> {
    let Ok(ip) = text.parse::<IpAddr>() else {
        return check_name(text);
    };
    // `::ffff:127.0.0.1` reaches 127.0.0.1.
    let judged = ip.to_canonical();
    if judged.is_loopback() && scope == CandidateScope::Internet {
        return Err(CandidateError::Loopback);
    }
    if judged.is_unspecified() || matches!(judged, IpAddr::V4(v4) if v4.octets()[0] == 0) {
        return Err(CandidateError::Unspecified);
    }
    if judged.is_multicast() || judged == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(CandidateError::Multicast);
    }
    Ok(CandidateAddress::Ip(ip))
}

/// One label and `.local`, as draft-ietf-mmusic-mdns-ice-candidates section 3.1.1 makes them.
fn check_name(text: &str) -> Result<CandidateAddress, CandidateError> {
    let name = text.to_ascii_lowercase();
    let label = name.strip_suffix(".local").ok_or(CandidateError::HostName)?;
    let legal = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    // 63 bytes: RFC 1035 section 2.3.4.
    if label.is_empty() || label.len() > 63 || !legal {
        return Err(CandidateError::HostName);
    }
    Ok(CandidateAddress::Mdns(name))
}

fn write_clean(facts: &CandidateFacts, tcptype: Option<&str>) -> String {
    use std::fmt::Write as _;

    let transport = match facts.transport {
        CandidateTransport::Udp => "udp",
        CandidateTransport::Tcp => "tcp",
    };
    let address = match &facts.address {
        CandidateAddress::Ip(ip) => ip.to_string(),
        CandidateAddress::Mdns(name) => name.clone(),
    };
    let mut text = format!(
        "candidate:{} 1 {transport} {} {address} {} typ {}",
        facts.foundation,
        facts.priority,
        facts.port,
        facts.kind.name()
    );
    if facts.kind != CandidateKind::Host {
        text.push_str(" raddr 0.0.0.0 rport 0");
    }
    if let Some(tcptype) = tcptype {
        // Writing to a String cannot fail.
        _ = write!(text, " tcptype {tcptype}");
    }
    text
}

/// A decimal number of at most `most`, without sign, of at most ten digits.
fn number(text: &str, most: u32) -> Result<u32, CandidateError> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { text.parse::<u64>().ok() } else { None };
    value
        .and_then(|value| u32::try_from(value).ok())
        .filter(|value| *value <= most)
        .ok_or(CandidateError::Grammar)
}

fn is_visible(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic())
}

const ALL_KINDS: [CandidateKind; 4] =
    [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::PeerReflexive, CandidateKind::Relay];

/// Three times the longest that browsers write.
const MAX_CANDIDATE_BYTES: usize = 512;

/// 2^31 - 1: RFC 8445 section 5.1.2.
const MAX_PRIORITY: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests;

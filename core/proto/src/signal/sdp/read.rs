//! The reader of a peer's description: line by line, then the demands on the whole.

use super::attribute::{Attribute, decimal, read_payload_type};
use super::{
    Codec, IceCredentials, MediaDirection, MediaKind, MediaSection, NotCarried, SdpError, SdpFacts, SdpPart,
    SetupRole,
};

pub(super) fn read(text: &str) -> Result<SdpFacts, SdpError> {
    let mut reader = Reader::default();
    let body = text.strip_suffix('\n').unwrap_or(text);
    for (index, line) in body.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        reader.take_line(number, line)?;
    }
    reader.finish()
}

/// What has been read so far.
#[derive(Default)]
struct Reader<'a> {
    clean: String,
    origin: bool,
    timing: bool,
    ice_lite: bool,
    session_direction: Option<MediaDirection>,
    fingerprint: Option<[u8; 32]>,
    ufrag: Option<&'a str>,
    pwd: Option<&'a str>,
    setup: Option<SetupRole>,
    bundle: Option<Vec<&'a str>>,
    session_rtcp_mux: bool,
    sections: Vec<Section<'a>>,
}

/// A media section so far.
struct Section<'a> {
    line_number: usize,
    payload_types: Vec<u8>,
    codecs: Vec<Codec>,
    parameters: Vec<(u8, &'a str)>,
    mid: Option<&'a str>,
    direction: Option<MediaDirection>,
    rtcp_mux: bool,
}

impl<'a> Reader<'a> {
    fn take_line(&mut self, number: usize, line: &'a str) -> Result<(), SdpError> {
        let wrong = SdpError::Line { number };
        if line.chars().any(char::is_control) {
            return Err(wrong);
        }
        let (start, value) = line.split_at_checked(2).ok_or(wrong)?;
        if number == 1 {
            // RFC 8866 section 5.1: the version comes first, and there is only 0.
            return if line == "v=0" { self.keep(line) } else { Err(SdpError::Missing(SdpPart::Header)) };
        }
        match start {
            "o=" => self.take_origin(value).ok_or(wrong),
            "s=" if self.sections.is_empty() => self.keep("s=-"),
            "t=" => self.take_timing(value).ok_or(wrong),
            "c=" => self.keep("c=IN IP4 0.0.0.0"),
            "b=" => self.take_bandwidth(line, value).ok_or(wrong),
            "m=" => self.take_media(number, value),
            "a=" => self.take_attribute(number, line, value),
            _ if start.as_bytes().first().is_some_and(u8::is_ascii_lowercase) && start.ends_with('=') => {
                Ok(())
            }
            _ => Err(wrong),
        }
    }

    fn keep(&mut self, line: &str) -> Result<(), SdpError> {
        self.clean.push_str(line);
        self.clean.push_str("\r\n");
        Ok(())
    }

    /// `o=<user> <session> <version> <network> <family> <address>`: the two numbers stay.
    fn take_origin(&mut self, value: &str) -> Option<()> {
        let words: Vec<&str> = value.split(' ').collect();
        let &[_, session, version, _, _, _] = words.as_slice() else {
            return None;
        };
        if self.origin || !self.sections.is_empty() {
            return None;
        }
        let (session, version) = (decimal(session, u64::MAX)?, decimal(version, u64::MAX)?);
        self.origin = true;
        self.keep(&format!("o=- {session} {version} IN IP4 0.0.0.0")).ok()
    }

    /// A permanent session, as RFC 3264 section 5 asks; other times mean nothing here.
    fn take_timing(&mut self, value: &str) -> Option<()> {
        let (start, stop) = value.split_once(' ')?;
        decimal(start, u64::MAX)?;
        decimal(stop, u64::MAX)?;
        if self.timing || !self.sections.is_empty() {
            return None;
        }
        self.timing = true;
        self.keep("t=0 0").ok()
    }

    fn take_bandwidth(&mut self, line: &str, value: &str) -> Option<()> {
        let (name, number) = value.split_once(':')?;
        decimal(number, u64::from(u32::MAX))?;
        if matches!(name, "AS" | "TIAS") { self.keep(line).ok() } else { Some(()) }
    }

    /// `m=<kind> <port> <transport> <payload types>`.
    fn take_media(&mut self, number: usize, value: &'a str) -> Result<(), SdpError> {
        let wrong = SdpError::Line { number };
        if !(self.origin && self.timing) {
            return Err(SdpError::Missing(SdpPart::Header));
        }
        if self.sections.len() == SdpFacts::MAX_MEDIA {
            return Err(SdpError::TooLong);
        }
        let mut words = value.split(' ');
        let (Some(kind), Some(port), Some(transport)) = (words.next(), words.next(), words.next()) else {
            return Err(wrong);
        };
        let port = decimal(port, u64::from(u16::MAX)).ok_or(wrong)?;
        match kind {
            "audio" if DTLS_SRTP.contains(&transport) => {}
            "video" => return Err(SdpError::NotCarried(NotCarried::Video)),
            "application" => return Err(SdpError::NotCarried(NotCarried::Data)),
            _ => return Err(SdpError::NotCarried(NotCarried::Other)),
        }
        if port == 0 {
            return Err(SdpError::Missing(SdpPart::Audio));
        }
        let mut payload_types = Vec::new();
        for word in words {
            let payload_type = read_payload_type(word).ok_or(wrong)?;
            if payload_types.contains(&payload_type) {
                return Err(wrong);
            }
            payload_types.push(payload_type);
        }
        if payload_types.is_empty() {
            return Err(wrong);
        }
        self.keep(&format!("m={value}"))?;
        self.sections.push(Section {
            line_number: number,
            payload_types,
            codecs: Vec::new(),
            parameters: Vec::new(),
            mid: None,
            direction: None,
            rtcp_mux: false,
        });
        Ok(())
    }

    fn take_attribute(&mut self, number: usize, line: &str, value: &'a str) -> Result<(), SdpError> {
        let wrong = SdpError::Line { number };
        match Attribute::read(value).ok_or(wrong)? {
            Attribute::Candidates => return Err(SdpError::Candidates),
            Attribute::Dropped => return Ok(()),
            Attribute::Kept => {}
            Attribute::Fingerprint(digest) => set(&mut self.fingerprint, digest, SdpPart::Fingerprint)?,
            Attribute::IceUfrag(ufrag) => set(&mut self.ufrag, ufrag, SdpPart::IceCredentials)?,
            Attribute::IcePwd(pwd) => set(&mut self.pwd, pwd, SdpPart::IceCredentials)?,
            Attribute::Setup(role) => set(&mut self.setup, role, SdpPart::Setup)?,
            Attribute::IceLite => self.ice_lite = true,
            Attribute::Bundle(mids) => {
                // One group of all sections; a second one would leave the first incomplete.
                if self.bundle.replace(mids).is_some() {
                    return Err(wrong);
                }
            }
            Attribute::Direction(direction) => {
                let place = match self.sections.last_mut() {
                    Some(section) => &mut section.direction,
                    None => &mut self.session_direction,
                };
                if place.replace(direction).is_some() {
                    return Err(wrong);
                }
            }
            Attribute::RtcpMux => match self.sections.last_mut() {
                Some(section) => section.rtcp_mux = true,
                None => self.session_rtcp_mux = true,
            },
            Attribute::Mid(mid) => {
                if self.sections.iter().any(|section| section.mid == Some(mid)) {
                    return Err(SdpError::Conflict(SdpPart::Mid));
                }
                let section = self.sections.last_mut().ok_or(wrong)?;
                if section.mid.replace(mid).is_some() {
                    return Err(SdpError::Conflict(SdpPart::Mid));
                }
            }
            Attribute::RtpMap(map) => {
                let section = self.sections.last_mut().ok_or(wrong)?;
                if section.codecs.iter().any(|codec| codec.payload_type == map.payload_type) {
                    return Err(wrong);
                }
                if !section.payload_types.contains(&map.payload_type) {
                    return Ok(());
                }
                section.codecs.push(Codec {
                    payload_type: map.payload_type,
                    name: map.name.to_ascii_lowercase(),
                    clock_rate_hz: map.clock_rate_hz,
                    channels: map.channels,
                    parameters: String::new(),
                });
            }
            Attribute::Parameters(payload_type, parameters) => {
                let section = self.sections.last_mut().ok_or(wrong)?;
                if !section.payload_types.contains(&payload_type) {
                    return Ok(());
                }
                section.parameters.push((payload_type, parameters));
            }
            Attribute::ForPayload(payload_type) => {
                let section = self.sections.last().ok_or(wrong)?;
                if !section.payload_types.contains(&payload_type) {
                    return Ok(());
                }
            }
        }
        self.keep(line)
    }

    fn finish(self) -> Result<SdpFacts, SdpError> {
        let missing = SdpError::Missing;
        if !(self.origin && self.timing) {
            return Err(missing(SdpPart::Header));
        }
        if self.sections.is_empty() {
            return Err(missing(SdpPart::Audio));
        }
        let fingerprint = self.fingerprint.ok_or(missing(SdpPart::Fingerprint))?;
        let ufrag = self.ufrag.ok_or(missing(SdpPart::IceCredentials))?;
        let pwd = self.pwd.ok_or(missing(SdpPart::IceCredentials))?;
        let setup = self.setup.ok_or(missing(SdpPart::Setup))?;
        let alone = self.sections.len() == 1;
        let mut media = Vec::with_capacity(self.sections.len());
        for section in self.sections {
            if !(section.rtcp_mux || self.session_rtcp_mux) {
                return Err(missing(SdpPart::RtcpMux));
            }
            let section = section.finish(self.session_direction)?;
            let bundled = self.bundle.as_ref().is_some_and(|mids| mids.contains(&section.mid.as_str()));
            if !(alone || bundled) {
                return Err(missing(SdpPart::Bundle));
            }
            media.push(section);
        }
        Ok(SdpFacts {
            fingerprint,
            ice: IceCredentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() },
            ice_lite: self.ice_lite,
            setup,
            media,
            clean: self.clean,
        })
    }
}

impl Section<'_> {
    fn finish(mut self, session_direction: Option<MediaDirection>) -> Result<MediaSection, SdpError> {
        let mid = self.mid.ok_or(SdpError::Missing(SdpPart::Mid))?;
        let mut codecs = Vec::with_capacity(self.payload_types.len());
        for payload_type in self.payload_types {
            let named = self.codecs.iter().position(|codec| codec.payload_type == payload_type);
            let mut codec = match named {
                Some(at) => self.codecs.swap_remove(at),
                None => assigned(payload_type).ok_or(SdpError::Line { number: self.line_number })?,
            };
            let parameters = self.parameters.iter().find(|(of, _)| *of == payload_type);
            if let Some((_, parameters)) = parameters {
                codec.parameters = (*parameters).to_owned();
            }
            codecs.push(codec);
        }
        if !codecs.iter().any(Codec::is_opus) {
            return Err(SdpError::Missing(SdpPart::Opus));
        }
        Ok(MediaSection {
            kind: MediaKind::Audio,
            mid: mid.to_owned(),
            direction: self.direction.or(session_direction).unwrap_or(MediaDirection::SendRecv),
            codecs,
        })
    }
}

/// Sets what there can be one of; the same value again is fine, as every section repeats it.
fn set<T: PartialEq>(place: &mut Option<T>, value: T, part: SdpPart) -> Result<(), SdpError> {
    if place.as_ref().is_some_and(|known| *known != value) {
        return Err(SdpError::Conflict(part));
    }
    *place = Some(value);
    Ok(())
}

/// The codecs that browsers name by number alone (RFC 3551 section 6, RFC 3389).
fn assigned(payload_type: u8) -> Option<Codec> {
    let name = match payload_type {
        0 => "pcmu",
        8 => "pcma",
        9 => "g722",
        13 => "cn",
        _ => return None,
    };
    Some(Codec {
        payload_type,
        name: name.to_owned(),
        clock_rate_hz: 8_000,
        channels: 1,
        parameters: String::new(),
    })
}

/// The transports that mean DTLS-SRTP with feedback (RFC 8829 section 5.1.2).
const DTLS_SRTP: [&str; 2] = ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF"];

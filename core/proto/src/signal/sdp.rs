//! Session descriptions: the allow-list for the peer's, and what is taken out of ours.
//!
//! [`check_sdp`] reads what the peer wrote and writes it anew from what it understood ([`SdpFacts::clean`]); the engine
//! gets that text, never the peer's own.
//!
//! | line of the peer | becomes |
//! |---|---|
//! | `m=audio`, its codecs, direction, identifiers, header extensions, feedback | checked and kept |
//! | `m=` of anything but audio, an audio section with port 0 | the description is refused |
//! | ICE credentials, SHA-256 fingerprint, `setup`, `mid`, `rtcp-mux`, Opus | demanded, checked and kept |
//! | a second SHA-256 fingerprint, other credentials or roles in another section | the description is refused |
//! | `a=candidate`, `a=remote-candidates` | the description is refused: addresses pass by [`check_candidate`] only |
//! | `o=`, `s=`, `c=`, `a=rtcp` | written anew, without name, title and address |
//! | fingerprints by other hashes, `a=crypto`, `a=end-of-candidates`, everything unknown | dropped |
//! | a line that is not `x=...`, a control character, a known line with a wrong value | the description is refused |
//!
//! One line is never the reason for more than one error, and no error quotes the peer. Nothing here decides whether the
//! fingerprint is the right one, or who may offer.
//!
//! [`check_candidate`]: super::check_candidate

mod attribute;
mod local;
mod read;

use std::fmt;

pub use local::clean_local_sdp;

/// The longest description, in bytes, either way.
pub const MAX_SDP_BYTES: usize = 16 * 1024;

/// What a description says, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpFacts {
    /// SHA-256 of the peer's certificate (RFC 8122).
    pub fingerprint: [u8; 32],
    /// The credentials of this ICE generation.
    pub ice: IceCredentials,
    /// The peer is an ICE-lite agent (RFC 8445 section 2.5).
    pub ice_lite: bool,
    /// Who starts the DTLS handshake.
    pub setup: SetupRole,
    /// The media sections in order: at least one, at most [`SdpFacts::MAX_MEDIA`].
    pub media: Vec<MediaSection>,
    /// The description written anew from what was understood, with CRLF, for the engine.
    pub clean: String,
}

impl SdpFacts {
    /// The most media sections of one description.
    pub const MAX_MEDIA: usize = 16;
}

/// The credentials of an ICE generation (RFC 8839 section 5.4). `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The user fragment: another one means that ICE restarted.
    pub ufrag: String,
    /// The password.
    pub pwd: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Who starts the DTLS handshake (RFC 8842 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupRole {
    /// Either; only an offer may say so.
    ActPass,
    /// The side that wrote it.
    Active,
    /// The other side.
    Passive,
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSection {
    /// What it carries.
    pub kind: MediaKind,
    /// Its name (RFC 5888), unique in the description: 1 to 36 bytes.
    pub mid: String,
    /// Which way media flows, as the side that wrote it sees it.
    pub direction: MediaDirection,
    /// The codecs in order of preference.
    pub codecs: Vec<Codec>,
}

/// What a media section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// Sound.
    Audio,
}

/// Which way media flows, as the side that wrote the description sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaDirection {
    /// Both ways. What a section without direction means (RFC 8866 section 6.7).
    SendRecv,
    /// From that side only.
    SendOnly,
    /// To that side only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// A codec of a media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// The name, in lower case: `opus`.
    pub name: String,
    /// The clock of its RTP timestamps.
    pub clock_rate_hz: u32,
    /// Channels; 1 if the line says nothing.
    pub channels: u8,
    /// The parameters of `a=fmtp`, empty if there are none.
    pub parameters: String,
}

impl Codec {
    /// Whether this is Opus as WebRTC runs it: `opus/48000/2` (RFC 7587 section 7).
    pub fn is_opus(&self) -> bool {
        self.name == "opus" && self.clock_rate_hz == 48_000 && self.channels == 2
    }
}

/// Why a description is refused, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Over [`MAX_SDP_BYTES`], or more sections than [`SdpFacts::MAX_MEDIA`].
    #[error("the description is too long")]
    TooLong,
    /// A line that is not SDP, or a known line with a wrong value.
    #[error("line {number} of the description is wrong")]
    Line {
        /// The line, counted from 1.
        number: usize,
    },
    /// It asks for media that we do not carry.
    #[error("the description asks for {0}")]
    NotCarried(NotCarried),
    /// It carries candidates, which travel by themselves.
    #[error("the description carries candidates")]
    Candidates,
    /// Something that we demand is not there.
    #[error("the description has no {0}")]
    Missing(SdpPart),
    /// Two values for something of which there can be one: two certificates, ICE generations or names of sections.
    #[error("the description has two different values for the {0}")]
    Conflict(SdpPart),
}

/// Media that we do not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCarried {
    /// A video section.
    Video,
    /// A data channel.
    Data,
    /// Anything else, or audio over something other than DTLS-SRTP.
    Other,
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotCarried::Video => "video",
            NotCarried::Data => "a data channel",
            NotCarried::Other => "media other than audio over DTLS-SRTP",
        })
    }
}

/// A part of a description that there must be, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdpPart {
    /// `v=0`, `o=`, `s=` and `t=` at the start.
    Header,
    /// An audio section that is not rejected.
    Audio,
    /// `opus/48000/2` in every audio section: without it, the sides share no codec.
    Opus,
    /// A SHA-256 fingerprint.
    Fingerprint,
    /// ICE user fragment and password.
    IceCredentials,
    /// The DTLS role.
    Setup,
    /// The name of a section.
    Mid,
    /// RTP and RTCP on one port (RFC 5761).
    RtcpMux,
    /// One transport for all sections (RFC 9143), where there are several.
    Bundle,
}

impl fmt::Display for SdpPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SdpPart::Header => "header",
            SdpPart::Audio => "audio section",
            SdpPart::Opus => "Opus",
            SdpPart::Fingerprint => "SHA-256 fingerprint",
            SdpPart::IceCredentials => "ICE credentials",
            SdpPart::Setup => "DTLS role",
            SdpPart::Mid => "media identification",
            SdpPart::RtcpMux => "rtcp-mux",
            SdpPart::Bundle => "bundle of all sections",
        })
    }
}

/// Reads a description of the peer.
///
/// # Errors
/// [`SdpError`] says what is wrong. A description is taken or refused as a whole; the peer may send another.
pub fn check_sdp(text: &str) -> Result<SdpFacts, SdpError> {
    if text.len() > MAX_SDP_BYTES {
        return Err(SdpError::TooLong);
    }
    read::read(text)
}

#[cfg(test)]
mod tests;

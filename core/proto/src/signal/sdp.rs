//! The allow-list for session descriptions.

/// What a description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SdpFacts {
    /// SHA-256 of the certificate that the description promises.
    pub fingerprint: [u8; 32],
}

/// Why a description is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// No SHA-256 fingerprint.
    #[error("the description has no SHA-256 fingerprint")]
    Fingerprint,
}

/// Checks a description.
///
/// # Errors
/// [`SdpError`] says why it is refused.
pub fn check_sdp(text: &str) -> Result<SdpFacts, SdpError> {
    let line = text.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 "));
    let mut fingerprint = [0; 32];
    let mut count = 0;
    for pair in line.ok_or(SdpError::Fingerprint)?.trim().split(':') {
        let byte = u8::from_str_radix(pair, 16).map_err(|_| SdpError::Fingerprint)?;
        *fingerprint.get_mut(count).ok_or(SdpError::Fingerprint)? = byte;
        count += 1;
    }
    if count == 32 { Ok(SdpFacts { fingerprint }) } else { Err(SdpError::Fingerprint) }
}

//! Why a STUN or TURN server could not be asked, in terms that tell people what to mend.

use std::io;

use rustls::{CertificateError, OtherError};

/// Why a STUN or TURN server could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ServerFailure {
    /// Its name has no address.
    #[error("the name of the server cannot be resolved")]
    Name,
    /// There is no route to its address.
    #[error("there is no way to the server from this network")]
    Unreachable,
    /// Nothing listens at its port.
    #[error("nothing listens at the port of the server")]
    Closed,
    /// It did not answer in time.
    #[error("the server does not answer")]
    Silent,
    /// It took the connection and ended it without an answer.
    #[error("the server hung up")]
    HungUp,
    /// It answers, but not in STUN.
    #[error("the server does not speak STUN")]
    NotStun,
    /// No secure connection came about.
    #[error("no secure connection: {0}")]
    Tls(TlsFailure),
}

/// Why a secure connection to a server did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TlsFailure {
    /// The certificate has expired.
    #[error("its certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// No authority that is trusted here has issued the certificate.
    #[error("its certificate comes from nobody that is trusted here")]
    UnknownIssuer,
    /// The certificate is for another name.
    #[error("its certificate is for another name")]
    WrongName,
    /// The certificate is that of an authority (CA:TRUE), as `openssl req -x509` makes them. It is refused even where
    /// it is trusted.
    #[error("its certificate is that of an authority")]
    Authority,
    /// Something else is wrong with the certificate.
    #[error("its certificate is refused")]
    Certificate,
    /// It does not speak TLS at that port.
    #[error("it does not speak TLS")]
    NotTls,
    /// It took the connection and does not answer in TLS.
    #[error("it does not answer in TLS")]
    Silent,
    /// Both sides speak TLS and found nothing in common.
    #[error("the TLS handshake failed")]
    Handshake,
}

impl TlsFailure {
    /// What a failed handshake says; `None` if it was the network that failed.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "rustls may add errors; what we do not know is a failed handshake"
    )]
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFailure::Expired,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    TlsFailure::NotYetValid
                }
                CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    TlsFailure::WrongName
                }
                CertificateError::Other(OtherError(other)) if is_of_an_authority(&**other) => {
                    TlsFailure::Authority
                }
                _ => TlsFailure::Certificate,
            },
            rustls::Error::NoCertificatesPresented => TlsFailure::Certificate,
            rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
            _ => TlsFailure::Handshake,
        })
    }
}

/// rustls has no word for it, but passes on what its verifier says.
fn is_of_an_authority(error: &(dyn std::error::Error + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

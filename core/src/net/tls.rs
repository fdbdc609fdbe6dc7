//! TLS to servers of one's own: the roots of the web, and more if the app brings them.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::failure::TlsFailure;

/// Certificates to trust beside those of the web.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RootCertificates(Vec<CertificateDer<'static>>);

/// The text is not a list of certificates in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the root certificates are not certificates in PEM")]
pub struct BadRoots;

impl RootCertificates {
    /// Reads certificates in PEM, one or more.
    ///
    /// # Errors
    /// There is none, or one of them is not a certificate.
    pub fn from_pem(pem: &str) -> Result<Self, BadRoots> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        Self::from_der(
            certificates.map_err(|_| BadRoots)?.into_iter().map(|certificate| certificate.to_vec()),
        )
    }

    /// Takes certificates in DER.
    ///
    /// # Errors
    /// There is none, or one of them is not a certificate.
    pub fn from_der(certificates: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, BadRoots> {
        let certificates: Vec<_> = certificates.into_iter().map(CertificateDer::from).collect();
        let mut roots = RootCertStore::empty();
        let all_are_good = certificates.iter().all(|certificate| roots.add(certificate.clone()).is_ok());
        if certificates.is_empty() || !all_are_good { Err(BadRoots) } else { Ok(Self(certificates)) }
    }
}

/// A client that trusts the roots of the web and these.
pub(crate) fn client_config(extra: &RootCertificates) -> Arc<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // They were read once already.
    roots.add_parsable_certificates(extra.0.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// A host, a name or an address literal, as certificates name it.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TlsFailure> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsFailure::WrongName)
}

/// What a failed handshake says; `None` if it was the network that failed.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "rustls may add errors; what we do not know is a failed handshake"
)]
pub(crate) fn failure(error: &io::Error) -> Option<TlsFailure> {
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
            _ => TlsFailure::Certificate,
        },
        rustls::Error::NoCertificatesPresented => TlsFailure::Certificate,
        rustls::Error::InvalidMessage(_) => TlsFailure::NotTls,
        _ => TlsFailure::Handshake,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_are_not_pem_are_refused() {
        for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(RootCertificates::from_pem(bad), Err(BadRoots), "{bad}");
        }
    }
}

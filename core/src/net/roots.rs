//! Certificates that an app trusts beside those of the web: for servers of its own.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

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

    /// Each of them.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.0
    }
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

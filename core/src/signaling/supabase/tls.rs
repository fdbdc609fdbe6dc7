//! TLS for every connection: rustls with `ring`, named here so that no other crate's choice matters.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::BuildError;

/// A client that trusts the roots of the web.
pub(crate) fn client_config() -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| BuildError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

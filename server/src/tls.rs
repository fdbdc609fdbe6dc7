//! TLS certificates: from PEM files, or made at the start and signed by themselves.
//!
//! A certificate is judged before anything listens: one that cannot be read, does not match its key or has expired stops
//! the start with a sentence that names the file. It is not looked at again while the server runs.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};

/// Where the certificate of a server comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSource {
    /// PEM files: the chain, the server's own certificate first, and its private key (PKCS #8, PKCS #1 or SEC 1).
    Files {
        /// The chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// Made now, for these names and addresses beside `localhost`, `127.0.0.1` and `::1`. Browsers ask whether to trust it.
    SelfSigned {
        /// DNS names and IP addresses.
        names: Vec<String>,
    },
}

/// Why there is no TLS. The server does not start.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no PEM section of the kind that is needed.
    #[error("{} holds no {what} in PEM form", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
    },
    /// A certificate cannot be read.
    #[error("{} holds no certificate that can be used", .0.display())]
    Malformed(PathBuf),
    /// The key belongs to another certificate.
    #[error("the key {} does not belong to the certificate {}: give the two files that were made together", key.display(), cert.display())]
    Mismatch {
        /// The chain.
        cert: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// The key is of a kind that TLS does not know, or broken.
    #[error("the key {} cannot be used: it must be RSA, ECDSA (P-256 or P-384) or Ed25519", .0.display())]
    Key(PathBuf),
    /// The certificate was valid once.
    #[error("the certificate {} expired {days} days ago: renew it", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Whole days since.
        days: u64,
    },
    /// The certificate will be valid.
    #[error("the certificate {} is not valid yet: check the clock of this machine", .0.display())]
    NotYetValid(PathBuf),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    SelfSigned(#[from] rcgen::Error),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

impl TlsSource {
    /// Loads the certificate for a server that speaks these protocols (ALPN); none: it negotiates none.
    ///
    /// # Errors
    /// [`TlsError`] says which file is wrong, and how.
    pub(crate) fn server_config(&self, protocols: &[&str]) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = match self {
            TlsSource::Files { cert, key } => from_files(cert, key)?,
            TlsSource::SelfSigned { names } => self_signed(names)?,
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn from_files(cert: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(cert)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| TlsError::Malformed(cert.to_owned()))?;
    let Some(own) = chain.first() else {
        return Err(TlsError::Empty { path: cert.to_owned(), what: "certificate" });
    };
    check_life(own, cert)?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| {
        if matches!(error, pem::Error::NoItemsFound) {
            TlsError::Empty { path: key.to_owned(), what: "private key" }
        } else {
            TlsError::Key(key.to_owned())
        }
    })?;
    build(chain, private).map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            TlsError::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
        } else if matches!(error, rustls::Error::InvalidCertificate(_)) {
            TlsError::Malformed(cert.to_owned())
        } else if matches!(error, rustls::Error::General(_)) {
            TlsError::Key(key.to_owned())
        } else {
            TlsError::Setup(error)
        }
    })
}

fn self_signed(names: &[String]) -> Result<ServerConfig, TlsError> {
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut all: Vec<String> = names.iter().cloned().chain(local).collect();
    // An address that means "every address" is nobody's name.
    all.retain(|name| !name.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified()));
    let made = rcgen::generate_simple_self_signed(all)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|why| TlsError::Setup(rustls::Error::General(why.to_owned())))?;
    build(vec![made.cert.der().clone()], key).map_err(TlsError::Setup)
}

fn build(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    // Named, because another crate of the process may bring a second provider, and then there is no default.
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
}

fn check_life(own: &CertificateDer<'_>, path: &Path) -> Result<(), TlsError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(own).map_err(|_| TlsError::Malformed(path.to_owned()))?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(since_epoch).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    let past_end = now.saturating_sub(validity.not_after.timestamp());
    if past_end > 0 {
        return Err(TlsError::Expired { path: path.to_owned(), days: past_end.unsigned_abs() / DAY_S });
    }
    if now < validity.not_before.timestamp() {
        return Err(TlsError::NotYetValid(path.to_owned()));
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

const DAY_S: u64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_with_its_key_is_taken() {
        let folder = Folder::new("taken");
        let (cert, key) = pair(&folder, "good", |_| {});
        let source = TlsSource::Files { cert, key };
        assert_eq!(source.server_config(&["http/1.1"]).unwrap().alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn a_key_of_another_certificate_is_named() {
        let folder = Folder::new("mismatch");
        let (cert, _) = pair(&folder, "one", |_| {});
        let (_, key) = pair(&folder, "two", |_| {});
        let error = from_files(&cert, &key).unwrap_err();
        assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
        assert!(error.to_string().contains("two.key"), "{error}");
    }

    #[test]
    fn an_expired_certificate_says_since_when() {
        let folder = Folder::new("expired");
        let (cert, key) = pair(&folder, "old", |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        });
        let error = from_files(&cert, &key).unwrap_err();
        assert!(matches!(error, TlsError::Expired { days: 365.., .. }), "{error}");
    }

    #[test]
    fn a_certificate_of_the_future_blames_the_clock() {
        let folder = Folder::new("future");
        let (cert, key) = pair(&folder, "new", |params| params.not_before = date_time_ymd(2999, 1, 1));
        assert!(matches!(from_files(&cert, &key), Err(TlsError::NotYetValid(_))));
    }

    #[test]
    fn files_without_their_content_are_named() {
        let folder = Folder::new("empty");
        let (cert, key) = pair(&folder, "good", |_| {});
        let absent = folder.0.join("absent.pem");
        assert!(matches!(from_files(&absent, &key), Err(TlsError::Unreadable { .. })));
        assert!(matches!(from_files(&key, &key), Err(TlsError::Empty { what: "certificate", .. })));
        assert!(matches!(from_files(&cert, &cert), Err(TlsError::Empty { what: "private key", .. })));
        let broken = folder.0.join("broken.pem");
        std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(from_files(&broken, &key), Err(TlsError::Malformed(_))));
    }

    #[test]
    fn a_certificate_is_made_for_names_and_addresses() {
        let source =
            TlsSource::SelfSigned { names: vec!["phone.lan".into(), "192.0.2.1".into(), "::".into()] };
        source.server_config(&[]).unwrap();
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ringback-tls-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn pair(folder: &Folder, name: &str, change: impl Fn(&mut CertificateParams)) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let cert = params.self_signed(&key).unwrap();
        let paths = (folder.0.join(format!("{name}.pem")), folder.0.join(format!("{name}.key")));
        std::fs::write(&paths.0, cert.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }
}

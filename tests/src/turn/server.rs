//! The embedded server and a private coturn, each with UDP, TCP and TLS on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use ringback::media::ice::IceServer;
use ringback_server::turn::{PeerPolicy, RunningTurn, TurnConfig, TurnCredential, TurnServer, TurnTls, mint};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::coturn::{Coturn, CoturnConfig};

/// What a server is to refuse.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Allocations that a user may have; `None`: as many as they like.
    pub user_quota: Option<usize>,
    /// Refuse peers on this machine.
    pub public_peers_only: bool,
}

/// A server to test.
#[derive(Debug)]
pub struct TestServer {
    kind: Kind,
    /// Trusted by our clients.
    certificate: CertificateDer<'static>,
}

#[derive(Debug)]
enum Kind {
    Embedded(RunningTurn),
    Coturn(Coturn),
}

impl TestServer {
    /// Starts ours.
    ///
    /// # Errors
    /// No free port, or no certificate.
    pub async fn embedded(rules: Rules) -> io::Result<Self> {
        let defaults = TurnConfig::default();
        Self::embedded_with(TurnConfig {
            peers: if rules.public_peers_only { PeerPolicy::Public } else { PeerPolicy::Any },
            user_quota: rules.user_quota.unwrap_or(defaults.user_quota),
            ..defaults
        })
        .await
    }

    /// Starts ours with this configuration; secret and TLS are added.
    ///
    /// # Errors
    /// No free port, or no certificate.
    pub async fn embedded_with(config: TurnConfig) -> io::Result<Self> {
        let CertifiedKey { cert, signing_key } = certificate()?;
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|tls| tls.with_no_client_auth().with_single_cert(vec![certificate.clone()], key))
            .map_err(io::Error::other)?;
        let tls = Some(TurnTls { listen: SocketAddr::from(([127, 0, 0, 1], 0)), config: Arc::new(tls) });
        let config = TurnConfig { secret: SECRET.into(), tls, ..config };
        let running = TurnServer::start(config).await.map_err(io::Error::other)?;
        Ok(Self { kind: Kind::Embedded(running), certificate })
    }

    /// Starts coturn.
    ///
    /// # Errors
    /// `NotFound` if it is not installed; `TimedOut` if it does not answer.
    pub async fn coturn(rules: Rules) -> io::Result<Self> {
        let CertifiedKey { cert, signing_key } = certificate()?;
        let certificate = cert.der().clone();
        let started = tokio::task::spawn_blocking(move || {
            Coturn::start_with(&CoturnConfig {
                secret: SECRET,
                user_quota: rules.user_quota,
                loopback_peers: !rules.public_peers_only,
                tls: Some((&cert.pem(), &signing_key.serialize_pem())),
            })
        });
        let running = started.await.map_err(io::Error::other)??;
        Ok(Self { kind: Kind::Coturn(running), certificate })
    }

    /// Where it listens over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        match &self.kind {
            Kind::Embedded(running) => running.addr(),
            Kind::Coturn(running) => running.addr(),
        }
    }

    /// Where it listens over TLS.
    ///
    /// # Errors
    /// It does not: never with servers of this module.
    pub fn tls_addr(&self) -> io::Result<SocketAddr> {
        let addr = match &self.kind {
            Kind::Embedded(running) => running.tls_addr(),
            Kind::Coturn(running) => running.tls_addr(),
        };
        addr.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// The certificate, for `localhost`.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A credential that holds for an hour.
    pub fn credential(&self) -> TurnCredential {
        self.credential_from(SystemTime::now())
    }

    /// A credential that held for an hour from this moment on.
    pub fn credential_from(&self, from: SystemTime) -> TurnCredential {
        #[expect(clippy::expect_used, reason = "the name is legal")]
        let user = "rider".parse().expect("a user id");
        mint(SECRET, &user, Duration::from_secs(3600), from)
    }

    /// How it is configured in an app, over UDP.
    pub fn ice_server(&self) -> IceServer {
        let TurnCredential { username, credential } = self.credential();
        IceServer { urls: vec![format!("turn:{}?transport=udp", self.addr())], username, credential }
    }

    /// Ours, for a look inside; `None` for coturn.
    pub fn running(&self) -> Option<&RunningTurn> {
        match &self.kind {
            Kind::Embedded(running) => Some(running),
            Kind::Coturn(_) => None,
        }
    }

    /// Stops it.
    pub async fn stop(self) {
        match self.kind {
            Kind::Embedded(running) => running.stop().await,
            Kind::Coturn(running) => drop(running),
        }
    }
}

fn certificate() -> io::Result<CertifiedKey<KeyPair>> {
    generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)
}

/// The secret that every server of the tests shares.
pub const SECRET: &str = "a secret for tests";

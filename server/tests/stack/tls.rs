//! TLS on the one listener: a certificate that is made at the start, clients that stop in the handshake.

use std::sync::Arc;

use ringback_server::{EchoConfig, RunningStack, StackConfig, TlsSource};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Answer, quiet, request_on, start, until, within};

#[tokio::test]
async fn a_stack_speaks_tls_with_a_certificate_of_its_own() {
    let stack = start(secure()).await;
    assert!(stack.url().starts_with("https://"));
    assert_eq!(get_tls(&stack, "/health").await.json(), json!({"status": "ok"}));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_bot_is_online_behind_tls() {
    let stack = start(StackConfig { echo: Some(EchoConfig::default()), ..secure() }).await;
    until("the echo bot is online", async || stack.snapshot().echo.is_some_and(|echo| echo.online)).await;
    stack.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_in_the_handshake_is_closed_and_the_server_goes_on() {
    let stack = start(secure()).await;
    let mut silent = TcpStream::connect(stack.addr()).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(silent.read_to_end(&mut rest)).await;
    assert_eq!(get_tls(&stack, "/health").await.status, 200);
    stack.stop().await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_refused_and_the_server_goes_on() {
    let stack = start(secure()).await;
    let mut stream = TcpStream::connect(stack.addr()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\nhost: stack\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "an answer without TLS");
    assert_eq!(get_tls(&stack, "/health").await.status, 200);
    stack.stop().await;
}

fn secure() -> StackConfig {
    StackConfig { tls: Some(TlsSource::SelfSigned { names: Vec::new() }), ..quiet() }
}

async fn get_tls(stack: &RunningStack, path: &str) -> Answer {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let stream = TcpStream::connect(stack.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    request_on(stream, "GET", path, &[], "").await
}

/// Trusts every certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

//! Little servers for tests, which can refuse, stay silent and talk nonsense.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rtc_stun::attributes::{ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_USERNAME, ATTR_XOR_RELAYED_ADDRESS};
use rtc_stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc_stun::message::{CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Message, MessageType, Setter as _};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What a server answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Success: this address, mapped and relayed.
    Mapped(SocketAddr),
    /// An error.
    Code(u16),
    /// An error that wants a proof.
    Challenge(u16),
    /// This, whatever was asked.
    Bytes(&'static [u8]),
    Nothing,
}

/// How a server behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) without_proof: Reply,
    pub(crate) with_proof: Reply,
}

impl Script {
    /// The same, proof or not.
    pub(crate) fn always(reply: Reply) -> Self {
        Self { without_proof: reply, with_proof: reply }
    }

    /// Wants a proof, then this.
    pub(crate) fn then(reply: Reply) -> Self {
        Self { without_proof: Reply::Challenge(401), with_proof: reply }
    }

    fn answer(self, request: &[u8]) -> Vec<u8> {
        let mut asked = Message::new();
        let proof = asked.unmarshal_binary(request).is_ok() && asked.get(ATTR_USERNAME).is_ok();
        reply(request, if proof { self.with_proof } else { self.without_proof })
    }
}

/// The bytes of an answer; none for [`Reply::Nothing`] and for what is not STUN.
pub(crate) fn reply(request: &[u8], reply: Reply) -> Vec<u8> {
    let mut asked = Message::new();
    if let Reply::Bytes(bytes) = reply {
        return bytes.to_vec();
    }
    if asked.unmarshal_binary(request).is_err() {
        return Vec::new();
    }
    let mut message = Message::new();
    message.transaction_id = asked.transaction_id;
    let start = |message: &mut Message, class| {
        message.typ = MessageType::new(asked.typ.method, class);
        message.write_header();
    };
    let refuse = |message: &mut Message, code| {
        start(message, CLASS_ERROR_RESPONSE);
        ErrorCodeAttribute { code: ErrorCode(code), reason: b"no".to_vec() }.add_to(message).unwrap();
    };
    match reply {
        Reply::Mapped(address) => {
            start(&mut message, CLASS_SUCCESS_RESPONSE);
            let address = XorMappedAddress { ip: address.ip(), port: address.port() };
            address.add_to(&mut message).unwrap();
            address.add_to_as(&mut message, ATTR_XOR_RELAYED_ADDRESS).unwrap();
            message.add(ATTR_LIFETIME, &600u32.to_be_bytes());
        }
        Reply::Code(code) => refuse(&mut message, code),
        Reply::Challenge(code) => {
            refuse(&mut message, code);
            TextAttribute::new(ATTR_REALM, "test".into()).add_to(&mut message).unwrap();
            TextAttribute::new(ATTR_NONCE, "abc".into()).add_to(&mut message).unwrap();
        }
        Reply::Bytes(_) | Reply::Nothing => return Vec::new(),
    }
    message.raw
}

/// A server over UDP.
pub(crate) async fn udp(script: Script) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = script.answer(&buffer[..length]);
            if !answer.is_empty() {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

/// A server over TCP; `None`: it hangs up at once.
pub(crate) async fn tcp(script: Option<Script>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Some(script) = script {
                tokio::spawn(serve(stream, script));
            }
        }
    });
    address
}

/// A server over TLS.
pub(crate) async fn tls(config: Arc<ServerConfig>, script: Script) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(config.clone());
            tokio::spawn(async move {
                // The client may refuse us.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, script).await;
                }
            });
        }
    });
    address
}

/// One request is one read on loopback.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: Script) {
    let mut buffer = [0; 2048];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&script.answer(&buffer[..length])).await.is_err() {
            return;
        }
    }
}

//! STUN requests (RFC 8489, RFC 8656) and what their answers say. The codec is that of rtc-stun.

use std::net::SocketAddr;
use std::time::Duration;

use rtc_crypto::providers::RingCrypto;
use rtc_stun::attributes::{
    ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_RELAYED_ADDRESS,
    ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Getter as _, METHOD_ALLOCATE,
    METHOD_BINDING, METHOD_REFRESH, Message, MessageType, Method, Setter, TransactionId, is_stun_message,
};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

/// A request that can be sent, and sent again.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    id: TransactionId,
    method: Method,
    /// What an answer is signed with.
    key: Option<Vec<u8>>,
}

/// What proves who we are (RFC 8489 section 9.2).
#[derive(Clone)]
pub(super) struct Proof {
    username: String,
    realm: String,
    nonce: String,
    key: Vec<u8>,
}

/// What the server wants a proof for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
}

/// What some bytes are to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// Not STUN.
    Garbage,
    /// STUN, but not the answer: to another request, or not signed as it must be.
    Other,
    Answer(Answer),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Success {
        /// Our address, as the server sees it.
        mapped: Option<SocketAddr>,
        /// The address that the server relays for us.
        relayed: Option<SocketAddr>,
        lifetime: Option<Duration>,
    },
    Error {
        /// 300 to 699 (RFC 8489 section 14.8).
        code: u16,
        challenge: Option<Challenge>,
    },
}

/// A user name, a realm or a nonce that fits into no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Proof {
    pub(super) fn new(username: &str, password: &str, challenge: Challenge) -> Result<Self, TooLong> {
        let Challenge { realm, nonce } = challenge;
        let (username, password) = (username.to_owned(), password.to_owned());
        let key =
            MessageIntegrity::long_term_integrity_key(username.clone(), realm.clone(), password, &RingCrypto)
                .map_err(|_| TooLong)?;
        Ok(Self { username, realm, nonce, key })
    }

    fn apply(&self, message: &mut Message) -> Result<(), TooLong> {
        let texts = [(ATTR_USERNAME, &self.username), (ATTR_REALM, &self.realm), (ATTR_NONCE, &self.nonce)];
        for (attribute, text) in texts {
            TextAttribute::new(attribute, text.clone()).add_to(message).map_err(|_| TooLong)?;
        }
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(self.key.clone(), &RingCrypto);
        integrity.add_to(message).map_err(|_| TooLong)
    }
}

impl Request {
    /// "What is my address?"
    pub(crate) fn binding() -> Self {
        // Without a proof nothing can be too long.
        Self::build(METHOD_BINDING, &[], None)
            .unwrap_or_else(|TooLong| unreachable!("a request without texts"))
    }

    /// "Relay UDP for me."
    pub(super) fn allocate(proof: Option<&Proof>) -> Result<Self, TooLong> {
        Self::build(METHOD_ALLOCATE, &[(ATTR_REQUESTED_TRANSPORT, UDP)], proof)
    }

    /// "Relay no longer."
    pub(super) fn release(proof: Option<&Proof>) -> Result<Self, TooLong> {
        Self::build(METHOD_REFRESH, &[(ATTR_LIFETIME, [0; 4])], proof)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What these bytes, from the server, are to this request.
    pub(crate) fn read(&self, bytes: &[u8]) -> Read {
        if !is_stun_message(bytes) {
            return Read::Garbage;
        }
        let mut message = Message::new();
        if message.unmarshal_binary(bytes).is_err() {
            return Read::Garbage;
        }
        if message.transaction_id != self.id || message.typ.method != self.method {
            return Read::Other;
        }
        match message.typ.class {
            CLASS_SUCCESS_RESPONSE => {
                // Who does not know the password cannot sign, so an answer that is not signed is nobody's.
                if let Some(key) = &self.key
                    && MessageIntegrity::check(&mut message, key, &RingCrypto).is_err()
                {
                    return Read::Other;
                }
                Read::Answer(Answer::Success {
                    mapped: address(&message, ATTR_XORMAPPED_ADDRESS),
                    relayed: address(&message, ATTR_XOR_RELAYED_ADDRESS),
                    lifetime: lifetime(&message),
                })
            }
            CLASS_ERROR_RESPONSE => {
                let mut error = ErrorCodeAttribute::default();
                if error.get_from(&message).is_err() {
                    return Read::Garbage;
                }
                Read::Answer(Answer::Error { code: error.code.0, challenge: challenge(&message) })
            }
            _ => Read::Other,
        }
    }

    fn build(
        method: Method,
        attributes: &[(AttrType, [u8; 4])],
        proof: Option<&Proof>,
    ) -> Result<Self, TooLong> {
        let id = TransactionId::new();
        let mut message = Message::new();
        message.transaction_id = id;
        message.typ = MessageType::new(method, CLASS_REQUEST);
        message.write_header();
        for (attribute, value) in attributes {
            message.add(*attribute, value);
        }
        if let Some(proof) = proof {
            proof.apply(&mut message)?;
        }
        FINGERPRINT.add_to(&mut message).map_err(|_| TooLong)?;
        Ok(Self { bytes: message.raw, id, method, key: proof.map(|proof| proof.key.clone()) })
    }
}

fn address(message: &Message, attribute: AttrType) -> Option<SocketAddr> {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, attribute).ok()?;
    Some(SocketAddr::new(address.ip, address.port))
}

fn lifetime(message: &Message) -> Option<Duration> {
    let seconds: [u8; 4] = message.get(ATTR_LIFETIME).ok()?.try_into().ok()?;
    Some(Duration::from_secs(u32::from_be_bytes(seconds).into()))
}

fn challenge(message: &Message) -> Option<Challenge> {
    let text = |attribute| Some(TextAttribute::get_from_as(message, attribute).ok()?.text);
    Some(Challenge { realm: text(ATTR_REALM)?, nonce: text(ATTR_NONCE)? })
}

/// Protocol 17 and three reserved bytes (RFC 8656 section 18.8).
const UDP: [u8; 4] = [17, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::super::testing::{Reply, reply};
    use super::*;

    const MAPPED: &str = "192.0.2.7:4711";

    #[test]
    fn an_answer_tells_both_addresses_and_the_lifetime() {
        let request = Request::binding();
        let bytes = reply(request.bytes(), Reply::Mapped(MAPPED.parse().unwrap()));
        let mapped = Some(MAPPED.parse().unwrap());
        let lifetime = Some(Duration::from_secs(600));
        assert_eq!(request.read(&bytes), Read::Answer(Answer::Success { mapped, relayed: mapped, lifetime }));
    }

    #[test]
    fn an_answer_to_another_request_is_not_ours() {
        let bytes = reply(Request::binding().bytes(), Reply::Mapped(MAPPED.parse().unwrap()));
        assert_eq!(Request::binding().read(&bytes), Read::Other);
    }

    #[test]
    fn a_refusal_carries_its_code_and_challenge() {
        let request = Request::allocate(None).unwrap();
        let challenge = Some(Challenge { realm: "test".into(), nonce: "abc".into() });
        let read = request.read(&reply(request.bytes(), Reply::Challenge(401)));
        assert_eq!(read, Read::Answer(Answer::Error { code: 401, challenge }));
    }

    #[test]
    fn an_unsigned_answer_to_a_signed_request_is_not_ours() {
        let challenge = Challenge { realm: "test".into(), nonce: "abc".into() };
        let proof = Proof::new("u", "p", challenge).unwrap();
        let request = Request::allocate(Some(&proof)).unwrap();
        let bytes = reply(request.bytes(), Reply::Mapped(MAPPED.parse().unwrap()));
        assert_eq!(request.read(&bytes), Read::Other);
    }

    #[test]
    fn a_name_that_fits_into_no_request_is_told() {
        let challenge = Challenge { realm: "test".into(), nonce: "abc".into() };
        let proof = Proof::new(&"u".repeat(600), "p", challenge).unwrap();
        assert_eq!(Request::allocate(Some(&proof)).unwrap_err(), TooLong);
    }

    #[test]
    fn mangled_answers_never_panic() {
        let challenge = Challenge { realm: "test".into(), nonce: "abc".into() };
        let proof = Proof::new("u", "p", challenge).unwrap();
        for request in [Request::binding(), Request::allocate(Some(&proof)).unwrap()] {
            for kind in [Reply::Mapped(MAPPED.parse().unwrap()), Reply::Challenge(401)] {
                let good = reply(request.bytes(), kind);
                for cut in 0..good.len() {
                    request.read(&good[..cut]);
                    for value in [0, 1, 0x7f, 0xff] {
                        let mut bad = good.clone();
                        bad[cut] = value;
                        request.read(&bad);
                    }
                }
            }
        }
    }
}

//! One certificate for each call, shared by its connections, so that a rebuilt connection keeps the fingerprint
//! that the peer knows.

use std::collections::VecDeque;

use rtc::peer_connection::certificate::CertificateParams;
use webrtc::peer_connection::RTCCertificate;
use webrtc::peer_connection::crypto::{self, SignatureScheme};

use crate::proto::CallId;

/// The certificates of the last 64 calls, the newest last.
#[derive(Default)]
pub(super) struct Certificates {
    known: VecDeque<(CallId, RTCCertificate)>,
}

impl Certificates {
    /// The certificate of `call`; `None` if none could be made.
    pub(super) fn get(&mut self, call: CallId) -> Option<RTCCertificate> {
        let place = self.known.iter().position(|(known, _)| *known == call);
        let certificate = match place.and_then(|place| self.known.remove(place)) {
            Some((_, certificate)) => certificate,
            None => generate()?,
        };
        if self.known.len() >= MOST_CALLS {
            self.known.pop_front();
        }
        self.known.push_back((call, certificate.clone()));
        Some(certificate)
    }
}

/// ECDSA on P-256, as browsers use. The name says nothing about the user.
fn generate() -> Option<RTCCertificate> {
    let made = (|| {
        let provider = crypto::default_provider().map_err(|error| error.to_string())?;
        let params =
            CertificateParams::new(vec!["ringback".to_owned()]).map_err(|error| error.to_string())?;
        RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, params)
            .map_err(|error| error.to_string())
    })();
    made.inspect_err(|error| tracing::error!(error, "no certificate could be made")).ok()
}

/// SHA-256 of the certificate (RFC 8122); `None` if it cannot be computed.
pub(super) fn fingerprint(certificate: &RTCCertificate) -> Option<[u8; 32]> {
    let provider = crypto::default_provider().ok()?;
    let fingerprints = certificate.get_fingerprints(provider.crypto()).ok()?;
    let text = &fingerprints.iter().find(|fingerprint| fingerprint.algorithm == "sha-256")?.value;
    let bytes: Option<Vec<u8>> = text.split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// A rebuild comes within the life of its call; more calls than this never live at a time.
const MOST_CALLS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_a_call_share_a_certificate() {
        let mut certificates = Certificates::default();
        let [a, b] = [CallId::from_random([1; 16]), CallId::from_random([2; 16])];
        let first = certificates.get(a).unwrap();
        assert!(certificates.get(b).unwrap() != first);
        assert!(certificates.get(a).unwrap() == first);
        assert_eq!(certificates.known.len(), 2);
    }

    #[test]
    fn the_fingerprint_is_the_one_of_the_description() {
        let certificate = generate().unwrap();
        let provider = crypto::default_provider().unwrap();
        let text = certificate.get_fingerprints(provider.crypto()).unwrap()[0].value.to_lowercase();
        let ours: Vec<String> =
            fingerprint(&certificate).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(ours.join(":"), text);
    }
}

//! As much of an mDNS responder as a browser's candidate needs (RFC 6762): one question, one A record.

use std::net::{Ipv4Addr, SocketAddr};

/// Where questions go.
pub(super) const GROUP: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251)), PORT);
/// The port of mDNS.
pub(super) const PORT: u16 = 5353;

/// The answer to a question for `name`, which ends in `.local`; `None` to anything else.
pub(super) fn answer(question: &[u8], name: &str, address: Ipv4Addr) -> Option<Vec<u8>> {
    let encoded: Vec<u8> = name
        .split('.')
        .flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes()))
        .chain([0])
        .collect();
    let asked = question.get(HEADER..)?.starts_with(&encoded);
    asked.then(|| {
        // A response with authority, one answer: type A, class IN, two minutes, four bytes.
        let mut out = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        out.extend(encoded);
        out.extend([0, 1, 0, 1, 0, 0, 0, 120, 0, 4]);
        out.extend(address.octets());
        out
    })
}

const HEADER: usize = 12;

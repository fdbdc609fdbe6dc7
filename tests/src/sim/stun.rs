//! As much of a STUN server as gathering needs (RFC 8489).

use std::net::{IpAddr, SocketAddr};

/// The answer to a binding request that came from `from`; `None` for anything else.
pub(super) fn answer(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let header = request.get(..20)?;
    let IpAddr::V4(ip) = from.ip() else { return None };
    if header[..2] != BINDING_REQUEST || header[4..8] != COOKIE {
        return None;
    }
    let port = from.port() ^ 0x2112;
    let mut answer = vec![0x01, 0x01, 0, 12];
    answer.extend(&header[4..20]);
    // XOR-MAPPED-ADDRESS, IPv4 (section 14.2)
    answer.extend([0x00, 0x20, 0, 8, 0, 1]);
    answer.extend(port.to_be_bytes());
    answer.extend(ip.octets().iter().zip(COOKIE).map(|(octet, key)| octet ^ key));
    Some(answer)
}

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

//! As much of a TURN server as relaying needs (RFC 8656), over UDP and IPv4.
//!
//! It asks for credentials and judges the user name; it neither signs its answers nor checks signatures, which the
//! engine does not look at. Allocations do not expire.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A TURN server.
#[derive(Debug)]
pub(super) struct TurnServer {
    address: SocketAddr,
    user: String,
    allocations: Vec<Allocation>,
}

#[derive(Debug)]
struct Allocation {
    client: SocketAddr,
    relayed: SocketAddr,
    permitted: Vec<IpAddr>,
    channels: Vec<(u16, SocketAddr)>,
}

/// A datagram of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relayed {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl TurnServer {
    pub(super) fn new(address: SocketAddr, user: &str) -> Self {
        Self { address, user: user.to_owned(), allocations: Vec::new() }
    }

    /// Is this an address of the server?
    pub(super) fn owns(&self, address: SocketAddr) -> bool {
        address == self.address || self.allocations.iter().any(|a| a.relayed == address)
    }

    /// A datagram came to one of the server's addresses.
    pub(super) fn handle(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Option<Relayed> {
        if to != self.address {
            return self.handle_peer(from, to, bytes);
        }
        if let [0x40..=0x4f, ..] = bytes {
            return self.handle_channel_data(from, bytes);
        }
        let message = Message::read(bytes)?;
        let answer = match message.kind {
            ALLOCATE => self.allocate(from, &message),
            SEND => return self.handle_send(from, &message),
            REFRESH if message.get(LIFETIME) == Some(&[0; 4]) => {
                self.allocations.retain(|a| a.client != from);
                message.answer(SUCCESS, &[(LIFETIME, vec![0; 4])])
            }
            REFRESH => message.answer(SUCCESS, &[(LIFETIME, TEN_MINUTES.to_vec())]),
            CREATE_PERMISSION | CHANNEL_BIND => self.permit(from, &message)?,
            _ => return None,
        };
        Some(Relayed { from: self.address, to: from, bytes: answer })
    }

    fn allocate(&mut self, client: SocketAddr, message: &Message<'_>) -> Vec<u8> {
        if message.get(USERNAME) != Some(self.user.as_bytes()) {
            let error = vec![0, 0, 4, 1];
            let (realm, nonce) = (b"sim".to_vec(), b"nonce".to_vec());
            return message.answer(ERROR, &[(ERROR_CODE, error), (REALM, realm), (NONCE, nonce)]);
        }
        let known = self.allocations.iter().find(|a| a.client == client).map(|a| a.relayed);
        let relayed = known.unwrap_or_else(|| {
            let port = FIRST_PORT + u16::try_from(self.allocations.len()).unwrap_or(0);
            let relayed = SocketAddr::new(Ipv4Addr::new(198, 51, 100, 1).into(), port);
            let (permitted, channels) = (Vec::new(), Vec::new());
            self.allocations.push(Allocation { client, relayed, permitted, channels });
            relayed
        });
        let addresses = [(XOR_RELAYED, xor(relayed)), (XOR_MAPPED, xor(client))];
        message.answer(SUCCESS, &[addresses.as_slice(), &[(LIFETIME, TEN_MINUTES.to_vec())]].concat())
    }

    fn permit(&mut self, client: SocketAddr, message: &Message<'_>) -> Option<Vec<u8>> {
        let peer = unxor(message.get(XOR_PEER)?)?;
        let allocation = self.allocations.iter_mut().find(|a| a.client == client)?;
        allocation.permitted.push(peer.ip());
        if let Some([high, low, ..]) = message.get(CHANNEL_NUMBER) {
            allocation.channels.push((u16::from_be_bytes([*high, *low]), peer));
        }
        Some(message.answer(SUCCESS, &[]))
    }

    fn handle_send(&self, client: SocketAddr, message: &Message<'_>) -> Option<Relayed> {
        let allocation = self.allocations.iter().find(|a| a.client == client)?;
        let to = unxor(message.get(XOR_PEER)?)?;
        let bytes = message.get(DATA)?.to_vec();
        allocation.permitted.contains(&to.ip()).then_some(Relayed { from: allocation.relayed, to, bytes })
    }

    fn handle_channel_data(&self, client: SocketAddr, bytes: &[u8]) -> Option<Relayed> {
        let allocation = self.allocations.iter().find(|a| a.client == client)?;
        let [a, b, c, d, rest @ ..] = bytes else { return None };
        let (channel, length) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let (_, to) = *allocation.channels.iter().find(|(number, _)| *number == channel)?;
        let bytes = rest.get(..usize::from(length))?.to_vec();
        Some(Relayed { from: allocation.relayed, to, bytes })
    }

    /// A datagram of a peer to a relayed address.
    fn handle_peer(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Option<Relayed> {
        let allocation = self.allocations.iter().find(|a| a.relayed == to)?;
        if !allocation.permitted.contains(&from.ip()) {
            return None;
        }
        let length = u16::try_from(bytes.len()).ok()?;
        let channel = allocation.channels.iter().find(|(_, peer)| *peer == from);
        let bytes = match channel {
            Some((number, _)) => [&number.to_be_bytes(), &length.to_be_bytes(), bytes].concat(),
            None => indication(from, bytes),
        };
        Some(Relayed { from: self.address, to: allocation.client, bytes })
    }
}

fn indication(from: SocketAddr, data: &[u8]) -> Vec<u8> {
    let transaction = [7; 12];
    let frame = Message { kind: DATA_INDICATION, transaction: &transaction, attributes: Vec::new() };
    frame.write(DATA_INDICATION, &[(XOR_PEER, xor(from)), (DATA, data.to_vec())])
}

/// A STUN message (RFC 8489 section 5).
struct Message<'a> {
    kind: u16,
    transaction: &'a [u8],
    attributes: Vec<(u16, &'a [u8])>,
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let kind = u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]);
        let (transaction, mut rest) = (bytes.get(8..20)?, bytes.get(20..)?);
        let mut attributes = Vec::new();
        while let [a, b, c, d, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*c, *d]));
            attributes.push((u16::from_be_bytes([*a, *b]), tail.get(..length)?));
            rest = tail.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        (bytes.get(4..8)? == COOKIE).then_some(Self { kind, transaction, attributes })
    }

    fn get(&self, attribute: u16) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(kind, _)| *kind == attribute).map(|(_, value)| *value)
    }

    fn answer(&self, class: u16, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
        self.write(self.kind | class, attributes)
    }

    fn write(&self, kind: u16, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (attribute, value) in attributes {
            body.extend(attribute.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let length = u16::try_from(body.len()).unwrap_or(0);
        [&kind.to_be_bytes(), &length.to_be_bytes(), COOKIE.as_slice(), self.transaction, &body].concat()
    }
}

/// An IPv4 address as STUN writes it (RFC 8489 section 14.2).
fn xor(address: SocketAddr) -> Vec<u8> {
    let IpAddr::V4(ip) = address.ip() else { return Vec::new() };
    let mut out = vec![0, 1];
    out.extend((address.port() ^ 0x2112).to_be_bytes());
    out.extend(ip.octets().iter().zip(COOKIE).map(|(octet, key)| octet ^ key));
    out
}

fn unxor(value: &[u8]) -> Option<SocketAddr> {
    let [_, 1, high, low, ip @ ..] = value else { return None };
    let ip: [u8; 4] = ip.try_into().ok()?;
    let octets: [u8; 4] = std::array::from_fn(|n| ip[n] ^ COOKIE[n]);
    Some(SocketAddr::new(octets.into(), u16::from_be_bytes([*high, *low]) ^ 0x2112))
}

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const SUCCESS: u16 = 0x0100;
const ERROR: u16 = 0x0110;
const ALLOCATE: u16 = 0x0003;
const REFRESH: u16 = 0x0004;
const CREATE_PERMISSION: u16 = 0x0008;
const CHANNEL_BIND: u16 = 0x0009;
const SEND: u16 = 0x0016;
const DATA_INDICATION: u16 = 0x0017;
const USERNAME: u16 = 0x0006;
const ERROR_CODE: u16 = 0x0009;
const CHANNEL_NUMBER: u16 = 0x000c;
const LIFETIME: u16 = 0x000d;
const XOR_PEER: u16 = 0x0012;
const DATA: u16 = 0x0013;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const XOR_RELAYED: u16 = 0x0016;
const XOR_MAPPED: u16 = 0x0020;
const TEN_MINUTES: [u8; 4] = [0, 0, 2, 88];
const FIRST_PORT: u16 = 50_000;

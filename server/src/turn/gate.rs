//! What a client may do: the part of TURN that the protocol machine leaves to its owner.
//!
//! Every frame of a client passes here before the machine gets it. The gate looks at signed requests: it computes the
//! password of the user name, and for requests that this password signs it applies quota, peer policy and the bounds of
//! an allocation. Everything else goes to the machine, which answers 401, 437, 438 and so on.
//!
//! The machine reads a request again by itself, so the gate lets no request through that two readers could read in two
//! ways: a user name by hash, an attribute that comes twice, two signatures get 400. A signed request of somebody else
//! never reaches a machine that knows a user. The session checks quota and peer once more where a socket is opened and a
//! datagram sent.
//!
//! Two more things are mended on the way. A repeated Allocate gets the answer of the first again, because over UDP that
//! answer may have been lost (RFC 8656 section 7.2). A channel that is bound to one peer is not bound to another
//! (section 12.2).

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use turn_server_proto::stun::Instant;
use turn_server_proto::types::attribute::{
    AdditionalAddressFamily, ChannelNumber, EvenPort, ReservationToken, XorPeerAddress,
};
use turn_server_proto::types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION};
use turn_server_proto::types::stun::attribute::{
    ErrorCode, MessageIntegrity, MessageIntegritySha256, Userhash, Username,
};
use turn_server_proto::types::stun::message::{
    IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials,
    MessageWriteVec, TransactionId,
};
use turn_server_proto::types::stun::prelude::{
    Attribute, AttributeFromRaw, AttributeStaticType, MessageWrite, MessageWriteExt,
};

use super::config::TurnConfig;
use super::credentials::{Named, password};
use super::ledger::{Ledger, NoPlace, Place, add};
use super::relay::Parity;

/// What a client may do.
#[derive(Debug)]
pub(super) struct Gate {
    config: Arc<TurnConfig>,
    ledger: Arc<Ledger>,
    /// Who the client has proved to be.
    user: Option<User>,
    /// Peers with a permission, and until when.
    peers: HashMap<IpAddr, Instant>,
    /// Channels, and until when they are kept for their peer.
    channels: HashMap<u16, (SocketAddr, Instant)>,
    /// What the last Allocate wanted.
    parity: Parity,
    /// The Allocate that succeeded, and its answer.
    allocated: Option<(TransactionId, Vec<u8>)>,
}

/// What becomes of a frame.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The machine gets it.
    Pass,
    /// The machine learns this user, and forgets any other; then it gets the frame.
    Introduce {
        /// The name.
        username: String,
        /// Its password.
        password: String,
        /// Set for an Allocate.
        place: Option<Place>,
    },
    /// The machine gets it; should it allocate, the place is taken.
    Allocate(Place),
    /// The machine forgets its user, then gets it.
    Forget,
    /// The client gets this, and the machine nothing.
    Answer(Vec<u8>),
    /// Nobody gets anything.
    Drop,
}

#[derive(Debug)]
struct User {
    username: String,
    credentials: MessageIntegrityCredentials,
}

/// Why a request is refused: the codes of RFC 8656 section 19.
type Refusal = u16;

impl Gate {
    pub(super) fn new(config: Arc<TurnConfig>, ledger: Arc<Ledger>) -> Self {
        let (peers, channels) = (HashMap::new(), HashMap::new());
        Self { config, ledger, user: None, peers, channels, parity: Parity::Any, allocated: None }
    }

    /// Judges a frame of the client. `unix` is the wall clock, which credentials expire by.
    pub(super) fn judge(&mut self, frame: &[u8], now: Instant, unix: SystemTime) -> Judgement {
        let Ok(request) = Message::from_bytes(frame) else { return Judgement::Pass };
        if !request.has_class(MessageClass::Request) {
            return Judgement::Pass;
        }
        if is_ambiguous(&request) {
            return answer(refusal(&request, ErrorCode::BAD_REQUEST));
        }
        if !is_signed(&request) {
            return Judgement::Pass;
        }
        let Ok(username) = request.attribute::<Username>() else { return self.judge_stranger(&request) };
        if self.has_outlived(&request, username.username(), unix) {
            return self.judge_stranger(&request);
        }
        let Some((by, integrity)) = self.identify(&request, username.username(), unix) else {
            return self.judge_stranger(&request);
        };
        match self.consider(&request, &by, now) {
            Ok(Considered::Again(answer)) => Judgement::Answer(answer),
            Ok(Considered::Allowed(place)) => match (by.introduce, place) {
                (Some(password), place) => {
                    let username = username.username().to_owned();
                    Judgement::Introduce { username, password, place }
                }
                (None, Some(place)) => Judgement::Allocate(place),
                (None, None) => Judgement::Pass,
            },
            Err(code) => answer(self.refuse(&request, code, integrity)),
        }
    }

    /// The ports that the last Allocate takes.
    pub(super) fn parity(&self) -> Parity {
        self.parity
    }

    /// The machine has answered an Allocate with an allocation.
    pub(super) fn remember_allocated(&mut self, answer: &[u8]) {
        let Ok(message) = Message::from_bytes(answer) else { return };
        if message.has_method(ALLOCATE) && message.has_class(MessageClass::Success) {
            self.allocated = Some((message.transaction_id(), answer.to_vec()));
        }
    }

    /// The allocation is gone, and everything that belonged to it.
    pub(super) fn forget_allocated(&mut self) {
        self.allocated = None;
        self.peers.clear();
        self.channels.clear();
    }

    /// What becomes of a request that is not signed by the user of the machine, nor by one that it may learn.
    fn judge_stranger(&mut self, request: &Message<'_>) -> Judgement {
        add(&self.ledger.refused_credentials, 1);
        if self.allocated.is_some() {
            // RFC 8656 section 5: an allocation is its user's alone.
            return answer(refusal(request, ErrorCode::WRONG_CREDENTIALS));
        }
        match self.user.take() {
            Some(_) => Judgement::Forget,
            None => Judgement::Pass,
        }
    }

    /// Does the user that the machine knows ask for another allocation with a credential that has expired since?
    fn has_outlived(&self, request: &Message<'_>, username: &str, unix: SystemTime) -> bool {
        let known = self.user.as_ref().is_some_and(|known| known.username == username);
        let another = request.has_method(ALLOCATE) && self.allocated.is_none();
        known && another && Named::read(username).is_none_or(|named| named.is_expired(unix))
    }

    /// Who signed the request. `None`: nobody that the machine is to know.
    fn identify(
        &mut self,
        request: &Message<'_>,
        username: &str,
        unix: SystemTime,
    ) -> Option<(Identified, IntegrityAlgorithm)> {
        let named = Named::read(username)?;
        let user = named.user.to_owned();
        match &self.user {
            Some(known) if known.username == username => {
                let integrity = request.validate_integrity(&known.credentials).ok()?;
                return Some((Identified { user, introduce: None }, integrity));
            }
            // An allocation belongs to the user that made it.
            Some(_) if self.allocated.is_some() => return None,
            Some(_) | None => {}
        }
        if named.is_expired(unix) {
            return None;
        }
        let password = password(&self.config.secret, username);
        let realm = self.config.realm.clone();
        let key = LongTermKeyCredentials::new(username.to_owned(), password.clone(), realm);
        let credentials = MessageIntegrityCredentials::from(key);
        let integrity = request.validate_integrity(&credentials).ok()?;
        self.user = Some(User { username: username.to_owned(), credentials });
        Some((Identified { user, introduce: Some(password) }, integrity))
    }

    fn consider(
        &mut self,
        request: &Message<'_>,
        by: &Identified,
        now: Instant,
    ) -> Result<Considered, Refusal> {
        match request.method() {
            ALLOCATE => self.consider_allocate(request, by),
            CREATE_PERMISSION => {
                for peer in peers_of(request) {
                    self.permit(peer.ip(), now)?;
                }
                Ok(Considered::Allowed(None))
            }
            CHANNEL_BIND => {
                if let (Some(peer), Ok(channel)) =
                    (peers_of(request).next(), request.attribute::<ChannelNumber>())
                {
                    self.permit(peer.ip(), now)?;
                    self.bind(channel.channel(), peer, now)?;
                }
                Ok(Considered::Allowed(None))
            }
            // Refresh, and what the machine refuses.
            _ => Ok(Considered::Allowed(None)),
        }
    }

    fn consider_allocate(&mut self, request: &Message<'_>, by: &Identified) -> Result<Considered, Refusal> {
        match &self.allocated {
            Some((transaction, answer)) if *transaction == request.transaction_id() => {
                return Ok(Considered::Again(answer.clone()));
            }
            // The machine answers 437.
            Some(_) => return Ok(Considered::Allowed(None)),
            None => {}
        }
        // No port is kept for later (RFC 8656 section 7.2, steps 7 and 10).
        let even = request.attribute::<EvenPort>().ok();
        if even.as_ref().is_some_and(EvenPort::requested) || request.has_attribute(ReservationToken::TYPE) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.parity = if even.is_some() { Parity::Even } else { Parity::Any };
        // The crate loses an allocation of two families whose first one fails.
        let four = self.config.relay.iter().any(|relay| relay.bind.is_ipv4());
        if request.has_attribute(AdditionalAddressFamily::TYPE) && !four {
            return Err(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED);
        }
        match self.ledger.take_place(&by.user) {
            Ok(place) => Ok(Considered::Allowed(Some(place))),
            Err(NoPlace::User) => Err(ErrorCode::ALLOCATION_QUOTA_REACHED),
            Err(NoPlace::Server) => Err(ErrorCode::INSUFFICIENT_CAPACITY),
        }
    }

    fn permit(&mut self, peer: IpAddr, now: Instant) -> Result<(), Refusal> {
        if !self.config.allows_peer(peer) {
            add(&self.ledger.refused_peers, 1);
            return Err(ErrorCode::FORBIDDEN);
        }
        self.peers.retain(|_, until| *until > now);
        if self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&peer) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.peers.insert(peer, now + PERMISSION_LIFE);
        Ok(())
    }

    fn bind(&mut self, channel: u16, peer: SocketAddr, now: Instant) -> Result<(), Refusal> {
        self.channels.retain(|_, (_, until)| *until > now);
        match self.channels.get(&channel) {
            Some((bound, _)) if *bound != peer => return Err(ErrorCode::BAD_REQUEST),
            Some(_) => {}
            None if self.channels.len() >= MOST_CHANNELS => return Err(ErrorCode::INSUFFICIENT_CAPACITY),
            None => {}
        }
        self.channels.insert(channel, (peer, now + CHANNEL_LIFE));
        Ok(())
    }

    /// A signed refusal.
    fn refuse(&self, request: &Message<'_>, code: Refusal, integrity: IntegrityAlgorithm) -> Option<Vec<u8>> {
        let error = ErrorCode::builder(code).build().ok()?;
        let mut answer = Message::builder_error(request, MessageWriteVec::new());
        answer.add_attribute(&error).ok()?;
        answer.add_message_integrity(&self.user.as_ref()?.credentials, integrity).ok()?;
        tracing::debug!(code, "a TURN request was refused");
        Some(answer.finish())
    }
}

/// Who signed a request.
#[derive(Debug)]
struct Identified {
    user: String,
    /// The password, if the machine does not know the user yet.
    introduce: Option<String>,
}

enum Considered {
    Allowed(Option<Place>),
    /// It was answered before, with this.
    Again(Vec<u8>),
}

fn answer(frame: Option<Vec<u8>>) -> Judgement {
    frame.map_or(Judgement::Drop, Judgement::Answer)
}

/// An unsigned refusal.
fn refusal(request: &Message<'_>, code: Refusal) -> Option<Vec<u8>> {
    let error = ErrorCode::builder(code).build().ok()?;
    let mut answer = Message::builder_error(request, MessageWriteVec::new());
    answer.add_attribute(&error).ok()?;
    tracing::debug!(code, "a TURN request was refused");
    Some(answer.finish())
}

fn is_signed(request: &Message<'_>) -> bool {
    request.has_attribute(MessageIntegrity::TYPE) || request.has_attribute(MessageIntegritySha256::TYPE)
}

/// Could two readers take this request for two different ones? RFC 8489 section 14 has a receiver take the first of
/// several attributes of a kind; the machine takes the last, and of two signatures the one that it prefers. No client
/// of ours sends any of that; several peers are legal in CreatePermission (RFC 8656 section 10.1).
fn is_ambiguous(request: &Message<'_>) -> bool {
    let both =
        request.has_attribute(MessageIntegrity::TYPE) && request.has_attribute(MessageIntegritySha256::TYPE);
    let mut seen = BTreeSet::new();
    let mut kinds = request.iter_attributes().map(|(_, raw)| raw.get_type());
    both || request.has_attribute(Userhash::TYPE)
        || kinds.any(|kind| {
            let many = kind == XorPeerAddress::TYPE && request.has_method(CREATE_PERMISSION);
            !many && !seen.insert(kind.value())
        })
}

fn peers_of<'a>(request: &'a Message<'_>) -> impl Iterator<Item = SocketAddr> + 'a {
    let of_peers = request.iter_attributes().filter(|(_, raw)| raw.get_type() == XorPeerAddress::TYPE);
    of_peers
        .filter_map(|(_, raw)| XorPeerAddress::from_raw(raw).ok())
        .map(|peer| peer.addr(request.transaction_id()))
}

/// RFC 8656 section 9.
const PERMISSION_LIFE: Duration = Duration::from_secs(300);
/// A binding lives 10 minutes and the number is kept for its peer 5 minutes more (RFC 8656 section 12).
const CHANNEL_LIFE: Duration = Duration::from_secs(900);
/// A peer has a handful of addresses; a call that changes networks all the time has some dozens in 5 minutes.
const MOST_PEERS: usize = 64;
/// The same with ports, in 15 minutes.
const MOST_CHANNELS: usize = 256;

#[cfg(test)]
mod tests;

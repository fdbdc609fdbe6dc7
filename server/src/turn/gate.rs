//! What a client may do: the part of TURN that the protocol machine leaves to its owner.
//!
//! Every frame of a client passes here before the machine gets it. The gate looks at requests that carry a user name:
//! it computes the password of the name, and for requests that this password signs it applies quota, peer policy and
//! the bounds of an allocation. Everything else goes to the machine, which answers 401, 437, 438 and so on.
//!
//! Two more things are mended on the way. A repeated Allocate gets the answer of the first again, because over UDP that
//! answer may have been lost (RFC 8656 section 7.2). A channel that is bound to one peer is not bound to another
//! (section 12.2).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use turn_server_proto::stun::Instant;
use turn_server_proto::types::attribute::{ChannelNumber, EvenPort, ReservationToken, XorPeerAddress};
use turn_server_proto::types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION};
use turn_server_proto::types::stun::attribute::{ErrorCode, Username};
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
    /// The Allocate that succeeded, and its answer.
    allocated: Option<(TransactionId, Vec<u8>)>,
}

/// What becomes of a frame.
#[derive(Debug)]
pub(super) enum Judgement {
    /// The machine gets it.
    Pass,
    /// The machine learns this user, then gets it.
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
    /// The client gets this, and the machine nothing.
    Answer(Vec<u8>),
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
        Self { config, ledger, user: None, peers, channels, allocated: None }
    }

    /// Judges a frame of the client. `unix` is the wall clock, which credentials expire by.
    pub(super) fn judge(&mut self, frame: &[u8], now: Instant, unix: SystemTime) -> Judgement {
        let Ok(request) = Message::from_bytes(frame) else { return Judgement::Pass };
        if !request.has_class(MessageClass::Request) {
            return Judgement::Pass;
        }
        let Ok(username) = request.attribute::<Username>() else { return Judgement::Pass };
        let Some((named, integrity)) = self.identify(&request, username.username(), unix) else {
            add(&self.ledger.refused_credentials, 1);
            return Judgement::Pass;
        };
        match self.consider(&request, &named, now) {
            Ok(Considered::Again(answer)) => Judgement::Answer(answer),
            Ok(Considered::Allowed(place)) => match (named.introduce, place) {
                (Some(password), place) => {
                    let username = username.username().to_owned();
                    Judgement::Introduce { username, password, place }
                }
                (None, Some(place)) => Judgement::Allocate(place),
                (None, None) => Judgement::Pass,
            },
            Err(code) => match self.refuse(&request, code, integrity) {
                Some(answer) => Judgement::Answer(answer),
                None => Judgement::Pass,
            },
        }
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

    /// Who signed the request. `None`: nobody that we know.
    fn identify(
        &mut self,
        request: &Message<'_>,
        username: &str,
        unix: SystemTime,
    ) -> Option<(Identified, IntegrityAlgorithm)> {
        let user = Named::read(username)?.user.to_owned();
        if let Some(known) = &self.user
            && known.username == username
        {
            let integrity = request.validate_integrity(&known.credentials).ok()?;
            return Some((Identified { user, introduce: None }, integrity));
        }
        if Named::read(username)?.is_expired(unix) {
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

    fn consider_allocate(&self, request: &Message<'_>, by: &Identified) -> Result<Considered, Refusal> {
        match &self.allocated {
            Some((transaction, answer)) if *transaction == request.transaction_id() => {
                return Ok(Considered::Again(answer.clone()));
            }
            // The machine answers 437.
            Some(_) => return Ok(Considered::Allowed(None)),
            None => {}
        }
        // Ports are not reserved (RFC 8656 section 7.2, steps 7 and 10).
        if request.has_attribute(EvenPort::TYPE) || request.has_attribute(ReservationToken::TYPE) {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        match self.ledger.take_place(&by.user) {
            Ok(place) => Ok(Considered::Allowed(Some(place))),
            Err(NoPlace::User) => Err(ErrorCode::ALLOCATION_QUOTA_REACHED),
            Err(NoPlace::Server) => Err(ErrorCode::INSUFFICIENT_CAPACITY),
        }
    }

    fn permit(&mut self, peer: IpAddr, now: Instant) -> Result<(), Refusal> {
        if !self.config.peers.allows(peer) {
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

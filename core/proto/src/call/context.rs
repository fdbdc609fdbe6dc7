//! What every call of a phone shares: the time, the configuration, and the way out.

use std::collections::VecDeque;
use std::time::Duration;

use super::entropy::Entropy;
use super::{CallEvent, CallEventKind, CallsConfig, Output};
use crate::session::{MediaCommand, SessionEnv};
use crate::signal::{Ack, Body, Envelope, Outgoing, Sender, To};
use crate::{CallId, ConnId, DeviceId, MessageId, Timestamp, UserId};

/// The shared part of a phone, handed to a call with each input.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: CallsConfig,
    pub(super) env: SessionEnv,
    pub(super) entropy: Entropy,
    pub(super) out: VecDeque<Output>,
    /// Signaling works.
    pub(super) up: bool,
    /// Everything stored while signaling was down has been handed over.
    pub(super) caught_up: bool,
    /// Calls placed by this instance so far.
    pub(super) seq: u64,
}

impl Context {
    pub(super) fn new(config: CallsConfig, now: Timestamp) -> Self {
        let env = SessionEnv { now, local_demo: config.local_demo, last_conn: 0 };
        let entropy = Entropy::new(config.seed);
        Self { config, env, entropy, out: VecDeque::new(), up: false, caught_up: false, seq: 0 }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.env.now
    }

    pub(super) fn event(&mut self, call: CallId, kind: CallEventKind) {
        self.out.push_back(Output::Event(CallEvent { call, kind }));
    }

    pub(super) fn media(&mut self, conn: ConnId, command: MediaCommand) {
        self.out.push_back(Output::Media(conn, command));
    }

    /// This phone, as a sender.
    pub(super) fn sender(&self) -> Sender {
        Sender { user: self.config.user.clone(), device: self.config.device, instance: self.config.instance }
    }

    /// A new message. Its `ttl` is set when it leaves.
    pub(super) fn envelope(&mut self, call: CallId, to: To, body: Body) -> Envelope {
        let id = MessageId::from_random(self.entropy.next16());
        Envelope { id, call, ttl: MESSAGE_TTL, from: self.sender(), to, body }
    }

    /// Hands a message to signaling, if that works; who needs the message asks or sends again.
    pub(super) fn transmit(&mut self, envelope: &Envelope) {
        if !self.up {
            return;
        }
        self.out.push_back(Output::Send(Outgoing {
            id: envelope.id,
            call: envelope.call,
            kind: envelope.body.kind(),
            to: envelope.to.clone(),
            ttl: envelope.ttl,
            text: envelope.encode(),
        }));
    }

    /// Sends a message that nothing proves.
    pub(super) fn send_once(&mut self, call: CallId, to: To, body: Body) {
        let envelope = self.envelope(call, to, body);
        self.transmit(&envelope);
    }

    /// Says that a message was received.
    pub(super) fn ack(&mut self, call: CallId, from: &Sender, of: MessageId) {
        self.send_once(call, to_instance(from), Body::Ack(Ack { of }));
    }
}

/// Every device of a user.
pub(super) fn to_all(user: &UserId) -> To {
    To { user: user.clone(), device: None, instance: None }
}

/// One device, whichever instance runs: for endings.
pub(super) fn to_device(user: &UserId, device: DeviceId) -> To {
    To { user: user.clone(), device: Some(device), instance: None }
}

/// Exactly the sender of a message.
pub(super) fn to_instance(peer: &Sender) -> To {
    To { user: peer.user.clone(), device: Some(peer.device), instance: Some(peer.instance) }
}

/// The life of a message that is neither an invite nor an ending.
pub(super) const MESSAGE_TTL: Duration = Duration::from_secs(30);
/// The life of an ending.
pub(super) const ENDING_TTL: Duration = Duration::from_secs(120);

//! The way out of the machine: numbers, frames and events in order.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::value::RawValue;

use super::backoff::Dice;
use super::body::Payload;
use super::frame::{self, Packet, Serializer};
use super::io::{Event, Output, PushFailure};
use super::topic::Topic;
use super::{MAX_FIELD, MAX_PACKET, binary};

#[derive(Debug)]
pub(super) struct Wire {
    pub(super) serializer: Serializer,
    pub(super) dice: Dice,
    next_ref: u64,
    outputs: VecDeque<Output>,
}

impl Wire {
    pub(super) fn new(serializer: Serializer, seed: u64) -> Self {
        Self { serializer, dice: Dice::new(seed), next_ref: 1, outputs: VecDeque::new() }
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    pub(super) fn next_ref(&mut self) -> u64 {
        let reference = self.next_ref;
        self.next_ref += 1;
        reference
    }

    /// What has not left yet belongs to a websocket that is gone.
    pub(super) fn forget_packets(&mut self) {
        self.outputs.retain(|output| !matches!(output, Output::Send(_)));
    }

    /// Sends a text frame under the given number. Our own payloads always serialize.
    pub(super) fn send(
        &mut self,
        join_ref: Option<u64>,
        reference: u64,
        topic: &str,
        event: &str,
        payload: &impl Serialize,
    ) {
        match frame::encode(self.serializer, join_ref, reference, topic, event, payload) {
            Ok(packet) => self.push(Output::Send(packet)),
            Err(error) => tracing::error!(%error, event, "a frame of ours does not serialize"),
        }
    }

    pub(super) fn send_broadcast(
        &mut self,
        join_ref: u64,
        reference: u64,
        topic: &Topic,
        event: &str,
        payload: &Payload,
    ) -> Result<(), PushFailure> {
        if event.is_empty() || event.len() > MAX_FIELD {
            return Err(PushFailure::Malformed);
        }
        let (json, body) = match payload {
            // A body goes through the server unparsed: what is not JSON would be a bad frame at the receivers.
            Payload::Json(text) if serde_json::from_str::<&RawValue>(text).is_err() => {
                return Err(PushFailure::Malformed);
            }
            Payload::Json(text) => (true, text.as_bytes()),
            Payload::Bytes(bytes) => (false, bytes.as_slice()),
        };
        if body.len() + HEADER_ROOM > MAX_PACKET {
            return Err(PushFailure::TooLarge);
        }
        match self.serializer {
            Serializer::V2 => {
                let bytes =
                    binary::encode_user_broadcast(join_ref, reference, topic.wire(), event, json, body)
                        .ok_or(PushFailure::Malformed)?;
                self.push(Output::Send(Packet::Binary(bytes)));
            }
            Serializer::V1 => {
                #[derive(Serialize)]
                struct Body<'a> {
                    r#type: &'static str,
                    event: &'a str,
                    payload: &'a RawValue,
                }
                let text = std::str::from_utf8(body).map_err(|_| PushFailure::Malformed)?;
                let payload = serde_json::from_str(text).map_err(|_| PushFailure::Malformed)?;
                let body = Body { r#type: "broadcast", event, payload };
                self.send(Some(join_ref), reference, topic.wire(), "broadcast", &body);
            }
        }
        Ok(())
    }
}

/// Room for the fields around a body: five of 255 bytes and the punctuation of the text frame.
const HEADER_ROOM: usize = 2048;

//! The stock engine with real sockets, its messages carried by the same signaling as ours.

use std::sync::Arc;
use std::time::Duration;

use ringback::proto::signal::{Outgoing, To};
use ringback::proto::{CallId, MessageId, UserId};
use ringback::signaling::{Signaling, SignalingEvent};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use webrtc::error::Result;
use webrtc::peer_connection::RTCSessionDescription;

use super::{Note, SSRC_A, SSRC_B, Side, connect};
use crate::sim::{Mailbox, Path, Sender, mail};

/// Two stock connections in real time, the first user calling the second. Both transports are to be up.
///
/// Both peer connections are made from the moment of the dial, the callee's without waiting for the offer. Returns when
/// both were connected and heard each other, or `None` after `limit`.
///
/// # Errors
/// Those of the engine.
pub async fn dial_through(
    caller: (Arc<dyn Signaling>, UserId),
    callee: (Arc<dyn Signaling>, UserId),
    limit: Duration,
) -> Result<Option<Duration>> {
    let (users, carriers) = ([caller.1, callee.1], [caller.0, callee.0]);
    let [user_a, user_b] = users;
    let [at_a, at_b] = carriers;
    let (a, carrying_a) = carry(at_a, user_b);
    let (b, carrying_b) = carry(at_b, user_a);
    let dialed = Instant::now();
    let (side_a, side_b) = tokio::join!(Side::open(None, SSRC_A), Side::open(None, SSRC_B));
    let up = connect([side_a?, side_b?], [a, b], limit).await;
    for task in carrying_a.into_iter().chain(carrying_b) {
        task.abort();
    }
    Ok(up?.map(|up| up - dialed))
}

/// A side's ends of its mailboxes.
type Ends = (Sender<Note>, Mailbox<Note>);

/// Two tasks between a side's mailboxes and its transport.
fn carry(signaling: Arc<dyn Signaling>, peer: UserId) -> (Ends, [JoinHandle<()>; 2]) {
    let now = Path::delay_ms(0);
    let (out, mut outbox) = mail::<Note>(0, "out", now);
    let (inbox, received) = mail(0, "in", now);
    let to = signaling.clone();
    let sending = tokio::spawn(async move {
        let mut number = 0_u8;
        loop {
            let note = outbox.recv().await;
            number = number.wrapping_add(1);
            let Ok(text) = serde_json::to_string(&note.json()) else { continue };
            let message = Outgoing {
                id: MessageId::from_random([number; 16]),
                call: CallId::from_random([0; 16]),
                kind: "note",
                to: To { user: peer.clone(), device: None, instance: None },
                ttl: Duration::from_secs(30),
                text,
            };
            // A message that is refused is a call that does not connect.
            let _ = to.send(message).await;
        }
    });
    let receiving = tokio::spawn(async move {
        loop {
            if let SignalingEvent::Message { text, .. } = signaling.next().await
                && let Some(note) = Note::from_json(&text)
            {
                inbox.send(note);
            }
        }
    });
    ((out, received), [sending, receiving])
}

impl Note {
    fn json(&self) -> serde_json::Value {
        match self {
            Note::Description(description) => {
                serde_json::json!({ "type": description.sdp_type.to_string(), "sdp": description.sdp })
            }
            Note::Candidate(candidate) => serde_json::json!({ "candidate": candidate }),
        }
    }

    fn from_json(text: &str) -> Option<Self> {
        let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
        if let Some(sdp) = value["sdp"].as_str().map(str::to_owned) {
            let make = match value["type"].as_str()? {
                "offer" => RTCSessionDescription::offer,
                _ => RTCSessionDescription::answer,
            };
            return Some(Note::Description(Box::new(make(sdp).ok()?)));
        }
        Some(Note::Candidate(serde_json::from_value(value.get_mut("candidate")?.take()).ok()?))
    }
}

//! The border of the call machine: what goes in, what comes out.
//!
//! `handle_input(now, input)` takes one [`Input`]; then `poll_output()` is called until it says
//! [`Output::Timeout`]. Nothing here does anything; the driver in the crate `ringback` does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::{MediaCommand, MediaEvent};
use crate::signal::{Outgoing, RefusedWhy};
use crate::{CallId, ConnId, DeviceId, End, Instance, MessageId, MicrophoneFailure, Timestamp, UserId};

/// What a phone's machine is told once, at its start.
#[derive(Debug, Clone)]
pub struct CallsConfig {
    /// The user of this phone.
    pub user: UserId,
    /// The device, kept across restarts.
    pub device: DeviceId,
    /// This run of the process.
    pub instance: Instance,
    /// 32 random bytes from the operating system: every id, nonce and share of this phone is derived from them.
    pub seed: [u8; 32],
    /// How long a call rings. Default 45 s, range 15 s to 120 s.
    pub ring_time: Duration,
    /// What happens to a second incoming call.
    pub busy_policy: BusyPolicy,
    /// Which addresses the peer may learn, and when.
    pub privacy: Privacy,
    /// The transport offers the durable lane: receipts, a second road (Supabase durable mode). Default false.
    pub durable: bool,
    /// Loopback addresses of a peer are taken: both ends are on this machine. Default false.
    pub local_demo: bool,
}

/// What happens to an incoming call while another is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BusyPolicy {
    /// The caller is told `busy`. The default.
    #[default]
    Reject,
    /// It rings with the call-waiting tone; accepting it holds the first.
    CallWaiting,
}

/// Which of our addresses a peer may learn, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// The caller's candidates travel in the invite, the callee's after Accept. The default.
    #[default]
    Open,
    /// The caller sends relay candidates only until one device answered.
    RelayUntilAnswer,
    /// Relay candidates only, throughout.
    RelayOnly,
}

/// Everything that can happen to the machine.
#[derive(Debug, Clone)]
pub enum Input {
    /// The app asks for something.
    Command(Command),
    /// Signaling reports something.
    Signaling(SignalingInput),
    /// The media engine reports something about one connection.
    Media(ConnId, MediaEvent),
    /// The audio engine reports something.
    Audio(AudioInput),
    /// The `may_ring` port answered an [`Output::Ask`].
    Admitted(CallId, Admission),
    /// The network of this device changed: another interface, another address.
    NetworkChanged,
    /// The machine was suspended: the clock that counts suspended time ran `gap` ahead of the one that does not.
    Resumed {
        /// For how long.
        gap: Duration,
    },
    /// Nothing but time passed.
    Tick,
}

/// What the app asks for. A command that makes no sense in a phase is a logged no-op; [`VerbError`] tells beforehand.
#[derive(Debug, Clone)]
pub enum Command {
    /// Place a call.
    Dial(Dial),
    /// Take an incoming call.
    Accept(CallId),
    /// Refuse an incoming call, on all devices of this user.
    Decline(CallId),
    /// End the call, whatever its phase.
    HangUp(CallId),
    /// Send silence instead of the microphone, or the microphone again.
    SetMuted(CallId, bool),
    /// Silence both directions, or resume them.
    SetHeld(CallId, bool),
    /// Send up to 4 KiB of the app's bytes to the peer of a call.
    Message(CallId, Vec<u8>),
    /// A push said that this call exists; its invite may follow.
    Announce {
        /// The call.
        call: CallId,
        /// Who calls, as the push claims.
        from: UserId,
        /// The caller's claimed name.
        display: Option<String>,
    },
    /// End every call and fall silent.
    Close,
}

/// An outgoing call.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The id that the call shall have, made by the driver from random bytes.
    pub call: CallId,
    /// Whom to call.
    pub to: UserId,
    /// The name to show at the callee, a claim: at most 128 bytes.
    pub display: Option<String>,
    /// The app's own context (a trip id, say), at most 2 KiB.
    pub context: Option<String>,
    /// Whether the offer travels with the invite.
    pub order: CallOrder,
}

/// When the caller sends its offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOrder {
    /// With the invite. The default, and the fastest.
    #[default]
    OfferFirst,
    /// After the callee accepted.
    AfterAccept,
}

/// What signaling reports.
#[derive(Debug, Clone)]
pub enum SignalingInput {
    /// The transport works.
    Up {
        /// Everything that was stored while we were away has been handed over.
        caught_up: bool,
    },
    /// The transport stopped working; it goes on trying by itself.
    Down,
    /// A message arrived.
    Message {
        /// How old it is, if the transport knows. A message of unknown age never rings.
        age: Option<Duration>,
        /// The envelope.
        text: String,
    },
    /// One of our messages went further.
    Receipt(MessageId, StoredHow),
    /// One of our messages was refused.
    Refused(MessageId, RefusedWhy),
}

/// How far a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredHow {
    /// A server stored it.
    Stored,
    /// A push went out for it.
    Pushed,
}

/// What the audio engine reports to call control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioInput {
    /// The microphone is open.
    CaptureOpened,
    /// The microphone could not be opened, or is gone for good.
    CaptureFailed(MicrophoneFailure),
}

/// The word of the `may_ring` port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may ring, and the sender is who it says.
    Verified,
    /// It may ring; who it is stays a claim.
    Unverified,
    /// It may not ring, and learns nothing.
    Refused,
}

/// Everything that the machine wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Hand this message to signaling. If its queue is full: drop it, the machine sends it again.
    Send(Outgoing),
    /// Tell the media engine.
    Media(ConnId, MediaCommand),
    /// What the audio engine should have open now. The latest one counts.
    Audio(AudioPlan),
    /// Ask the `may_ring` port about an incoming call and answer with [`Input::Admitted`], whatever comes of it: four
    /// questions are open at most, and further calls wait for the answers.
    Ask(Incoming),
    /// Tell the app.
    Event(CallEvent),
    /// Nothing more now: call `handle_input` at this time at the latest. [`Timestamp::NEVER`]: no timer is set.
    Timeout(Timestamp),
}

/// An incoming call, as its invite or its push describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The call.
    pub call: CallId,
    /// Who calls: a claim unless `verified`.
    pub from: UserId,
    /// Whether a verifier or the database vouched for `from`.
    pub verified: bool,
    /// The name that the caller asks to show: always a claim.
    pub display: Option<String>,
    /// The app's own context.
    pub context: Option<String>,
}

/// Something that happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// What happened.
    pub kind: CallEventKind,
}

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEventKind {
    /// A call is here and rings (or a push announced it).
    Incoming(Incoming),
    /// We placed a call; the first event of an outgoing one.
    Outgoing {
        /// Whom we call.
        to: UserId,
    },
    /// The state changed. `Ended` comes exactly once, as the last event of a call.
    State(CallState),
    /// The invite got further.
    Delivery(Delivery),
    /// The peer said what it sends.
    PeerMedia {
        /// It sends silence.
        muted: bool,
        /// It put the call on hold.
        held: bool,
        /// It records.
        recording: bool,
    },
    /// The app's bytes from the peer.
    Message(Vec<u8>),
}

/// The public state of a call. The words are the same in every language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallState {
    /// Placed, and nothing rings yet.
    Initiated,
    /// A device of the callee rings.
    Ringing,
    /// Answered; media is coming up.
    Connecting,
    /// Answered, with sound.
    Active,
    /// Sound is missing; the engine is at work.
    Reconnecting,
    /// Over.
    Ended(End),
}

/// How far an invite got. It only climbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// On its way.
    Sending,
    /// A server has it.
    Stored,
    /// A push went out.
    Pushed,
    /// A device rings.
    Ringing,
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We placed it.
    Outgoing,
    /// We received it.
    Incoming,
}

/// A call at a glance: what a handle shows, and what an app that lagged behind needs to catch up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSnapshot {
    /// The call.
    pub call: CallId,
    /// Who called whom.
    pub direction: Direction,
    /// The other user.
    pub peer: UserId,
    /// Whether somebody vouched for `peer`.
    pub verified: bool,
    /// The name the peer asks to show.
    pub display: Option<String>,
    /// The app's context.
    pub context: Option<String>,
    /// The state.
    pub state: CallState,
    /// We send silence.
    pub muted: bool,
    /// We put it on hold.
    pub held: bool,
}

/// What the audio engine should have open now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudioPlan {
    /// The microphone is open.
    pub capture: bool,
    /// The speaker is open.
    pub playback: bool,
    /// A tone of ours is played.
    pub tone: Option<Tone>,
    /// The connections with sound, by connection.
    pub legs: Vec<AudioLeg>,
}

/// One connection of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLeg {
    /// The call it belongs to.
    pub call: CallId,
    /// The connection.
    pub conn: ConnId,
    /// What goes out.
    pub send: LegSend,
    /// What comes in is played.
    pub play: bool,
}

/// What goes out on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegSend {
    /// Nothing: media is not up.
    Nothing,
    /// Silence, a frame every 200 ms at least: muted or held.
    Silence,
    /// The microphone.
    Microphone,
}

/// A tone that we make ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The far end rings.
    Ringback,
    /// The far end is busy.
    Busy,
    /// The network failed.
    Congestion,
    /// A second call waits.
    CallWaiting,
}

/// Why a verb is not for this call now. The call goes on as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerbError {
    /// The phone does not know the call, or no longer.
    #[error("there is no such call")]
    UnknownCall,
    /// Only an incoming call that has not been answered can be accepted or declined.
    #[error("only an incoming call that rings can be accepted or declined")]
    NotRinging,
    /// The call has ended.
    #[error("the call has ended")]
    Ended,
    /// A message, a display name or a context is too long.
    #[error("too long: a message has at most 4096 bytes, a display name 128, a context 2048")]
    TooLong,
    /// A phone cannot call its own user.
    #[error("a phone cannot call its own user")]
    OwnUser,
    /// Messages go over an answered call only.
    #[error("the call is not answered yet")]
    NotAnswered,
    /// 64 messages of this call wait for the peer already.
    #[error("too many messages wait for the peer: try again when some have gone")]
    Backlog,
    /// The phone is closed.
    #[error("the phone is closed")]
    Closed,
}

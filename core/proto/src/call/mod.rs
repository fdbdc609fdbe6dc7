//! Call control: who rings, who answers, how it ends.
//!
//! [`Calls`] holds every call of one phone. It takes an [`Input`] at a time and hands out [`Output`]s; it never sends,
//! waits or looks at a clock. What media needs is [`crate::session`]'s, what travels is [`crate::signal`]'s.
//!
//! ```text
//!         Dial                                   Received(Invite) | Push hint
//!           |                                      |                  |
//!     +-----v-----+                                |            +-----v-----+
//!     | Preparing |                                |            | Announced |  (known, no offer yet)
//!     +-----+-----+ -> send Invite                 |            +-----+-----+ Invite arrives
//!     +-----v-----+  Ringing: rang = true    +-----v-----+            |
//!     |  Dialing  |                          |  Ringing  |<-----------+
//!     +-----+-----+                          +-----+-----+ Accept -> session: connect
//!           | Answer -> send Settled         +-----v-----+
//!           |                                | Answering | -> send Answer, until Settled
//!           +-----------------+--------------+-----------+
//!                       +-----v------+ media up  +-----------+ media missing                 +--------------+
//!                       | Connecting |---------->| Connected |------------------------------>| Reconnecting |
//!                       +------------+           +-----^-----+                               +------+-------+
//!                                                      +------------------ media up ---------------+
//!    any -- hangup, decline, cancel, busy, deadline, glare loss, failure --> Ended(reason) -> tombstone
//! ```
//!
//! # Rules
//!
//! - R1 Every input carries `now`; due timers fire before the input is looked at.
//! - R2 One input, then drain to `Timeout`. After a drain the timeout lies in the future.
//! - R3 `handle_input` never fails and never panics; an input that makes no sense in a phase is a logged no-op.
//! - R4 Messages are idempotent and resent until proved; transports may lose, duplicate and reorder.
//! - R5 `Ended` is emitted exactly once and is last. Tombstones absorb late messages and go on resending endings.
//! - R6 Glare and the other races end alike on both sides, as the pairs below say.
//! - R7 The caller owns offers and ICE restarts; a round number discards stale answers; the callee may ask.
//! - R8 One user, many devices: the first answer wins, the caller names it, the others end `Elsewhere`.
//! - R9 An invite older than its ring time, or of unknown age, never rings. The whole backlog comes before any ring.
//! - R10 No address of the callee leaves before Accept, and no sound is sent or played.
//! - R11 One function per input that matches the phase alone and exhaustively.
//! - R12 Signaling loss never ends an active call: media decides.
//! - R13 `hang_up` and `close` never wait for the network.
//! - R14 A second call while busy gets `busy`, or waits: accepting it holds the first.
//! - R15 Nothing unverified replaces, answers or ends a call that it did not belong to.
//!
//! # Phases
//!
//! | phase | [`CallState`] | stored row |
//! |---|---|---|
//! | Preparing | Initiated | initiated |
//! | Dialing | Initiated | initiated |
//! | Dialing, and it rang | Ringing | ringing |
//! | Announced | Ringing | ringing |
//! | Announced, and accepted | Connecting | active |
//! | Ringing | Ringing | ringing |
//! | Answering | Connecting | active |
//! | Connecting | Connecting | active |
//! | Connected | Active | active |
//! | Reconnecting | Reconnecting | active |
//! | Ended | Ended | ended |
//!
//! # Timers
//!
//! | timer | value | then |
//! |---|---|---|
//! | signaling down at `call()` | 10 s | `Offline` |
//! | preparing | 10 s | `Internal` |
//! | shortest ring | 15 s | what an app may ask for |
//! | longest ring | 120 s | what an app may ask for |
//! | life left of an invite that still rings | 2 s | with less it never rings |
//! | ring at the caller, beyond that of the callee | 5 s | `NoAnswer` if it rang, else `Unreachable` |
//! | `ringing` again | 8 s | sent while it rings |
//! | announced, no invite, caught up | 10 s | `Missed`; if accepted `ConnectFailed`; no tombstone |
//! | announced, no invite, at most | 20 s | the same |
//! | first `busy` or `error`, nothing rang | 3 s | `Busy`, `Unsupported` |
//! | connect | 15 s | `ConnectFailed` |
//! | ICE up, DTLS not | 7 s | a new connection |
//! | between ICE restarts | 1 s | at once for the first; `Reconnecting` once media is missing |
//! | media missing | 400 ms | `Reconnecting` |
//! | media missing while a side is silent | 1 s | `Reconnecting` |
//! | the peer closed its only connection | 2 s | `HungUp`, by remote |
//! | reconnect | 30 s | `ConnectionLost` |
//! | candidates batch | 50 ms | send |
//! | tombstone | 120 s | forget |
//! | an ended call in the snapshots | 10 s | left out |
//! | busy or congestion tone after an end | 3 s | silence |
//! | a suspend, or a late timer, that puts ages in doubt | 5 s | ages are unknown |
//! | ages in doubt | 10 s | unless signaling says `Up` before |
//!
//! # Pairs
//!
//! How a call ends on both sides. A device that did not win has a row of its own, whatever the caller reports.
//!
//! | caller | callee | why |
//! |---|---|---|
//! | HungUp | HungUp, ConnectionLost, ConnectFailed | it was answered; signaling was down; it never connected |
//! | Cancelled | Cancelled, Declined, Missed, HungUp, ConnectFailed | `cancel {user}`, or crossing |
//! | NoAnswer, Unreachable | Missed, Declined, Cancelled, HungUp, ConnectFailed | both clocks, or everything was lost |
//! | Declined | Declined, Elsewhere, HungUp, ConnectFailed, Missed | one device declined for all, or crossing |
//! | Busy | Missed, Declined, HungUp, ConnectFailed | `cancel {busy}`, or crossing; usually the callee has no call at all |
//! | Replaced | Replaced, Missed, Declined, HungUp, ConnectFailed | glare, or crossing |
//! | ConnectFailed | ConnectFailed, Missed, Declined, Cancelled, ConnectionLost, HungUp | either clock |
//! | ConnectionLost | ConnectionLost, HungUp, ConnectFailed | media died |
//! | Offline, NotAllowed | Missed, Declined, Cancelled, ConnectFailed | only a push went out |
//! | a device that did not win | Elsewhere, Missed, Declined, HungUp, ConnectFailed | whatever the caller reports |
//!
//! A fault of one side (`Internal`, `Microphone`, `Unsupported`) is the same at the other, or ends there by any row.
//!
//! # Where practice mended the design
//!
//! - A loser of a glare, and a caller that heard `busy`, may meet `HungUp`: a device accepted and hung up before the
//!   `cancel` came. The same holds for a device that did not win.
//! - `cancel {glare}` carries `by`, the call that goes on, so that a ringing device ends `Replaced` too.
//! - The caller's candidates go to all ringing devices as they come, once and unacknowledged; the winner gets the complete
//!   list until it is proved. So the callee has them at Accept, half a round trip sooner.
//! - A generation of candidates is named by the round whose description carries its ICE credentials.
//! - After a suspend, ages are unknown until signaling says `Up`, for at most 10 s: an invite is resent every 8 s at most,
//!   so a live call rings late instead of never.
//! - The fingerprint of each side is known from `Opened`, so that the commitment also holds in the order `after_accept`.
//! - `settled` goes out twice: to the winner with its secrets, to everybody else without. If the winner is known to have
//!   rung and nobody else is, the second waits until another device rings or answers: an ordinary call saves six messages,
//!   and a device whose `ringing` was lost rings on for 8 s at most.
//! - An `answer` is sent again every 2 s at most: with the gaps of the rest, one call in 400 failed at 30 % loss.
//! - Two calls may be dialed at once; when both are answered, the one answered last carries sound and the other is held.
//!
//! Not here yet: resume after process death, connect while ringing, the timers of the durable mode.

mod admission;
mod audio_plan;
mod calls;
mod command;
mod context;
mod dial;
mod ending;
mod entropy;
mod facts;
mod glare;
mod heard;
mod inbox;
mod io;
mod lobby;
mod outbox;
mod phase;
mod questions;
mod ring;
mod talk;
mod timers;
mod tombstone;

pub use calls::Calls;
pub use io::{
    Admission, AudioInput, AudioLeg, AudioPlan, BusyPolicy, CallEvent, CallEventKind, CallOrder,
    CallSnapshot, CallState, CallsConfig, Command, Delivery, Dial, Direction, Incoming, Input, LegSend,
    Output, Privacy, SignalingInput, StoredHow, Tone, VerbError,
};

//! Call control: who rings, who answers, how it ends.

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
mod io;
mod lobby;
mod outbox;
mod phase;
mod ring;
mod talk;
mod timers;

pub use calls::Calls;
pub use io::{
    Admission, AudioInput, AudioLeg, AudioPlan, BusyPolicy, CallEvent, CallEventKind, CallOrder,
    CallSnapshot, CallState, CallsConfig, Command, Delivery, Dial, Direction, Incoming, Input, LegSend,
    Output, Privacy, SignalingInput, StoredHow, Tone, VerbError,
};

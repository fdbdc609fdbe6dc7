//! Call control: who rings, who answers, how it ends.

mod io;

pub use io::{
    Admission, AudioInput, AudioLeg, AudioPlan, BusyPolicy, CallEvent, CallEventKind, CallOrder,
    CallSnapshot, CallState, CallsConfig, Command, Delivery, Dial, Direction, Incoming, Input, LegSend,
    Output, Privacy, SignalingInput, StoredHow, Tone, VerbError,
};

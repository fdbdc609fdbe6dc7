//! What happens in a world, apart from the machines themselves.

use std::rc::Rc;
use std::time::Duration;

use ringback_proto::call::{Admission, Input, SignalingInput};
use ringback_proto::session::MediaEvent;
use ringback_proto::{CallId, ConnId, Timestamp};

use super::{Rng, World, chaos, engine, plot};

/// Something that will happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A message reaches a phone.
    Deliver { to: usize, kind: &'static str, call: CallId, text: Rc<str>, sent: Timestamp },
    /// A media engine reports.
    Media { phone: usize, boot: u32, conn: ConnId, event: MediaEvent, only_if: Condition },
    /// The port speaks.
    Admit { phone: usize, boot: u32, call: CallId, admission: Admission },
    /// A user, an app or the system does something.
    Act(usize, Act),
    /// The media network goes down or comes back. With `true` the old paths stay broken.
    MediaNetwork { up: bool, break_paths: bool },
}

/// When an engine event still makes sense once its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    Flowing,
    NotFlowing,
}

/// What a user, an app or the system does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Input(Input),
    Restart,
    Sleep(Duration),
    Wake {
        gap: Duration,
    },
    Link(bool),
    /// Some verb at some call; the number chooses.
    AnyVerb(u64),
    /// Something that a stranger says; the number chooses.
    Stranger(u64),
    /// What the transport says of the last invite.
    InviteReport(plot::SignalingReport),
}

impl World {
    pub(super) fn do_act(&mut self, phone: usize, act: Act) {
        match act {
            Act::Input(input) => self.input(phone, input),
            Act::Restart => {
                engine::crash(self, phone);
                let now = self.now;
                self.phones[phone].restart(now, &mut self.rng);
                self.drain(phone);
                self.input(phone, Input::Signaling(SignalingInput::Up { caught_up: true }));
            }
            Act::Sleep(span) => {
                if self.phones[phone].awake {
                    self.phones[phone].awake = false;
                    self.act(span, phone, Act::Wake { gap: span });
                }
            }
            Act::Wake { gap } => {
                self.phones[phone].awake = true;
                self.input(phone, Input::Resumed { gap });
                for happening in std::mem::take(&mut self.phones[phone].missed) {
                    self.happen(happening);
                }
                for (kind, call, text, _) in std::mem::take(&mut self.phones[phone].buffer) {
                    // The kernel's buffer: the transport takes it for live.
                    self.hear(phone, kind, call, Some(Duration::ZERO), &text);
                }
            }
            Act::Link(up) => {
                self.phones[phone].link_up = up;
                let input = if up { SignalingInput::Up { caught_up: true } } else { SignalingInput::Down };
                self.input(phone, Input::Signaling(input));
            }
            Act::AnyVerb(number) => {
                let mut rng = Rng::new(number);
                let calls: Vec<CallId> = self.phones[phone].logs.keys().copied().collect();
                if !calls.is_empty() {
                    let index = usize::try_from(rng.below(calls.len() as u64)).unwrap_or(0);
                    let verb = chaos::verb(&mut rng, calls[index]);
                    self.input(phone, Input::Command(verb));
                }
            }
            Act::Stranger(number) => {
                if self.phones[phone].awake {
                    chaos::stranger(self, &mut Rng::new(number), phone);
                }
            }
            Act::InviteReport(report) => {
                let invite = self.phones[phone].sent.iter().rev().find(|out| out.kind == "invite");
                if let Some(id) = invite.map(|out| out.id) {
                    self.input(phone, Input::Signaling(report.input(id)));
                }
            }
        }
    }
}

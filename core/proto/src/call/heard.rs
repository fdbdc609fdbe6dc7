//! Who called when: keeps an older call of a device from coming back.
//!
//! An invite of a new instance, or with a higher `seq`, is newer; a lower `seq` and an instance that was replaced are
//! not. Bounded: the device that called longest ago is forgotten first.

use std::collections::VecDeque;

use crate::signal::Sender;
use crate::{CallId, DeviceId, Instance, UserId};

/// The newest call of each device.
#[derive(Debug, Default)]
pub(super) struct Heard(VecDeque<Caller>);

#[derive(Debug)]
struct Caller {
    user: UserId,
    device: DeviceId,
    instance: Instance,
    seq: u64,
    call: CallId,
    replaced: VecDeque<Instance>,
}

impl Heard {
    /// Whether an invite is the newest of its device, which it then is.
    pub(super) fn admit(&mut self, from: &Sender, seq: u64, call: CallId) -> bool {
        let known = self.0.iter().position(|one| one.user == from.user && one.device == from.device);
        let Some(mut caller) = known.and_then(|index| self.0.remove(index)) else {
            self.remember(Caller {
                user: from.user.clone(),
                device: from.device,
                instance: from.instance,
                seq,
                call,
                replaced: VecDeque::new(),
            });
            return true;
        };
        let newer = caller.take(from.instance, seq, call);
        self.remember(caller);
        newer
    }

    fn remember(&mut self, caller: Caller) {
        if self.0.len() >= CALLERS {
            self.0.pop_front();
        }
        self.0.push_back(caller);
    }
}

impl Caller {
    fn take(&mut self, instance: Instance, seq: u64, call: CallId) -> bool {
        if instance == self.instance {
            if call == self.call {
                return true;
            }
            if seq <= self.seq {
                return false;
            }
        } else {
            if self.replaced.contains(&instance) {
                return false;
            }
            if self.replaced.len() >= REPLACED {
                self.replaced.pop_front();
            }
            self.replaced.push_back(self.instance);
            self.instance = instance;
        }
        self.seq = seq;
        self.call = call;
        true
    }
}

/// Devices remembered.
const CALLERS: usize = 256;
/// Instances remembered a device: their invites live 120 s at most.
const REPLACED: usize = 8;

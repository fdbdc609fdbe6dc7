//! Who waits for the server's sign of life.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::signaling::ProbeError;

/// Where the answer to a probe goes.
pub(super) type ProbeReply = oneshot::Sender<Result<Duration, ProbeError>>;

/// Who waits for the answer to the probe that is out: 16 at most, more are told that we are offline.
#[derive(Debug, Default)]
pub(super) struct Probes {
    waiting: Vec<ProbeReply>,
}

impl Probes {
    /// Takes whoever asks; whether the server is to be asked.
    pub(super) fn take(&mut self, reply: ProbeReply, is_open: bool) -> bool {
        self.waiting.retain(|waiting| !waiting.is_closed());
        if is_open && self.waiting.len() < PLACES {
            self.waiting.push(reply);
            return true;
        }
        // Who asked may be gone.
        let _ = reply.send(Err(ProbeError::Offline));
        false
    }

    /// Tells everybody.
    pub(super) fn answer(&mut self, answer: Result<Duration, ProbeError>) {
        for reply in self.waiting.drain(..) {
            let _ = reply.send(answer);
        }
    }
}

/// One diagnosis at a time is usual.
const PLACES: usize = 16;

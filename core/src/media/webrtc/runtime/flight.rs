//! Repeats the last DTLS flight until the peer answers it.
//!
//! The engine's own retransmission timer fires after 1 s at best, and any handshake record clears it even when the
//! flight does not advance, so that a lost datagram can stall a handshake for good. Copies of records are harmless:
//! the peer's replay window (RFC 6347 section 4.1.2.6) drops those it has.
//!
//! ```text
//!          our first record                 peer has provably finished
//!   Idle ------------------> Handshaking ------------------------------> Finished
//!                              ^      | repeat after 60 ms, then up to every 200 ms,
//!                              |      | until our next flight leaves
//!                              +------+
//! ```
//!
//! Nobody acknowledges the last flight of a handshake. It is repeated until the peer's first SRTP, and afterwards
//! whenever a piece of the peer's own last flight shows up. Everything is bounded. No clock and no socket here:
//! `now` is a parameter, `R` is the way a datagram left.
//!
//! An alert of the peer during the handshake is in the clear, so anybody may have written it (RFC 6347 section
//! 4.1.2.7 wants such discarded in silence). It is believed only when the peer says nothing more for a second: a live
//! peer repeats its flight or answers ours. Media counts only once it can be there: after our own Finished left.

use std::time::{Duration, Instant};

use super::datagram::{Datagram, Dtls};

/// Repeats the last DTLS flight of a connection.
#[derive(Debug)]
pub(super) struct Flights<R> {
    phase: Phase<R>,
}

#[derive(Debug)]
enum Phase<R> {
    Idle,
    Handshaking { began: Instant, flight: Flight<R> },
    Finished { last: Option<Flight<R>> },
}

/// Datagrams that left together.
#[derive(Debug)]
struct Flight<R> {
    datagrams: Vec<Copy<R>>,
    born: Instant,
    /// DTLS came in since: what we send next is another flight.
    answered: bool,
    /// It is the handshake's last, which nobody acknowledges.
    last: bool,
    copies: u32,
    demanded: u32,
    copied_at: Instant,
    /// The peer refused, or somebody in its name, and it has said nothing since.
    refused: Option<Instant>,
}

/// A datagram to send once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy<R> {
    /// The way it left.
    pub(super) route: R,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// What [`Flights::poll`] wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<R> {
    /// Send these, then poll again.
    Send(Vec<Copy<R>>),
    /// Poll again at this time.
    Wait(Instant),
    /// The peer refused the handshake.
    Refused,
    /// Nothing to repeat until another datagram leaves.
    Idle,
}

impl<R: Clone> Flights<R> {
    /// Before the first datagram.
    pub(super) fn new() -> Self {
        Self { phase: Phase::Idle }
    }

    /// Has no record of ours left yet?
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Is a handshake under way?
    pub(super) fn is_handshaking(&self) -> bool {
        matches!(self.phase, Phase::Handshaking { .. })
    }

    /// A DTLS datagram of ours left. True if it is to be repeated.
    pub(super) fn handle_outgoing(&mut self, now: Instant, record: Dtls, route: R, bytes: &[u8]) -> bool {
        let starts_last = match record {
            Dtls::Hello => false,
            Dtls::Flight { last, .. } => last,
            Dtls::PlainAlert | Dtls::SealedAlert => {
                self.phase = Phase::Finished { last: None };
                return false;
            }
            Dtls::Application | Dtls::PlainApplication => return false,
        };
        let copy = Copy { route, bytes: bytes.to_vec() };
        match &mut self.phase {
            Phase::Handshaking { flight, .. } if flight.goes_on(now) => flight.datagrams.push(copy),
            Phase::Handshaking { flight, .. } => {
                // The engine may have sent it by its own timer, unasked.
                let refused = flight.refused;
                *flight = Flight { refused, ..Flight::new(now, copy, starts_last) };
            }
            // What the engine repeats by itself after the end is its own business.
            Phase::Finished { .. } if record != Dtls::Hello => return false,
            Phase::Idle | Phase::Finished { .. } => {
                self.phase = Phase::Handshaking { began: now, flight: Flight::new(now, copy, starts_last) };
            }
        }
        true
    }

    /// A datagram of the peer came. Returns copies that it shows to be missing.
    pub(super) fn handle_incoming(&mut self, now: Instant, datagram: Datagram) -> Vec<Copy<R>> {
        match datagram {
            Datagram::Media | Datagram::Dtls(Dtls::Application) => self.handle_media(),
            Datagram::Dtls(Dtls::PlainAlert) => {
                if let Phase::Handshaking { flight, .. } = &mut self.phase {
                    flight.refused.get_or_insert(now);
                }
            }
            Datagram::Dtls(Dtls::Hello) => {
                if let Phase::Handshaking { flight, .. } = &mut self.phase {
                    flight.handle_answer();
                }
            }
            Datagram::Dtls(Dtls::Flight { finished, .. }) => return self.handle_flight(now, finished),
            // The engine verifies a sealed alert, and answers it or ends.
            Datagram::Dtls(Dtls::SealedAlert | Dtls::PlainApplication)
            | Datagram::Stun(_)
            | Datagram::Other => {}
        }
        Vec::new()
    }

    /// The peer has keys once it has our Finished.
    fn handle_media(&mut self) {
        if let Phase::Handshaking { flight, .. } = &self.phase
            && (flight.last || flight.carries_finished())
        {
            self.finish();
        }
    }

    fn handle_flight(&mut self, now: Instant, finished: bool) -> Vec<Copy<R>> {
        match &mut self.phase {
            Phase::Idle => Vec::new(),
            Phase::Handshaking { flight, .. } => {
                flight.handle_answer();
                if !finished {
                    return Vec::new();
                }
                if flight.last {
                    // While copies are left, the timer sends them.
                    return if flight.copies < MAX_LAST_COPIES { Vec::new() } else { flight.demand(now) };
                }
                // The peer's Finished answers the flight that carried ours: the client is done.
                if flight.carries_finished() {
                    self.finish();
                }
                Vec::new()
            }
            Phase::Finished { last: Some(flight) } if finished => flight.demand(now),
            Phase::Finished { .. } => Vec::new(),
        }
    }

    /// The peer has provably finished. The last flight is kept, for whoever still misses it.
    fn finish(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Handshaking { flight, .. } => Phase::Finished { last: flight.last.then_some(flight) },
            phase @ (Phase::Idle | Phase::Finished { .. }) => phase,
        };
    }

    /// What to do now.
    pub(super) fn poll(&mut self, now: Instant) -> Next<R> {
        let Phase::Handshaking { began, flight } = &mut self.phase else { return Next::Idle };
        let believed = flight.refused.map(|at| at + SILENCE_AFTER_ALERT);
        if believed.is_some_and(|at| at <= now) {
            self.phase = Phase::Finished { last: None };
            return Next::Refused;
        }
        let most = if flight.last { MAX_LAST_COPIES } else { MAX_COPIES };
        let over = flight.copies >= most || now.saturating_duration_since(*began) > LONGEST_HANDSHAKE;
        let due = (!over).then(|| flight.copied_at + gap(flight.copies));
        if due.is_some_and(|due| due <= now) {
            flight.copies += 1;
            flight.copied_at = now;
            return Next::Send(flight.datagrams.clone());
        }
        due.into_iter().chain(believed).min().map_or(Next::Idle, Next::Wait)
    }
}

impl<R: Clone> Flight<R> {
    fn new(now: Instant, first: Copy<R>, last: bool) -> Self {
        let datagrams = vec![first];
        Self {
            datagrams,
            born: now,
            answered: false,
            last,
            copies: 0,
            demanded: 0,
            copied_at: now,
            refused: None,
        }
    }

    /// The peer goes on with the handshake.
    fn handle_answer(&mut self) {
        self.answered = true;
        self.refused = None;
    }

    fn goes_on(&self, now: Instant) -> bool {
        !self.answered && now.saturating_duration_since(self.born) <= FLIGHT_SPREAD
    }

    fn carries_finished(&self) -> bool {
        let finished = |c: &Copy<R>| {
            matches!(Datagram::classify(&c.bytes), Datagram::Dtls(Dtls::Flight { finished: true, .. }))
        };
        self.datagrams.iter().any(finished)
    }

    fn demand(&mut self, now: Instant) -> Vec<Copy<R>> {
        if self.demanded >= MAX_DEMANDED || now.saturating_duration_since(self.copied_at) < DEMAND_GAP {
            return Vec::new();
        }
        self.demanded += 1;
        self.copied_at = now;
        self.datagrams.clone()
    }
}

/// 60, 72, 86, 104, .. up to 200 ms.
fn gap(copies: u32) -> Duration {
    let exponent = i32::try_from(copies.min(20)).unwrap_or(20);
    FIRST_GAP.mul_f64(1.2_f64.powi(exponent)).min(LONGEST_GAP)
}

/// One round trip of an ordinary path: a shorter one would double every handshake's datagrams.
const FIRST_GAP: Duration = Duration::from_millis(60);
/// Five copies a second get through 50 % loss within a second, at 8 kB/s.
const LONGEST_GAP: Duration = Duration::from_millis(200);
/// About 6.6 s; call control builds another connection after 7 s.
const MAX_COPIES: u32 = 36;
/// About 1.8 s; later copies are on demand.
const MAX_LAST_COPIES: u32 = 12;
/// More than a peer with this runtime ever asks for.
const MAX_DEMANDED: u32 = 40;
/// A peer's flight comes as several datagrams: one answer for all of them.
const DEMAND_GAP: Duration = Duration::from_millis(50);
/// The engine sends a flight in one turn of its loop; the next flight needs an answer first.
const FLIGHT_SPREAD: Duration = Duration::from_millis(20);
/// Five of the longest gaps: a live peer with this runtime gets a copy through 50 % loss 31 times in 32.
const SILENCE_AFTER_ALERT: Duration = Duration::from_secs(1);
/// Twice the time in which a call must connect.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;

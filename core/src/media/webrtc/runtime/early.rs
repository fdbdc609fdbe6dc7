//! What came too early for the engine on one socket, to be shown to it once more.
//!
//! Two things of an ordinary peer come before the engine can use them, and it forgets them:
//!
//! | what | why it is early | the peer repeats it after |
//! |---|---|---|
//! | a check that nominates its pair | our own check of the pair has no answer yet | 48 ms (Chromium 156) |
//! | a ClientHello | the peer writes on a pair that works, and the engine takes DTLS on a selected one only | 50 ms, then twice as long each time |
//!
//! Both are kept and shown again right after the next answer to a check of ours, which is what the engine waited for.
//! It verifies them as it did the first time, and an exact copy is harmless to both protocols. Over when our first
//! DTLS record leaves. Bounded in number and in repetitions; relayed datagrams are left out.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::datagram::{Datagram, Dtls, Stun, is_relayed};

/// What came too early on one socket.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// The last check of each address.
    checks: BTreeMap<SocketAddr, Vec<u8>>,
    hellos: VecDeque<(SocketAddr, Vec<u8>)>,
    due: VecDeque<(SocketAddr, Vec<u8>)>,
    answers: u32,
}

impl Early {
    /// The engine has been shown a datagram, and has sent no DTLS yet.
    pub(super) fn handle_incoming(&mut self, from: SocketAddr, bytes: &[u8]) {
        // All peers of a relay come from one address.
        if is_relayed(bytes) {
            return;
        }
        match Datagram::classify(bytes) {
            Datagram::Stun(Stun::Request) => {
                if self.checks.len() < MOST_CHECKS || self.checks.contains_key(&from) {
                    self.checks.insert(from, bytes.to_vec());
                }
            }
            Datagram::Stun(Stun::CheckAnswered) => self.handle_answer(from),
            Datagram::Dtls(Dtls::Hello) => {
                if self.hellos.len() >= MOST_HELLOS {
                    self.hellos.pop_front();
                }
                self.hellos.push_back((from, bytes.to_vec()));
            }
            Datagram::Stun(Stun::AllocateError | Stun::AllocateSuccess | Stun::Other)
            | Datagram::Dtls(_)
            | Datagram::Media
            | Datagram::Other => {}
        }
    }

    fn handle_answer(&mut self, from: SocketAddr) {
        if self.answers >= MOST_ANSWERS {
            return;
        }
        self.answers += 1;
        // A check counts once: its pair works now.
        self.due.extend(self.checks.remove(&from).map(|bytes| (from, bytes)));
        self.due.extend(self.hellos.iter().cloned());
    }

    /// The next datagram to show again.
    pub(super) fn poll(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.due.pop_front()
    }
}

/// The peer's candidates of a generation.
const MOST_CHECKS: usize = 32;
/// Chromium's ClientHello takes two datagrams; the last two of them.
const MOST_HELLOS: usize = 4;
/// Every pair's first answer, and as many again: what a stranger's false answers could make us repeat is small.
const MOST_ANSWERS: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = &[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    const MEDIA: &[u8] = &[0x80, 111, 0, 1];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn stun(kind: [u8; 2]) -> Vec<u8> {
        [&kind[..], &[0, 0, 0x21, 0x12, 0xa4, 0x42], &[0; 12]].concat()
    }

    fn due(early: &mut Early) -> Vec<(SocketAddr, Vec<u8>)> {
        std::iter::from_fn(|| early.poll()).collect()
    }

    #[test]
    fn a_check_is_shown_again_once_our_own_is_answered() {
        let (mut early, check, answer) = (Early::default(), stun([0, 1]), stun([1, 1]));
        early.handle_incoming(address(1), &check);
        early.handle_incoming(address(2), &answer);
        assert!(due(&mut early).is_empty(), "another pair");
        early.handle_incoming(address(1), &answer);
        assert_eq!(due(&mut early), [(address(1), check)]);
        early.handle_incoming(address(1), &answer);
        assert!(due(&mut early).is_empty(), "only once");
    }

    #[test]
    fn a_client_hello_is_shown_again_after_every_answer() {
        let (mut early, answer) = (Early::default(), stun([1, 1]));
        early.handle_incoming(address(1), HELLO);
        assert!(due(&mut early).is_empty());
        for _ in 0..2 {
            early.handle_incoming(address(2), &answer);
            assert_eq!(due(&mut early), [(address(1), HELLO.to_vec())]);
        }
    }

    #[test]
    fn what_was_relayed_is_left_out() {
        let channel = |bytes: &[u8]| [&[0x40, 0, 0, bytes.len() as u8], bytes].concat();
        let indication = |bytes: &[u8]| {
            let data = [&[0, 0x13, 0, bytes.len() as u8], bytes].concat();
            [stun([0, 0x17]), data].concat()
        };
        let (mut early, check, answer) = (Early::default(), stun([0, 1]), stun([1, 1]));
        for relayed in [channel(HELLO), channel(&check), indication(HELLO), indication(&check)] {
            assert_ne!(Datagram::classify(&relayed), Datagram::Other, "seen through");
            early.handle_incoming(address(1), &relayed);
            early.handle_incoming(address(1), &answer);
            assert!(due(&mut early).is_empty(), "{relayed:?}");
        }
        early.handle_incoming(address(1), HELLO);
        early.handle_incoming(address(1), &channel(&answer));
        assert!(due(&mut early).is_empty(), "an answer through the relay");
    }

    #[test]
    fn a_flood_is_kept_within_bounds() {
        let mut early = Early::default();
        for port in 1..=1_000 {
            early.handle_incoming(address(port), &stun([0, 1]));
            early.handle_incoming(address(port), HELLO);
            early.handle_incoming(address(port), MEDIA);
        }
        assert_eq!((early.checks.len(), early.hellos.len()), (MOST_CHECKS, MOST_HELLOS));
        let shown: usize = (1..=1_000)
            .map(|port| {
                early.handle_incoming(address(port), &stun([1, 1]));
                due(&mut early).len()
            })
            .sum();
        assert!(shown <= MOST_CHECKS + MOST_HELLOS * MOST_ANSWERS as usize, "{shown}");
    }
}

//! Datagrams that nobody authenticates, during the handshake: strangers' and forged ones change nothing.

use std::net::SocketAddr;
use std::time::Duration;

use ringback::proto::session::{MediaEvent, MediaFailure};
use ringback_tests::sim::{self, Path, World};

use super::common::Pair;

/// DTLS alerts in the clear (RFC 5246 section 7.2): fatal handshake_failure, and close_notify.
const ALERT: [u8; 15] = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 2, 2, 40];
const CLOSE: [u8; 15] = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0xff, 2, 0, 2, 1, 0];
/// Application data in the clear.
const DATA: [u8; 15] = [23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 2, 0, 0];
/// As much of RTP as a look at the first byte shows.
const MEDIA: [u8; 12] = [0x80; 12];

/// Throws `datagrams` at both hosts every 10 ms, from a stranger or in the name of the other host.
async fn throw(world: World, datagrams: &[&[u8]], as_peer: bool) {
    let stranger = SocketAddr::from(([198, 51, 100, 66], 6666));
    loop {
        for (host, peer) in [("a", "b"), ("b", "a")] {
            let from = world.net().address(peer).filter(|_| as_peer).unwrap_or(stranger);
            for datagram in datagrams {
                world.net().forge(from, host, datagram);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn connects(seed: u64, path: Path, datagrams: &[&[u8]], as_peer: bool) -> Duration {
    sim::run(seed, |world| async move {
        world.net().set_all(path);
        let pair = Pair::dial(&world);
        let up = tokio::select! {
            biased;
            up = pair.up() => up,
            () = throw(world.clone(), datagrams, as_peer) => None,
        };
        for seen in [pair.at_a.seen(), pair.at_b.seen()] {
            let failed = seen.events.iter().find(|(_, event)| matches!(event, MediaEvent::Failed(_)));
            assert_eq!(failed, None, "seed {seed}");
        }
        pair.close().await;
        up.unwrap_or_else(|| panic!("seed {seed}: not connected"))
    })
    .output
}

#[test]
fn what_strangers_send_costs_no_time() {
    let path = Path::delay_ms(50);
    let quiet = connects(1, path, &[], false);
    assert_eq!(connects(1, path, &[&ALERT, &CLOSE, &DATA, &MEDIA], false), quiet);
}

#[test]
fn strangers_do_not_end_the_repeats_at_loss() {
    let path = Path::delay_ms(50).loss_percent(20.0);
    for seed in 0..20 {
        connects(seed, path, &[&ALERT, &MEDIA], false);
    }
}

#[test]
fn alerts_forged_in_the_name_of_the_peer_end_nothing() {
    for seed in 0..20 {
        connects(seed, Path::delay_ms(50).loss_percent(20.0), &[&ALERT, &CLOSE, &DATA], true);
    }
}

#[test]
fn a_refusal_of_the_peer_is_believed_once_it_is_silent() {
    sim::run(1, |world| async move {
        world.net().set_all(Path::delay_ms(50));
        let pair = Pair::dial(&world);
        let path = MediaEvent::Path(ringback::proto::session::PathState::Connected);
        pair.at_a.wait(|seen| seen.has(&path)).await;
        pair.at_b.wait(|seen| seen.has(&path)).await;
        // Its last word, and nothing more comes of it.
        world.net().cut("a", "b");
        let from = world.net().address("b").expect("bound");
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.net().forge(from, "a", &ALERT);
        let refused = tokio::time::Instant::now();
        let failed = MediaEvent::Failed(MediaFailure::Dtls);
        let seen = pair.at_a.wait(|seen| seen.has(&failed)).await;
        let after = seen.when(&failed).expect("failed") - refused;
        assert!(after >= Duration::from_secs(1) && after < Duration::from_millis(1_300), "{after:?}");
        pair.close().await;
    });
}

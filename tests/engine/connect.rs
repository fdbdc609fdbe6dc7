//! Connecting over good and bad paths.

use std::time::Duration;

use ringback::media::{MediaEngine, PathKind};
use ringback::proto::session::MediaEvent;
use ringback_tests::exchange::CONN;
use ringback_tests::sim::{self, Loss, Path};

use super::common::Pair;

fn connects(seed: u64, path: Path) -> Duration {
    sim::run(seed, |world| async move {
        world.net().set_all(path);
        let pair = Pair::dial(&world);
        let up = pair.up().await;
        pair.close().await;
        up.unwrap_or_else(|| panic!("seed {seed}: not connected"))
    })
    .output
}

#[test]
fn a_clean_path_is_up_in_twelve_one_way_delays() {
    let up = connects(1, Path::delay_ms(50));
    // Signaling 2, ICE 4, DTLS 6 with its cookie, then the first frame at the next tick of 20 ms.
    assert!(up <= Duration::from_millis(620), "{up:?}");
}

#[test]
fn every_seed_connects_at_ten_percent_loss() {
    for seed in 0..20 {
        connects(seed, Path::delay_ms(50).loss_percent(10.0));
    }
}

#[test]
fn every_seed_connects_at_twenty_percent_loss() {
    for seed in 0..20 {
        connects(seed, Path::delay_ms(50).loss_percent(20.0));
    }
}

#[test]
fn every_seed_connects_at_thirty_percent_loss() {
    for seed in 0..20 {
        connects(seed, Path::delay_ms(50).loss_percent(30.0));
    }
}

#[test]
fn bursts_jitter_duplicates_and_reordering_do_not_stop_it() {
    let loss = Loss::Gilbert { enter_percent: 5.0, leave_percent: 20.0 };
    let path = Path::delay_ms(50).loss(loss).jitter_ms(40).duplicate_percent(5.0).reorder_percent(5.0);
    for seed in 0..20 {
        connects(seed, path);
    }
}

#[test]
fn no_frame_is_lost_on_a_clean_path() {
    sim::run(2, |world| async move {
        world.net().set_all(Path::delay_ms(25));
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        for engine in [&pair.a, &pair.b] {
            // Rates are counted from here on.
            engine.stats(CONN).await.unwrap();
        }
        // Frames leave every 20 ms and take 25: one is on the way, none leaves or arrives at this moment.
        tokio::time::sleep(Duration::from_millis(2_010)).await;
        for watcher in [&pair.at_a, &pair.at_b] {
            let received = watcher.seen().received;
            assert!(received.len() >= 98, "{}", received.len());
            assert!(received.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
        }
        let (a, b) = (pair.a.stats(CONN).await.unwrap(), pair.b.stats(CONN).await.unwrap());
        assert_eq!(a.packets_sent - b.packets_received, 1, "the first packet arrives too");
        assert_eq!(b.packets_sent - a.packets_received, 1, "the first packet arrives too");
        assert_eq!((b.packets_lost, b.packets_dropped), (0, 0));
        // 50 frames of 60 bytes a second.
        for rate in [a.sent_bps, a.received_bps, b.sent_bps, b.received_bps] {
            assert!((23_500..=24_500).contains(&rate), "{rate} bit/s");
        }
        let path = b.path.unwrap();
        assert!(matches!(path.local, PathKind::Host), "{path:?}");
        assert!(b.round_trip.unwrap() >= Duration::from_millis(40), "{:?}", b.round_trip);
        pair.close().await;
    });
}

#[test]
fn frames_that_nobody_takes_are_dropped_and_counted() {
    sim::run(4, |world| async move {
        let pair = Pair::dial(&world);
        pair.up().await.unwrap();
        assert_eq!(pair.b.stats(CONN).await.unwrap().packets_dropped, 0);
        pair.leave_b_alone();
        tokio::time::sleep(Duration::from_secs(3)).await;
        // 150 frames came, and 64 have a place.
        let dropped = pair.b.stats(CONN).await.unwrap().packets_dropped;
        assert!((80..=90).contains(&dropped), "{dropped}");
        pair.close().await;
    });
}

#[test]
fn descriptions_and_candidates_leave_without_addresses() {
    sim::run(3, |world| async move {
        let pair = Pair::dial(&world);
        let seen = pair.at_a.wait(|seen| seen.has(&MediaEvent::GatheringDone)).await;
        let offers: Vec<_> = seen
            .events
            .iter()
            .filter_map(|(_, event)| {
                let MediaEvent::OfferReady { sdp, .. } = event else { return None };
                Some(sdp.clone())
            })
            .collect();
        assert_eq!(offers.len(), 1);
        assert!(!offers[0].contains("127.0.0.1") && !offers[0].contains("a=candidate"));
        assert!(offers[0].contains("useinbandfec=1") && !offers[0].contains("nack"));
        assert_eq!(seen.candidates.len(), 1);
        pair.close().await;
    });
}

#[test]
fn a_hundred_connections_in_a_row_leave_nothing() {
    sim::run(5, |world| async move {
        for _ in 0..100 {
            let pair = Pair::dial(&world);
            pair.up().await.unwrap();
            pair.close().await;
            assert_eq!(world.net().sockets(), 0);
        }
    });
}

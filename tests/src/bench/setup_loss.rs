//! `setup --loss`: how many connections come up over a lossy path, and how fast, in virtual time.
//!
//! The path has 50 ms one way and loses each datagram for itself, in both directions; signaling is clean and takes
//! 50 ms. The clock runs from the caller's `Open` until both sides are secured and have heard each other.

use std::sync::Arc;
use std::time::Duration;

use ringback::media::MediaEngine;
use tokio::time::Instant;

use super::Metric;
use super::metric::percentile;
use crate::exchange::Party;
use crate::sim::{self, Path, World};
use crate::stock;

/// Loss in percent, at which it is measured.
pub const LOSSES: [u32; 4] = [0, 10, 20, 30];

/// Measures `seeds` calls at `loss` percent: the number that connected within 15 s, and the 95th percentile.
pub fn measure(loss: u32, seeds: u64) -> [Metric; 2] {
    let path = Path::delay_ms(ONE_WAY_MS).loss_percent(f64::from(loss));
    let mut ours = collect(seeds, path, |world| async move { dial(&world).await });
    let mut peer = collect(seeds, path, |world| async move {
        stock::dial(&world, Path::delay_ms(ONE_WAY_MS), LIMIT).await.ok().flatten()
    });
    let count = usize::try_from(seeds).unwrap_or(usize::MAX);
    let connected = Metric {
        name: format!("connected_loss_{loss}"),
        ours: ours.len() as f64,
        peer: Some(peer.len() as f64),
        unit: "calls",
        count,
    };
    let p95 = Metric {
        name: format!("connect_p95_ms_loss_{loss}"),
        ours: percentile(&mut ours, 95.0),
        peer: Some(percentile(&mut peer, 95.0)).filter(|p95| !p95.is_nan()),
        unit: "ms",
        count,
    };
    [connected, p95]
}

/// The milliseconds of those that connected.
fn collect<F: Future<Output = Option<Duration>>>(
    seeds: u64,
    path: Path,
    dial: impl Fn(World) -> F,
) -> Vec<f64> {
    let one = |seed| {
        let report = sim::run(seed, |world| {
            world.net().set_all(path);
            dial(world)
        });
        report.output.map(|up| up.as_secs_f64() * 1e3)
    };
    (0..seeds).filter_map(one).collect()
}

async fn dial(world: &World) -> Option<Duration> {
    let (a, b) = (Arc::new(world.engine("a")), Arc::new(world.engine("b")));
    let signaling = Path::delay_ms(ONE_WAY_MS);
    let (a_out, b_in) = world.mail("a", "b", signaling);
    let (b_out, a_in) = world.mail("b", "a", signaling);
    let (mut party_a, at_a) = Party::new("a", a.clone(), (a_out, a_in), |_| {});
    let (party_b, at_b) = Party::new("b", b.clone(), (b_out, b_in), |_| {});
    let dialed = Instant::now();
    party_a.offer();
    let tasks = [tokio::spawn(party_a.run()), tokio::spawn(party_b.run())];
    let both = async { at_a.wait_up().await.max(at_b.wait_up().await) - dialed };
    let up = tokio::time::timeout(LIMIT, both).await.ok();
    for task in tasks {
        task.abort();
    }
    a.close().await;
    b.close().await;
    up
}

const ONE_WAY_MS: u64 = 50;
/// The connect limit of call control.
const LIMIT: Duration = Duration::from_secs(15);

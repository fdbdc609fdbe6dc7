//! `soak`: many calls in one process, through the hub: what memory grows by, and what is left when all is closed.
//!
//! Pairs of phones call in parallel, each pair one call after the other, with a second of speech both ways. Memory is
//! read after each call; the growth is the median of the last tenth over that of the fourth tenth, when caches are full.
//! The baseline of tasks, sockets and threads is that before the hub and the first phone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringback_server::{Hub, HubConfig};
use tokio::task::JoinSet;

use super::left::Held;
use super::metric::percentile;
use super::pair::{Pair, hang_up, speaking};
use super::{BoxError, Metric, process};

/// Places `calls` calls, `pairs` at a time.
///
/// # Errors
/// The hub or a phone could not be started, a call did not come up, or `/proc` cannot be read.
pub async fn measure(calls: usize, pairs: usize) -> Result<Vec<Metric>, BoxError> {
    let before = Held::now()?;
    let hub = Hub::start(HubConfig::default()).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for number in 0..pairs {
        let (url, next) = (hub.url(), next.clone());
        running.spawn(soak(url, number, next, calls));
    }
    let mut memory: Vec<(usize, u64)> = Vec::with_capacity(calls);
    while let Some(pair) = running.join_next().await {
        memory.extend(pair??);
    }
    hub.stop().await;
    memory.sort_unstable();
    let left = Held::settled(&before).await?;
    let tenth = |n: usize| {
        let range = calls * n / 10..calls * (n + 1) / 10;
        let mut values: Vec<f64> =
            memory.iter().filter(|(call, _)| range.contains(call)).map(|(_, kb)| *kb as f64).collect();
        percentile(&mut values, 50.0)
    };
    for n in 0..10 {
        tracing::info!(tenth = n, resident_kb = tenth(n), "resident memory");
    }
    let metric =
        |name: &str, ours, unit| Metric { name: name.to_owned(), ours, peer: None, unit, count: calls };
    let mut metrics = vec![metric("memory_growth_kb", tenth(9) - tenth(3), "KiB")];
    metrics.extend(left.left_since(&before, calls));
    Ok(metrics)
}

/// Calls of one pair until all are placed; the memory after each.
async fn soak(
    hub: String,
    number: usize,
    next: Arc<AtomicUsize>,
    calls: usize,
) -> Result<Vec<(usize, u64)>, BoxError> {
    let mut pair = Pair::online(&hub, number, [speaking("english.wav"), speaking("french.wav")]).await?;
    let mut memory = Vec::new();
    loop {
        let call = next.fetch_add(1, Ordering::Relaxed);
        if call >= calls {
            break;
        }
        let connected = pair.connect().await?;
        tokio::time::sleep(SOUND).await;
        hang_up(&connected.outgoing).await?;
        memory.push((call, process::resident_kb()?));
    }
    pair.close().await;
    Ok(memory)
}

/// The sound of each call.
const SOUND: Duration = Duration::from_secs(1);

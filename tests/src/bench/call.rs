//! `call`: what one side of an established call costs.
//!
//! Two processes call each other through a hub in a third, with speech both ways from files, into nothing. The caller
//! measures itself, all its threads, from a second after the call became active.

use std::time::{Duration, Instant};

use ringback::proto::call::CallState;

use super::pair::{hang_up, phone, speaking, wait_online};
use super::process::Switches;
use super::{BoxError, Metric, process};

/// The callee: answers one call and stays until it has ended.
///
/// # Errors
/// The phone could not be started, or closed.
pub async fn answer(hub: &str) -> Result<(), BoxError> {
    let phone = phone(hub, CALLEE, speaking("french.wav")).await?;
    let mut incoming = phone.incoming();
    let call = incoming.next().await.ok_or("the phone closed")?;
    call.accept().await?;
    let end = call.ended().await;
    tracing::debug!(?end, "the call ended");
    phone.close();
    phone.closed().await;
    Ok(())
}

/// The caller: calls until somebody answers, and measures itself for `time`.
///
/// # Errors
/// The phone could not be started, the call did not come up or broke, or `/proc` cannot be read.
pub async fn measure(hub: &str, time: Duration) -> Result<[Metric; 2], BoxError> {
    let phone = phone(hub, CALLER, speaking("english.wav")).await?;
    wait_online(&phone).await?;
    let call = phone.call(CALLEE).await?;
    let state = call.wait_for(|state| *state == CallState::Active).await;
    if state != CallState::Active {
        return Err(format!("the call did not come up: {state:?}").into());
    }
    tokio::time::sleep(SETTLE).await;
    let mut switches = Switches::default();
    let (ticks, switched, start) = (process::cpu_ticks()?, switches.look()?, Instant::now());
    let mut last = switched;
    while start.elapsed() < time {
        tokio::time::sleep(LOOK.min(time)).await;
        last = switches.look()?;
    }
    let (ticks, seconds) = (process::cpu_ticks()? - ticks, start.elapsed().as_secs_f64());
    let stats = call.stats().await;
    if call.state() != CallState::Active {
        return Err("the call broke".into());
    }
    tracing::info!(?stats, "the call");
    hang_up(&call).await?;
    phone.close();
    phone.closed().await;
    let metric = |name: &str, ours, unit| Metric { name: name.to_owned(), ours, peer: None, unit, count: 1 };
    Ok([
        metric("cpu_percent", ticks as f64 * SECONDS_A_TICK / seconds * 100.0, "percent of a core"),
        metric("context_switches_per_s", (last - switched) as f64 / seconds, "1/s"),
    ])
}

const CALLER: &str = "bench-rider";
const CALLEE: &str = "bench-driver";
/// The connection's first reports and the buffer's first steps are over.
const SETTLE: Duration = Duration::from_secs(1);
/// How often threads are looked at, so that one that ends is counted. The look costs a few switches itself.
const LOOK: Duration = Duration::from_secs(5);
const SECONDS_A_TICK: f64 = 0.01;

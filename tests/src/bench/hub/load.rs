//! The load: sockets in pairs that send on a schedule, or sockets that are just there.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Load;
use super::socket::{Reader, Writer, body, broadcast, join};
use crate::bench::BoxError;

/// What a phase of deliveries was like.
pub(super) struct Delivered {
    /// From when each was due to when it came, in ms.
    pub(super) delays_ms: Vec<f64>,
    pub(super) lost: u64,
    /// From when the first was due to when the last came, or was to be sent.
    pub(super) seconds: f64,
}

/// Sends on a fixed schedule, one socket of each pair to the other.
pub(super) async fn deliver(hub: &str, load: Load) -> Result<Delivered, BoxError> {
    let pairs = load.sockets / 2;
    let topics: Vec<String> = (0..pairs).flat_map(|n| [format!("pair:{n}"), format!("pair:{n}")]).collect();
    let mut sockets = open(hub, topics).await?;
    let each = Duration::from_secs_f64(pairs as f64 / f64::from(load.rate));
    let start = Instant::now() + Duration::from_millis(200);
    let until = start + load.time;
    let mut running = JoinSet::new();
    for n in (0..pairs).rev() {
        let (Some((receiving, reader)), Some((writer, idle))) = (sockets.pop(), sockets.pop()) else { break };
        // Spread over the interval, so that nothing comes in bursts that the schedule did not ask for.
        let first = start + each.mul_f64(n as f64 / pairs as f64);
        running.spawn(async move {
            let schedule = Schedule { topic: format!("pair:{n}"), start, first, each, until };
            let (sent, received) =
                tokio::join!(send(writer, &schedule), receive(reader, start, until + LAST));
            // Their other halves stay open until here.
            drop((receiving, idle));
            sent.map(|sent| (sent, received))
        });
    }
    let (mut sent, mut delays_ms, mut took) = (0, Vec::new(), load.time);
    while let Some(pair) = running.join_next().await {
        let (count, Received { delays, last }) = pair??;
        sent += count;
        delays_ms.extend(delays);
        took = took.max(last);
    }
    let came = delays_ms.len() as u64;
    let lost = sent.checked_sub(came).ok_or_else(|| format!("{came} messages came of {sent}"))?;
    Ok(Delivered { delays_ms, lost, seconds: took.as_secs_f64() })
}

/// Opens sockets, each on a topic of its own.
pub(super) async fn open_idle(hub: &str, count: usize) -> Result<Vec<(Writer, Reader)>, BoxError> {
    open(hub, (0..count).map(|n| format!("user:{n}")).collect()).await
}

/// Opens a socket for each topic, in their order, a few at a time.
async fn open(hub: &str, topics: Vec<String>) -> Result<Vec<(Writer, Reader)>, BoxError> {
    let start = Instant::now();
    let count = topics.len();
    let joining = topics.into_iter().map(|topic| async move { join(hub, &topic).await });
    let joined: Vec<_> = futures_util::stream::iter(joining).buffered(AT_A_TIME).collect().await;
    let sockets: Result<Vec<_>, _> = joined.into_iter().collect();
    tracing::info!(count, seconds = start.elapsed().as_secs_f64(), "sockets are open");
    sockets
}

struct Schedule {
    topic: String,
    start: Instant,
    first: Instant,
    each: Duration,
    until: Instant,
}

async fn send(mut writer: Writer, schedule: &Schedule) -> Result<u64, BoxError> {
    let (mut due, mut sent) = (schedule.first, 0);
    while due < schedule.until {
        sleep_until(due).await;
        let at = (due - schedule.start).as_nanos();
        let mut text = format!(r#"{{"at":"{at:0AT_DIGITS$}","pad":""#);
        text.extend(std::iter::repeat_n('x', MESSAGE - text.len() - 2));
        text.push_str(r#""}"#);
        writer.send(broadcast(&schedule.topic, text.as_bytes())).await?;
        sent += 1;
        due += schedule.each;
    }
    // The reader half closes the socket.
    sleep_until(schedule.until + LAST).await;
    Ok(sent)
}

/// What one socket received.
#[derive(Default)]
struct Received {
    /// How late each message was, in ms.
    delays: Vec<f64>,
    /// When the last one came, counted from the start.
    last: Duration,
}

/// Reads until nothing more can come.
async fn receive(mut reader: Reader, start: Instant, until: Instant) -> Received {
    let mut received = Received::default();
    while let Ok(Some(Ok(message))) = timeout_at(until, reader.next()).await {
        let now = start.elapsed();
        let digits = body(&message).and_then(|body| body.get(AT_FROM..AT_FROM + AT_DIGITS));
        let due = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        if let Some(due) = due {
            received.delays.push(now.saturating_sub(Duration::from_nanos(due)).as_secs_f64() * 1e3);
            received.last = now;
        }
    }
    received
}

/// A call's messages have 300 to 1,500 bytes.
const MESSAGE: usize = 600;
/// Where the time stands in the body, and its digits: those of 2^64 ns.
const AT_FROM: usize = r#"{"at":""#.len();
const AT_DIGITS: usize = 20;
/// Sockets that are opened at the same time: fewer than the backlog of a listener.
const AT_A_TIME: usize = 64;
/// After the last message is sent: far beyond the bar.
const LAST: Duration = Duration::from_secs(2);

//! `setup`: from the dial to a connected call and to the first sound, through the hub, on loopback.
//!
//! Every call is the first between two users: fresh phones that are online, a callee that accepts at once, a recording
//! of speech at both microphones. The stock engine connects in the same run, its messages over the same signaling.
//! *Connected* is when both sides are; *sound* is the first sample above -60 dBFS that is handed to the callee's sink.

use std::sync::Arc;
use std::time::Duration;

use ringback::audio::{AudioDevices, default_devices};
use ringback::signaling::{Signaling, SignalingEvent};
use ringback_server::{Hub, HubConfig};
use tokio::time::timeout;

use super::metric::percentile;
use super::pair::{Connected, Pair, hang_up, signaling, speaking, speech};
use super::{BoxError, Metric};
use crate::stock;

/// Measures `calls` calls of ours and of the stock engine, in turns: files and nothing as sound devices.
///
/// # Errors
/// The hub or a phone could not be started, or a call did not come up.
pub async fn measure(calls: usize) -> Result<[Metric; 2], BoxError> {
    let hub = Hub::start(HubConfig::default()).await?;
    let (mut ours, mut peer) = (Figures::default(), Vec::new());
    for number in 0..calls {
        let devices = [speaking("english.wav"), speaking("french.wav")];
        ours.add(&one(&hub.url(), number, devices).await?);
        peer.extend(stock_one(&hub.url(), number).await?.map(millis));
    }
    hub.stop().await;
    ours.tell("ours");
    let peer = percentile(&mut peer, 50.0);
    Ok([
        Metric {
            name: "connect_p50_ms".to_owned(),
            ours: percentile(&mut ours.connected, 50.0),
            peer: Some(peer),
            unit: "ms",
            count: calls,
        },
        Metric {
            name: "audio_p50_ms".to_owned(),
            ours: percentile(&mut ours.heard, 50.0),
            peer: None,
            unit: "ms",
            count: calls,
        },
    ])
}

/// The sound of `calls` calls over the machine's own devices; the microphone is to hear something all the time.
///
/// # Errors
/// As [`measure`].
pub async fn measure_devices(calls: usize) -> Result<Metric, BoxError> {
    let hub = Hub::start(HubConfig::default()).await?;
    let mut ours = Figures::default();
    for number in 0..calls {
        let devices: [Arc<dyn AudioDevices>; 2] = [default_devices(), default_devices()];
        ours.add(&one(&hub.url(), number, devices).await?);
    }
    hub.stop().await;
    ours.tell("pulse");
    Ok(Metric {
        name: "audio_p50_ms_pulse".to_owned(),
        ours: percentile(&mut ours.heard, 50.0),
        peer: None,
        unit: "ms",
        count: calls,
    })
}

/// Ten minutes of speech for a microphone, at 48 kHz: longer than every measurement here.
///
/// # Errors
/// The recording cannot be read.
pub fn recording() -> Result<Vec<f32>, hound::Error> {
    let mut reader = hound::WavReader::open(speech("english.wav"))?;
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| s.map(|s| f32::from(s) / 32_768.0)).collect::<Result<_, _>>()?;
    // 16 kHz; each sample three times is coarse, and as loud.
    let once = samples.iter().flat_map(|sample| [*sample; 3]);
    let length = samples.len() * 3;
    Ok(once.cycle().take(length * TEN_MINUTES.div_ceil(length)).collect())
}

/// Milliseconds of each call.
#[derive(Default)]
struct Figures {
    connected: Vec<f64>,
    heard: Vec<f64>,
    heard_back: Vec<f64>,
}

impl Figures {
    fn add(&mut self, call: &Connected) {
        self.connected.push(millis(call.connected));
        self.heard.push(millis(call.heard_by_callee));
        self.heard_back.push(millis(call.heard_by_caller));
    }

    /// What is no metric, for whoever watches.
    fn tell(&mut self, who: &str) {
        let figures = [
            ("connected", &mut self.connected),
            ("the callee hears", &mut self.heard),
            ("the caller hears", &mut self.heard_back),
        ];
        for (what, values) in figures {
            let [p50, p95] = [50.0, 95.0].map(|percent| percentile(values, percent));
            tracing::info!(who, what, p50, p95, "ms from the dial");
        }
    }
}

async fn one(hub: &str, number: usize, devices: [Arc<dyn AudioDevices>; 2]) -> Result<Connected, BoxError> {
    let mut pair = Pair::online(hub, number, devices).await?;
    let call = pair.connect().await?;
    hang_up(&call.outgoing).await?;
    pair.close().await;
    Ok(call)
}

async fn stock_one(hub: &str, number: usize) -> Result<Option<Duration>, BoxError> {
    let [caller, callee] = ["stock-rider", "stock-driver"].map(|name| format!("{name}-{number}"));
    let [at_caller, at_callee] = [signaling(hub, &caller)?, signaling(hub, &callee)?].map(Arc::new);
    for transport in [&at_caller, &at_callee] {
        timeout(ONLINE_WITHIN, up(&**transport)).await?;
    }
    let users = [caller.parse()?, callee.parse()?];
    let [user_a, user_b] = users;
    let dialed =
        stock::dial_through((at_caller.clone(), user_a), (at_callee.clone(), user_b), STOCK_LIMIT).await?;
    tokio::join!(at_caller.close(), at_callee.close());
    Ok(dialed)
}

async fn up(signaling: &dyn Signaling) {
    while !matches!(signaling.next().await, SignalingEvent::Up { .. }) {}
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

const TEN_MINUTES: usize = 48_000 * 600;
const ONLINE_WITHIN: Duration = Duration::from_secs(10);
/// The connect limit of call control.
const STOCK_LIMIT: Duration = Duration::from_secs(15);

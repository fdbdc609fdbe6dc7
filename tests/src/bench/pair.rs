//! Two phones for a measurement, and how one calls the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback::audio::{AudioDevices, CaptureFrom, ClockedDevices, PlaybackTo};
use ringback::proto::call::CallState;
use ringback::signaling::SignalingHealth;
use ringback::signaling::supabase::SupabaseSignaling;
use ringback::{Call, Event, EventKind, Events, IncomingCalls, Phone};
use ringback_server::DEMO_KEY;
use tokio::time::timeout;

use super::BoxError;

/// A caller and a callee that are online, and have never heard of each other.
pub(super) struct Pair {
    pub(super) caller: Phone,
    pub(super) callee: Phone,
    incoming: IncomingCalls,
}

/// A call that is active on both sides.
pub(super) struct Connected {
    pub(super) outgoing: Call,
    /// From the dial until both were active.
    pub(super) connected: Duration,
    /// From the dial until the callee heard the caller's first sound.
    pub(super) heard_by_callee: Duration,
    /// The same at the caller.
    pub(super) heard_by_caller: Duration,
}

impl Pair {
    /// Phones of fresh users, `number` telling them from others. The devices are of the caller and of the callee.
    pub(super) async fn online(
        hub: &str,
        number: usize,
        [at_caller, at_callee]: [Arc<dyn AudioDevices>; 2],
    ) -> Result<Self, BoxError> {
        let caller = phone(hub, &format!("rider-{number}"), at_caller).await?;
        let callee = phone(hub, &format!("driver-{number}"), at_callee).await?;
        wait_online(&caller).await?;
        wait_online(&callee).await?;
        let incoming = callee.incoming();
        Ok(Self { caller, callee, incoming })
    }

    /// Places a call that is accepted at once, and waits until both sides are active and have heard the other.
    pub(super) async fn connect(&mut self) -> Result<Connected, BoxError> {
        let heard_by_callee = first_sound(self.callee.events());
        let heard_by_caller = first_sound(self.caller.events());
        let dialed = Instant::now();
        let outgoing = self.caller.call(self.callee.user().as_str()).await?;
        let connect = async {
            let answered = async {
                let call = self.incoming.next().await.ok_or("the callee's phone closed")?;
                call.accept().await?;
                active(&call).await
            };
            let (there, here) = tokio::join!(answered, active(&outgoing));
            let connected = there?.max(here?) - dialed;
            let (there, here) = tokio::join!(heard_by_callee, heard_by_caller);
            Ok::<_, BoxError>((connected, there? - dialed, here? - dialed))
        };
        let (connected, heard_by_callee, heard_by_caller) = timeout(LIMIT, connect).await??;
        Ok(Connected { outgoing, connected, heard_by_callee, heard_by_caller })
    }

    pub(super) async fn close(self) {
        for phone in [&self.caller, &self.callee] {
            phone.close();
        }
        for phone in [self.caller, self.callee] {
            phone.closed().await;
        }
    }
}

/// Hangs up and waits until the call has ended.
pub(super) async fn hang_up(call: &Call) -> Result<(), BoxError> {
    call.hang_up();
    timeout(LIMIT, call.ended()).await?;
    Ok(())
}

/// A phone whose media goes over loopback.
pub(super) async fn phone(hub: &str, user: &str, devices: Arc<dyn AudioDevices>) -> Result<Phone, BoxError> {
    let signaling = Arc::new(signaling(hub, user)?);
    Ok(Phone::builder(signaling).user(user).audio_devices(devices).local_demo(true).start().await?)
}

/// Public signaling through a hub.
pub(super) fn signaling(hub: &str, user: &str) -> Result<SupabaseSignaling, BoxError> {
    Ok(SupabaseSignaling::public(hub, DEMO_KEY, user.parse()?).start()?)
}

pub(super) async fn wait_online(phone: &Phone) -> Result<(), BoxError> {
    let mut health = phone.signaling_health();
    timeout(LIMIT, health.wait_for(|health| *health == SignalingHealth::Online)).await??;
    Ok(())
}

/// Sends a recording over and over, and throws away what it hears.
pub(super) fn speaking(recording: &str) -> Arc<dyn AudioDevices> {
    let capture = CaptureFrom::Wav { path: speech(recording), repeat: true };
    Arc::new(ClockedDevices::new(capture, PlaybackTo::Null))
}

/// A recording of the tests.
pub(super) fn speech(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/speech").join(name)
}

async fn active(call: &Call) -> Result<Instant, BoxError> {
    match call.wait_for(|state| *state == CallState::Active).await {
        CallState::Active => Ok(Instant::now()),
        CallState::Ended(end) => Err(format!("the call ended: {end:?}").into()),
        CallState::Initiated | CallState::Ringing | CallState::Connecting | CallState::Reconnecting => {
            Err("the phone closed".into())
        }
    }
}

/// When the peer's first sound is handed to the sink.
async fn first_sound(mut events: Events) -> Result<Instant, BoxError> {
    loop {
        match events.next().await.ok_or("the phone closed")? {
            Event::Call(event) if event.kind == EventKind::FirstSound => return Ok(Instant::now()),
            Event::Call(_)
            | Event::Signaling(_)
            | Event::DeviceInUse { .. }
            | Event::DeviceFailed { .. }
            | Event::MicrophoneLevel { .. }
            | Event::Lagged(_) => {}
        }
    }
}

/// Far beyond every bar.
const LIMIT: Duration = Duration::from_secs(15);

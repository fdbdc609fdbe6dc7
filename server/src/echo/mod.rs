//! The echo bot: a user whom everybody can call, and who says back what it hears.
//!
//! It answers every call, greets with two notes, and repeats the caller after a moment, so that one person can try a call
//! alone. It is a native phone like any other, on a real websocket to the hub; only its sound devices are its own. Each
//! of its lines ([`switchboard`]) talks to one caller; who calls when all are taken hears that the bot is busy.
//!
//! If it dies it starts again, after 1 s at first and 30 s at most.

mod sound;
mod switchboard;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringback::proto::call::CallState;
use ringback::proto::{DeviceId, IdError, UserId};
use ringback::signaling::supabase::{BuildError, SupabaseSignaling};
use ringback::signaling::{Signaling, SignalingHealth};
use ringback::{Call, CallError, Phone};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use self::sound::EchoDevices;
use self::switchboard::{Line, Switchboard};
use crate::status::LOBBY;

/// How the echo bot is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoConfig {
    /// Its user id. Default `echo`.
    pub user: String,
    /// After how long it repeats what it hears. Default 700 ms: long enough to tell the echo from one's own voice, and
    /// from the network's delay.
    pub delay: Duration,
    /// After how long it hangs up. Default 10 minutes: a browser tab that was forgotten does not hold a line.
    pub call_limit: Duration,
    /// How many callers it talks to at a time. Default 4, at most [`EchoConfig::MOST_LINES`].
    pub lines: usize,
}

/// What the echo bot did so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoSnapshot {
    /// Whom to call.
    pub user: String,
    /// Whether calls reach it.
    pub online: bool,
    /// Callers it talks to.
    pub calls: usize,
    /// How many callers it can talk to at a time.
    pub lines: usize,
    /// Calls it answered.
    pub answered: u64,
    /// How often it died and started again.
    pub restarts: u64,
}

/// Why the echo bot stopped.
#[derive(Debug, thiserror::Error)]
enum EchoError {
    #[error("its user id is malformed")]
    User(#[from] IdError),
    #[error(transparent)]
    Signaling(#[from] BuildError),
    #[error(transparent)]
    Phone(#[from] ringback::StartError),
    #[error("the system gives no random bytes")]
    Random,
    #[error("one of its phones closed")]
    PhoneClosed,
    #[error("its signaling closed")]
    SignalingClosed,
}

/// An echo bot that runs. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct RunningEcho {
    figures: EchoFigures,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Where a bot's figures are read, also after its end.
#[derive(Debug, Clone)]
pub(crate) struct EchoFigures {
    user: String,
    lines: usize,
    shared: Arc<Shared>,
}

/// What the bot tells while it runs.
#[derive(Debug, Default)]
struct Shared {
    phones: Mutex<Vec<Phone>>,
    answered: AtomicU64,
    restarts: AtomicU64,
    online: AtomicBool,
}

impl EchoConfig {
    /// Each line costs a thread while it talks.
    pub const MOST_LINES: usize = 32;
}

impl Default for EchoConfig {
    fn default() -> Self {
        Self {
            user: "echo".into(),
            delay: Duration::from_millis(700),
            call_limit: Duration::from_secs(600),
            lines: 4,
        }
    }
}

impl RunningEcho {
    /// Starts the bot at the hub of this URL, which may not be up yet. Call it inside a tokio runtime.
    pub(crate) fn start(url: String, api_key: String, config: EchoConfig) -> Self {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared::default());
        let figures = EchoFigures { user: config.user.clone(), lines: config.lines, shared: shared.clone() };
        let bot = Bot { url, api_key, config, shared };
        Self { figures, stop, task: tokio::spawn(bot.live(stopped)) }
    }

    pub(crate) fn figures(&self) -> EchoFigures {
        self.figures.clone()
    }

    /// Hangs up every call and returns when nothing of the bot is left.
    pub(crate) async fn stop(mut self) {
        // Fails if it ended by itself: then there is nothing to stop.
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for RunningEcho {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl EchoFigures {
    pub(crate) fn snapshot(&self) -> EchoSnapshot {
        let Self { user, lines, shared } = self;
        let phones = shared.phones.lock().unwrap_or_else(PoisonError::into_inner);
        EchoSnapshot {
            user: user.clone(),
            online: shared.online.load(Ordering::Relaxed),
            calls: phones.iter().map(|phone| phone.calls().len()).sum(),
            lines: *lines,
            answered: shared.answered.load(Ordering::Relaxed),
            restarts: shared.restarts.load(Ordering::Relaxed),
        }
    }
}

#[derive(Debug, Clone)]
struct Bot {
    url: String,
    api_key: String,
    config: EchoConfig,
    shared: Arc<Shared>,
}

impl Bot {
    /// One life after another, until asked to stop.
    async fn live(self, mut stopped: watch::Receiver<bool>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let born = Instant::now();
            // In a set, so that it goes with this task; as a task, so that a panic is only the end of this life.
            let mut life = JoinSet::new();
            life.spawn(self.clone().one_life(stopped.clone()));
            let ended = life.join_next().await;
            // A life that broke has not closed them.
            self.close_phones().await;
            match ended {
                Some(Ok(Ok(()))) | None => return,
                Some(Ok(Err(why))) => tracing::warn!(%why, "the echo bot stopped; it starts again"),
                Some(Err(panic)) => tracing::error!(%panic, "the echo bot broke; it starts again"),
            }
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
            self.shared.online.store(false, Ordering::Relaxed);
            if born.elapsed() > LONG_LIFE {
                pause = FIRST_PAUSE;
            }
            tokio::select! {
                _ = stopped.wait_for(|&stop| stop) => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (2 * pause).min(LAST_PAUSE);
        }
    }

    /// `Ok`: asked to stop.
    async fn one_life(self, mut stopped: watch::Receiver<bool>) -> Result<(), EchoError> {
        let user = UserId::new(self.config.user.clone())?;
        let devices = (0..self.config.lines).map(|_| device()).collect::<Result<Vec<_>, _>>()?;
        let mut trunk = SupabaseSignaling::public(&self.url, &self.api_key, user);
        if let Some(&first) = devices.first() {
            trunk = trunk.lobby(LOBBY, first, "echo");
        }
        let trunk = trunk.start()?;
        let trunk: Arc<dyn Signaling> = Arc::new(trunk);
        let result = self.serve(&trunk, devices, &mut stopped).await;
        self.close_phones().await;
        trunk.close().await;
        self.shared.online.store(false, Ordering::Relaxed);
        result
    }

    async fn close_phones(&self) {
        let phones = std::mem::take(&mut *self.shared.phones.lock().unwrap_or_else(PoisonError::into_inner));
        for phone in &phones {
            phone.close();
        }
        for phone in phones {
            phone.closed().await;
        }
    }

    async fn serve(
        &self,
        trunk: &Arc<dyn Signaling>,
        devices: Vec<DeviceId>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<(), EchoError> {
        let mut lines = Vec::new();
        let mut parts: JoinSet<EchoError> = JoinSet::new();
        for device in devices {
            let line = Line::new(trunk.clone());
            let sound = EchoDevices::new(self.config.delay);
            let phone = Phone::builder(line.clone())
                .user(&self.config.user)
                .device(device)
                .audio_devices(Arc::new(sound.clone()))
                .local_demo(true)
                .start()
                .await?;
            self.shared.phones.lock().unwrap_or_else(PoisonError::into_inner).push(phone.clone());
            lines.push((line, phone.clone()));
            parts.spawn(self.clone().answer(phone, sound));
        }
        if let Some((_, phone)) = lines.first() {
            parts.spawn(self.clone().follow_health(phone.signaling_health()));
        }
        let switchboard = Switchboard::new(trunk.clone(), lines);
        parts.spawn(async move {
            switchboard.run().await;
            EchoError::SignalingClosed
        });
        tokio::select! {
            _ = stopped.wait_for(|&stop| stop) => Ok(()),
            ended = parts.join_next() => match ended {
                Some(Ok(why)) => Err(why),
                Some(Err(panic)) if panic.is_panic() => std::panic::resume_unwind(panic.into_panic()),
                Some(Err(_)) | None => Err(EchoError::PhoneClosed),
            },
        }
    }

    async fn answer(self, phone: Phone, sound: EchoDevices) -> EchoError {
        let mut incoming = phone.incoming();
        while let Some(call) = incoming.next().await {
            match self.talk(&call, &sound).await {
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, "the echo bot could not answer"),
            }
        }
        EchoError::PhoneClosed
    }

    async fn talk(&self, call: &Call, sound: &EchoDevices) -> Result<(), CallError> {
        call.accept().await?;
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        let limit = tokio::time::sleep(self.config.call_limit);
        tokio::pin!(limit);
        let state = call.wait_for(|state| *state == CallState::Active).await;
        if state == CallState::Active {
            sound.greet();
        }
        tokio::select! {
            _ = call.ended() => {}
            () = &mut limit => {
                tracing::debug!("the echo bot ends a call that has lasted long enough");
                call.hang_up();
                call.ended().await;
            }
        }
        Ok(())
    }

    async fn follow_health(self, mut health: watch::Receiver<SignalingHealth>) -> EchoError {
        loop {
            let online = *health.borrow_and_update() == SignalingHealth::Online;
            self.shared.online.store(online, Ordering::Relaxed);
            if health.changed().await.is_err() {
                return EchoError::PhoneClosed;
            }
        }
    }
}

fn device() -> Result<DeviceId, EchoError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| EchoError::Random)?;
    Ok(DeviceId::from_random(random))
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A life of this length was a good one: the pauses begin again.
const LONG_LIFE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_life_that_ends_badly_leaves_no_phone_open() {
        let nowhere = "http://127.0.0.1:9";
        let trunk = SupabaseSignaling::public(nowhere, "key", UserId::new("echo").unwrap()).start().unwrap();
        let phone = Phone::builder(Arc::new(trunk))
            .user("echo")
            .audio_devices(Arc::new(EchoDevices::new(Duration::ZERO)))
            .local_demo(true)
            .start()
            .await
            .unwrap();
        let shared = Arc::new(Shared { phones: Mutex::new(vec![phone.clone()]), ..Shared::default() });
        // With a user that is none, a life ends before it comes to its phones.
        let config = EchoConfig { user: String::new(), ..EchoConfig::default() };
        let bot = Bot { url: nowhere.into(), api_key: "key".into(), config, shared: shared.clone() };
        let (_stop, stopped) = watch::channel(false);
        let life = tokio::spawn(bot.live(stopped));
        tokio::time::timeout(Duration::from_secs(30), phone.closed()).await.expect("it is closed");
        assert!(shared.phones.lock().unwrap().is_empty());
        life.abort();
    }
}

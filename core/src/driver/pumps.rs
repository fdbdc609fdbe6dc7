//! One task per adapter: it alone calls the adapter's `next()`, so no future is dropped half-way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::chores::Chores;
use super::{Arrival, Ports};
use crate::audio::{AudioEvent, AudioEvents};
use crate::clock::Clock;
use crate::media::{EngineEvent, MediaEngine};
use crate::net::NetworkWatch;
use crate::phone::{Asked, Shared, Signal};
use crate::policy::MayRing;
use crate::proto::call::{Admission, Incoming};
use crate::proto::{CallId, ConnId, MessageId, Timestamp};
use crate::signaling::{Outgoing, RefusedWhy, Signaling, SignalingEvent};

/// Where everything arrives that can wake the driver.
pub(super) struct Arrivals {
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Asked>,
    admissions: mpsc::Receiver<(CallId, Admission)>,
    signaling: mpsc::Receiver<SignalingEvent>,
    engine: mpsc::Receiver<(ConnId, EngineEvent)>,
    audio: mpsc::Receiver<AudioEvent>,
}

/// The pump tasks and what they own.
pub(super) struct Pumps {
    shared: Arc<Shared>,
    signaling: Arc<dyn Signaling>,
    may_ring: Arc<dyn MayRing>,
    outbox: mpsc::Sender<Outgoing>,
    flush: JoinHandle<()>,
    admissions: mpsc::Sender<(CallId, Admission)>,
    readers: Vec<JoinHandle<()>>,
    chores: Chores,
}

impl Arrivals {
    /// The next thing that happened, or the deadline. What a user did comes first, time last.
    pub(super) async fn next(&mut self, clock: &dyn Clock, deadline: Timestamp) -> Arrival {
        tokio::select! {
            biased;
            signal = self.shared.signals.next() => match signal {
                Signal::HangUp(call) => Arrival::HangUp(call),
                Signal::NetworkChanged => Arrival::NetworkChanged,
                Signal::Close => Arrival::Close,
            },
            Some(asked) = self.commands.recv() => Arrival::Asked(asked),
            Some((call, admission)) = self.admissions.recv() => Arrival::Admitted(call, admission),
            Some(event) = self.signaling.recv() => Arrival::Signaling(event),
            Some((conn, event)) = self.engine.recv() => Arrival::Engine(conn, event),
            Some(event) = self.audio.recv() => Arrival::Audio(event),
            () = clock.sleep_until(deadline) => Arrival::Deadline,
        }
    }
}

impl Pumps {
    pub(super) fn start(
        ports: Ports,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Asked>,
    ) -> (Self, Arrivals) {
        let Ports { clock: _, signaling, engine, sounds, may_ring, network } = ports;
        let (signaling_tx, signaling_rx) = mpsc::channel(EVENT_PLACES);
        let (engine_tx, engine_rx) = mpsc::channel(EVENT_PLACES);
        let (audio_tx, audio_rx) = mpsc::channel(EVENT_PLACES);
        let (admissions, admissions_rx) = mpsc::channel(ADMISSION_PLACES);
        let (outbox, outgoing) = mpsc::channel(OUTBOX_PLACES);
        let flush = tokio::spawn(pump_out(signaling.clone(), outgoing, signaling_tx.clone()));
        let mut readers = vec![
            tokio::spawn(pump_signaling(signaling.clone(), signaling_tx)),
            tokio::spawn(pump_engine(engine, engine_tx)),
            tokio::spawn(pump_audio(sounds, audio_tx)),
        ];
        if let Some(network) = network {
            readers.push(tokio::spawn(pump_network(network, shared.clone())));
        }
        let arrivals = Arrivals {
            shared: shared.clone(),
            commands,
            admissions: admissions_rx,
            signaling: signaling_rx,
            engine: engine_rx,
            audio: audio_rx,
        };
        let chores = Chores::default();
        (Self { shared, signaling, may_ring, outbox, flush, admissions, readers, chores }, arrivals)
    }

    /// Queues a message. If there is no room it is dropped: the machine sends it again until it is proved.
    pub(super) fn send(&self, message: Outgoing) {
        if let Err(mpsc::error::TrySendError::Full(message)) = self.outbox.try_send(message) {
            tracing::warn!(
                kind = message.kind,
                "the queue to signaling is full; the message waits for its resend"
            );
        }
    }

    /// Asks the `may_ring` port; the machine has four questions open at most.
    pub(super) fn ask(&mut self, incoming: Incoming) {
        let (port, answers) = (self.may_ring.clone(), self.admissions.clone());
        let question = Question { call: incoming.call, answer: Admission::Refused, answers };
        self.chores.spawn(async move {
            // All of it moves in, or its end would not be that of the task.
            let mut question = question;
            match tokio::time::timeout(MAY_RING_LIMIT, port.may_ring(incoming)).await {
                Ok(answer) => question.answer = answer,
                Err(_) => tracing::warn!("may_ring gave no answer in 5 s: the call is refused"),
            }
        });
    }

    /// Reads a connection's statistics once a second until it is gone: the encoder prepares for the loss that the peer
    /// reports, and a call that ended still has its last figures.
    pub(super) fn watch(&mut self, conn: ConnId) {
        let shared = self.shared.clone();
        self.chores.spawn(async move {
            loop {
                tokio::time::sleep(STATS_EVERY).await;
                let Some(stats) = shared.engine.stats(conn).await else { return };
                let Some(worst) = shared.record(conn, stats) else { return };
                shared.audio.set_loss(worst);
            }
        });
    }

    /// After a suspend the store may hold what the sockets missed.
    pub(super) fn resumed(&mut self) {
        let signaling = self.signaling.clone();
        self.chores.spawn(async move { signaling.pending().await });
    }

    /// Sockets and looked-up names of the network before this one may be dead.
    pub(super) fn network_changed(&self) {
        self.signaling.network_changed();
        self.shared.engine.network_changed();
    }

    /// Flushes signaling (at most 1 s), then lets go of everything (at most 2 s in all).
    pub(super) async fn close(self) {
        let Self { shared, signaling, outbox, mut flush, readers, mut chores, .. } = self;
        drop(outbox);
        let farewell = async {
            if tokio::time::timeout(FLUSH_LIMIT, &mut flush).await.is_err() {
                flush.abort();
            }
            signaling.close().await;
        };
        let all = async { tokio::join!(farewell, shared.engine.close(), shared.audio.close()) };
        if tokio::time::timeout(CLOSE_LIMIT, all).await.is_err() {
            tracing::warn!("closing took longer than 2 s; what is left is dropped");
        }
        chores.shutdown().await;
        for reader in readers {
            reader.abort();
            // Aborted or ended: either way it is gone now.
            let _ = reader.await;
        }
    }
}

/// A question to the `may_ring` port. It is answered when it goes, also by a port that panics: that refuses.
struct Question {
    call: CallId,
    answer: Admission,
    answers: mpsc::Sender<(CallId, Admission)>,
}

impl Drop for Question {
    fn drop(&mut self) {
        // There are more places than open questions, so this fails only once the driver is gone.
        let _ = self.answers.try_send((self.call, self.answer));
    }
}

async fn pump_out(
    signaling: Arc<dyn Signaling>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    refusals: mpsc::Sender<SignalingEvent>,
) {
    while let Some(message) = outgoing.recv().await {
        let (id, kind): (MessageId, &'static str) = (message.id, message.kind);
        let Err(why) = signaling.send(message).await else { continue };
        tracing::debug!(kind, %why, "signaling refused a message");
        match why {
            // A resend mends these by itself.
            RefusedWhy::Unavailable | RefusedWhy::RateLimited => {}
            RefusedWhy::NotAllowed | RefusedWhy::TooLarge => {
                if refusals.send(SignalingEvent::Refused(id, why)).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn pump_signaling(signaling: Arc<dyn Signaling>, events: mpsc::Sender<SignalingEvent>) {
    loop {
        let event = signaling.next().await;
        let over = event == SignalingEvent::Closed;
        if events.send(event).await.is_err() || over {
            return;
        }
    }
}

async fn pump_engine(engine: Arc<dyn MediaEngine>, events: mpsc::Sender<(ConnId, EngineEvent)>) {
    while events.send(engine.next().await).await.is_ok() {}
}

async fn pump_network(network: Arc<dyn NetworkWatch>, shared: Arc<Shared>) {
    loop {
        network.next().await;
        shared.signals.network_changed();
    }
}

async fn pump_audio(mut sounds: AudioEvents, events: mpsc::Sender<AudioEvent>) {
    while let Some(event) = sounds.next().await {
        if events.send(event).await.is_err() {
            return;
        }
    }
}

const EVENT_PLACES: usize = 256;
const OUTBOX_PLACES: usize = 128;
/// The machine has four questions open at most.
const ADMISSION_PLACES: usize = 8;
const STATS_EVERY: Duration = Duration::from_secs(1);
const MAY_RING_LIMIT: Duration = Duration::from_secs(5);
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

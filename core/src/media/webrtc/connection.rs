//! One connection: a task that runs commands in order and reports what happens.
//!
//! ```text
//!   commands (64) --+                        +--> events (one queue of the engine)
//!   signals (128) --+--> Connection::run ----+
//!   frames out (8) -+         |              +--> frames in (ring of 64)
//!   RTP, RTCP     --+         v
//!   alarm         --+    engine's driver task
//! ```
//!
//! `Close` does not queue: it raises a flag, which ends the task wherever it waits. Nothing is reported afterwards.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::RTCPeerConnectionState;

use super::alarm::Alarm;
use super::bitrate::BitrateMeter;
use super::certificates;
use super::config::Setup;
use super::mdns::Mdns;
use super::negotiation::Negotiation;
use super::peer::{Peer, PeerOptions};
use super::runtime::Notice;
use super::servers::{ServerList, UsableServers};
use super::signals::{Signal, SignalInlet};
use super::sound::{Packetizer, Reception};
use crate::BoxFuture;
use crate::media::link::{EngineLink, sound_link};
use crate::media::{ConnStats, EngineEvent, SelectedPath};
use crate::proto::ConnId;
use crate::proto::session::{MediaCommand, MediaEvent, MediaFailure};
use crate::redacted::Redacted;

/// What every connection of an engine shares.
pub(super) struct Common {
    pub(super) setup: Setup,
    pub(super) servers: ServerList,
    pub(super) mdns: Mdns,
    pub(super) events: mpsc::Sender<(ConnId, EngineEvent)>,
}

/// What the engine gives a new connection.
pub(super) struct Inlets {
    pub(super) commands: mpsc::Receiver<MediaCommand>,
    pub(super) queries: mpsc::Receiver<oneshot::Sender<ConnStats>>,
    pub(super) closing: Arc<super::engine::Flag>,
}

/// Random numbers of a new connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Randoms {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// One connection.
pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) common: Arc<Common>,
    inlets: Inlets,
    pub(super) signals: mpsc::Receiver<Signal>,
    pub(super) link: EngineLink,
    pub(super) peer: Peer,
    pub(super) negotiation: Negotiation,
    waiting: Option<Waiting>,
    pub(super) relay_only: bool,
    /// The engine does not know of `relay_only` yet.
    policy_changed: bool,
    pub(super) remote: Option<Arc<dyn TrackRemote>>,
    pub(super) packetizer: Packetizer,
    pub(super) reception: Reception,
    pub(super) sent_rate: BitrateMeter,
    pub(super) received_rate: BitrateMeter,
    pub(super) state: Progress,
    pub(super) alarm: Alarm,
    pub(super) path: Option<SelectedPath>,
    pub(super) remote_loss: f32,
}

/// A command that gathers anew, and the fetch of servers that it waits for. Media goes on meanwhile; later commands
/// wait behind it, so that they run in order.
struct Waiting {
    command: MediaCommand,
    servers: BoxFuture<'static, UsableServers>,
}

/// How far the connection has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// ICE has a pair that answers, or did two seconds ago: packets may be written.
    pub(super) writable: bool,
    pub(super) secured: bool,
    pub(super) arrived: bool,
    /// `Missing` was reported.
    pub(super) missing: bool,
    peer_closed: bool,
    /// Candidates of ours in this generation.
    pub(super) candidates: u32,
    pub(super) relay_candidates: u32,
    /// Are there TURN servers?
    pub(super) relay_configured: bool,
}

impl Connection {
    /// Opens a connection, runs it until it is told to close, and closes it.
    pub(super) async fn live(
        id: ConnId,
        common: Arc<Common>,
        inlets: Inlets,
        options: PeerOptions,
        randoms: Randoms,
    ) {
        let closing = inlets.closing.clone();
        let Some(mut connection) = Self::open(id, common, inlets, options, randoms).await else { return };
        tokio::select! {
            biased;
            () = closing.raised() => {}
            () = connection.run() => {}
        }
        connection.peer.close().await;
        tracing::info!(conn = id.0, "connection closed");
    }

    async fn open(
        id: ConnId,
        common: Arc<Common>,
        inlets: Inlets,
        mut options: PeerOptions,
        randoms: Randoms,
    ) -> Option<Self> {
        let patience = if options.relay_only { PATIENCE_RELAY } else { PATIENCE };
        options.servers = tokio::select! {
            biased;
            () = inlets.closing.raised() => return None,
            servers = common.servers.get(patience) => servers,
        };
        let relay_configured = options.servers.relay;
        let relay_only = options.relay_only;
        let fingerprint = certificates::fingerprint(&options.certificate);
        let (inlet, signals) = SignalInlet::new();
        // Not to be dropped half-way: the driver task would be left.
        let peer = match Peer::build(&common.setup, &common.mdns, options, &inlet).await {
            Ok(peer) => peer,
            Err(error) => {
                tracing::error!(conn = id.0, "no connection could be built");
                tracing::debug!(conn = id.0, error = %Redacted(error), "no connection could be built");
                let failed = EngineEvent::Session(MediaEvent::Failed(MediaFailure::Engine));
                emit(&common.events, &inlets.closing, id, failed).await;
                return None;
            }
        };
        let (sound, link) = sound_link();
        emit(&common.events, &inlets.closing, id, EngineEvent::Sound(sound)).await;
        let opened = match fingerprint {
            Some(fingerprint) => MediaEvent::Opened { fingerprint },
            None => MediaEvent::Failed(MediaFailure::Engine),
        };
        emit(&common.events, &inlets.closing, id, EngineEvent::Session(opened)).await;
        tracing::info!(conn = id.0, relay_only, "connection opened");
        Some(Self {
            id,
            common,
            inlets,
            signals,
            link,
            peer,
            negotiation: Negotiation::default(),
            waiting: None,
            relay_only,
            policy_changed: false,
            remote: None,
            packetizer: Packetizer::new(randoms.ssrc, randoms.sequence, randoms.timestamp),
            reception: Reception::default(),
            sent_rate: BitrateMeter::new(Instant::now()),
            received_rate: BitrateMeter::new(Instant::now()),
            state: Progress { relay_configured, ..Progress::default() },
            alarm: Alarm::new(),
            path: None,
            remote_loss: 0.0,
        })
    }

    async fn run(&mut self) {
        loop {
            // The order is the priority, and makes a simulated run repeatable.
            tokio::select! {
                biased;
                Some(signal) = self.signals.recv() => self.handle_signal(signal).await,
                event = next_remote(self.remote.as_deref()) => self.handle_remote(event).await,
                Some(TrackLocalEvent::OnRtcpPacket(packets)) = self.peer.track.poll() => {
                    self.handle_reports(&packets);
                    self.handle_sign_of_life().await;
                }
                Some(frame) = self.link.outgoing.recv() => self.send(frame).await,
                servers = fetched(&mut self.waiting) => self.handle_servers(servers).await,
                command = self.inlets.commands.recv(), if self.waiting.is_none() => match command {
                    Some(command) => self.begin(command).await,
                    None => return,
                },
                Some(reply) = self.inlets.queries.recv() => {
                    let stats = self.stats().await;
                    // Whoever asked may have gone.
                    let _ = reply.send(stats);
                }
                () = self.alarm.rings() => self.handle_alarm().await,
            }
        }
    }

    /// Reports to call control.
    pub(super) async fn report(&mut self, event: MediaEvent) {
        self.emit(EngineEvent::Session(event)).await;
    }

    pub(super) async fn emit(&mut self, event: EngineEvent) {
        emit(&self.common.events, &self.inlets.closing, self.id, event).await;
    }

    pub(super) async fn handle_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Candidate(text) => self.handle_candidate(&text).await,
            Signal::GatheringComplete => self.handle_gathered().await,
            Signal::Ice(state) => self.handle_ice(state).await,
            Signal::State(state) => {
                tracing::info!(conn = self.id.0, %state, "connection state");
                if state == RTCPeerConnectionState::Connected && !self.state.secured {
                    self.state.secured = true;
                    self.report(MediaEvent::Secured).await;
                }
            }
            Signal::Track(track) => self.remote = Some(track),
            Signal::Notice(Notice::PeerClosed) => {
                tracing::info!(conn = self.id.0, "the peer closed");
                self.state.writable = false;
                self.state.peer_closed = true;
                self.report(MediaEvent::PeerClosed).await;
            }
            Signal::Notice(Notice::DriverEnded) if !self.state.peer_closed => {
                tracing::warn!(conn = self.id.0, "the engine gave the connection up");
                self.state.writable = false;
                self.report(MediaEvent::Failed(MediaFailure::Engine)).await;
            }
            Signal::Notice(Notice::DriverEnded) => {}
            Signal::Notice(Notice::Refused) if !self.state.secured => {
                tracing::warn!(conn = self.id.0, "the DTLS handshake was refused");
                self.report(MediaEvent::Failed(MediaFailure::Dtls)).await;
            }
            Signal::Notice(Notice::Refused) => {}
        }
        if self.peer.signals.take_overflow() {
            tracing::error!(conn = self.id.0, "the engine's signals overflowed");
            self.report(MediaEvent::Failed(MediaFailure::Overflow)).await;
        }
    }

    /// Runs a command, or fetches the servers that it gathers with first.
    async fn begin(&mut self, command: MediaCommand) {
        let gathers_anew = match command {
            MediaCommand::CreateOffer { ice_restart, .. } => ice_restart || self.policy_changed,
            // The peer restarts.
            MediaCommand::TakeOffer { .. } => self.negotiation.remote_known,
            MediaCommand::TakeAnswer { .. }
            | MediaCommand::AddCandidates { .. }
            | MediaCommand::ExpectMedia { .. }
            | MediaCommand::AllowDirect
            | MediaCommand::Open { .. }
            | MediaCommand::Close => false,
        };
        if !gathers_anew {
            return self.handle_command(command).await;
        }
        let common = self.common.clone();
        let servers = Box::pin(async move { common.servers.get(PATIENCE).await });
        self.waiting = Some(Waiting { command, servers });
    }

    /// Fresh servers and the policy of now, for the gathering that follows.
    async fn handle_servers(&mut self, servers: UsableServers) {
        let Some(Waiting { command, .. }) = self.waiting.take() else { return };
        self.policy_changed = false;
        self.state.relay_configured = servers.relay;
        if let Err(error) = self.peer.reconfigure(servers, self.relay_only).await {
            tracing::warn!(conn = self.id.0, "the ICE servers stay as they were");
            tracing::debug!(conn = self.id.0, error = %Redacted(error), "the ICE servers stay as they were");
        }
        self.handle_command(command).await;
    }

    async fn handle_command(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::CreateOffer { round, ice_restart } => {
                let others = self.begin_generation();
                self.create_offer(round, ice_restart).await;
                self.handle_signals(others).await;
            }
            MediaCommand::TakeOffer { round, sdp } => {
                let others = self.begin_generation();
                self.take_offer(round, &sdp).await;
                self.handle_signals(others).await;
            }
            MediaCommand::TakeAnswer { round, sdp } => self.take_answer(round, &sdp).await,
            MediaCommand::AddCandidates { candidates } => self.add_candidates(candidates).await,
            MediaCommand::ExpectMedia { within } => self.alarm.watch(within),
            MediaCommand::AllowDirect => {
                self.policy_changed |= self.relay_only;
                self.relay_only = false;
            }
            // The engine sees to both.
            MediaCommand::Open { .. } | MediaCommand::Close => {}
        }
    }

    /// What the engine still reports of the candidates before belongs to a round that is over. Returns the other
    /// signals, which came before the round begins.
    fn begin_generation(&mut self) -> Vec<Signal> {
        self.state.candidates = 0;
        self.state.relay_candidates = 0;
        let mut others = Vec::new();
        while let Ok(signal) = self.signals.try_recv() {
            match signal {
                Signal::Candidate(_) | Signal::GatheringComplete => {}
                Signal::Ice(_) | Signal::State(_) | Signal::Track(_) | Signal::Notice(_) => {
                    others.push(signal)
                }
            }
        }
        others
    }

    async fn handle_signals(&mut self, signals: Vec<Signal>) {
        for signal in signals {
            self.handle_signal(signal).await;
        }
    }
}

/// The servers that a command waits for. Cancel safe.
async fn fetched(waiting: &mut Option<Waiting>) -> UsableServers {
    match waiting {
        Some(waiting) => waiting.servers.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn next_remote(track: Option<&dyn TrackRemote>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

/// Queues an event, waiting for room: call control takes events as long as it lives.
async fn emit(
    events: &mpsc::Sender<(ConnId, EngineEvent)>,
    closing: &super::engine::Flag,
    id: ConnId,
    event: EngineEvent,
) {
    tokio::select! {
        biased;
        () = closing.raised() => {}
        // No receiver: the engine is gone, and so is whoever wanted to know.
        _ = events.send((id, event)) => {}
    }
}

/// How long a connection waits for a list of ICE servers: a cached one is there at once, and a call is not to hang
/// on a web service.
const PATIENCE: Duration = Duration::from_secs(1);
/// Without a list a connection that may only use relays has no chance.
const PATIENCE_RELAY: Duration = Duration::from_secs(5);

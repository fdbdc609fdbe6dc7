//! A media engine without media: it answers every command as a real one would, at once, or fails as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use ringback::BoxFuture;
use ringback::media::link::sound_link;
use ringback::media::{ConnStats, EngineEvent, MediaCommand, MediaEngine, MediaEvent, QueueFull};
use ringback::proto::ConnId;
use ringback::proto::session::{LocalCandidate, MediaFailure, PathState};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct FakeEngine {
    state: Mutex<State>,
    grown: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(ConnId, EngineEvent)>,
    fail: Option<MediaFailure>,
    refuse: bool,
    silent: bool,
    open: usize,
    network_changes: usize,
}

impl FakeEngine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the lock held")
    }

    /// Every connection fails like this from now on.
    pub(crate) fn fail(&self, why: MediaFailure) {
        self.state().fail = Some(why);
    }

    /// Every queue is full from now on.
    pub(crate) fn refuse(&self) {
        self.state().refuse = true;
    }

    /// Descriptions are made, but no path ever comes up.
    pub(crate) fn no_path(&self) {
        self.state().silent = true;
    }

    pub(crate) fn network_changes(&self) -> usize {
        self.state().network_changes
    }

    pub(crate) fn open(&self) -> usize {
        self.state().open
    }
}

impl MediaEngine for FakeEngine {
    fn command(&self, conn: ConnId, command: MediaCommand) -> Result<(), QueueFull> {
        let mut state = self.state();
        if state.refuse {
            return Err(QueueFull);
        }
        let fail = state.fail.clone();
        let mut say = |event| state.events.push_back((conn, EngineEvent::Session(event)));
        if let (Some(why), false) = (fail, command == MediaCommand::Close) {
            say(MediaEvent::Failed(why));
            self.grown.notify_one();
            return Ok(());
        }
        match command {
            MediaCommand::Open { .. } => {
                state.open += 1;
                let (sound, _engine) = sound_link();
                state.events.push_back((conn, EngineEvent::Sound(sound)));
                let opened = MediaEvent::Opened { fingerprint: [0xab; 32] };
                state.events.push_back((conn, EngineEvent::Session(opened)));
            }
            MediaCommand::CreateOffer { round, .. } => {
                say(MediaEvent::OfferReady { round, sdp: sdp("actpass") });
                say(MediaEvent::Candidate(candidate()));
                say(MediaEvent::GatheringDone);
            }
            MediaCommand::TakeOffer { round, .. } => {
                say(MediaEvent::AnswerReady { round, sdp: sdp("active") });
                say(MediaEvent::Candidate(candidate()));
                say(MediaEvent::GatheringDone);
                if !state.silent {
                    state.come_up(conn);
                }
            }
            MediaCommand::TakeAnswer { .. } => {
                if !state.silent {
                    state.come_up(conn);
                }
            }
            MediaCommand::AddCandidates { .. }
            | MediaCommand::ExpectMedia { .. }
            | MediaCommand::AllowDirect => {}
            MediaCommand::Close => {
                state.open = state.open.saturating_sub(1);
                state.events.retain(|(other, _)| *other != conn);
            }
        }
        drop(state);
        self.grown.notify_one();
        Ok(())
    }

    fn next(&self) -> BoxFuture<'_, (ConnId, EngineEvent)> {
        Box::pin(async {
            loop {
                let grown = self.grown.notified();
                if let Some(event) = self.state().events.pop_front() {
                    return event;
                }
                grown.await;
            }
        })
    }

    fn stats(&self, _: ConnId) -> BoxFuture<'_, Option<ConnStats>> {
        Box::pin(std::future::ready(None))
    }

    fn network_changed(&self) {
        self.state().network_changes += 1;
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl State {
    fn come_up(&mut self, conn: ConnId) {
        for event in [MediaEvent::Path(PathState::Connected), MediaEvent::Secured, MediaEvent::Arrived] {
            self.events.push_back((conn, EngineEvent::Session(event)));
        }
    }
}

fn candidate() -> LocalCandidate {
    LocalCandidate {
        candidate: "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host".to_owned(),
        mid: "0".to_owned(),
    }
}

fn sdp(setup: &str) -> String {
    let fingerprint = vec!["AB"; 32].join(":");
    [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        &format!("a=fingerprint:sha-256 {fingerprint}"),
        &format!("a=setup:{setup}"),
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "",
    ]
    .join("\r\n")
}

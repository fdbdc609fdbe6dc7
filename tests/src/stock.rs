//! The engine as it comes: webrtc-rs with its default settings and interceptors, over the same network as ours.
//!
//! What the benchmarks compare with. One offer, one answer, trickled candidates, a frame every 20 ms once connected.

mod hub;

use std::sync::Arc;
use std::time::Duration;

use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use webrtc::error::Result;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
    register_default_interceptors,
};
use webrtc::runtime::Runtime;

pub use self::hub::dial_through;
use crate::sim::{Mailbox, Path, Sender, SimRuntime, World};

/// Two stock connections, `a` calling `b`, over clean signaling.
///
/// Returns when both were connected and heard each other, or `None` after `limit`.
///
/// # Errors
/// Those of the engine.
pub async fn dial(world: &World, signaling: Path, limit: Duration) -> Result<Option<Duration>> {
    let (a_out, b_in) = world.mail("a", "b", signaling);
    let (b_out, a_in) = world.mail("b", "a", signaling);
    let dialed = Instant::now();
    let runtime = |host| Some(Arc::new(SimRuntime::new(world.net().clone(), host)) as Arc<dyn Runtime>);
    let a = Side::open(runtime("a"), SSRC_A).await?;
    let b = Side::open(runtime("b"), SSRC_B).await?;
    let up = connect([a, b], [(a_out, a_in), (b_out, b_in)], limit).await?;
    Ok(up.map(|up| up - dialed))
}

/// Runs both sides until they are up, the first one calling; says when they were, `None` after `limit`.
async fn connect(
    [a, b]: [Side; 2],
    [(a_out, a_in), (b_out, b_in)]: [(Sender<Note>, Mailbox<Note>); 2],
    limit: Duration,
) -> Result<Option<Instant>> {
    let (up_a, up_b) = (a.up.clone(), b.up.clone());
    let (pc_a, pc_b) = (a.pc.clone(), b.pc.clone());
    let tasks = [tokio::spawn(run(a, true, a_out, a_in)), tokio::spawn(run(b, false, b_out, b_in))];
    let both = async {
        let (a, b) = (wait(up_a).await, wait(up_b).await);
        a.max(b)
    };
    let up = tokio::time::timeout(limit, both).await.ok();
    for task in tasks {
        end(task).await;
    }
    pc_a.close().await?;
    pc_b.close().await?;
    Ok(up)
}

async fn end(task: JoinHandle<Result<()>>) {
    task.abort();
    // Aborted, or over already.
    let _ = task.await;
}

async fn wait(mut up: watch::Receiver<Up>) -> Instant {
    let both = |up: &Up| Some(up.connected?.max(up.heard?));
    match up.wait_for(|up| both(up).is_some()).await {
        Ok(up) => both(&up).unwrap_or_else(Instant::now),
        Err(_) => std::future::pending().await,
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Up {
    connected: Option<Instant>,
    heard: Option<Instant>,
}

#[derive(Debug, Clone)]
enum Note {
    Description(Box<RTCSessionDescription>),
    Candidate(RTCIceCandidateInit),
}

enum Signal {
    Candidate(RTCIceCandidateInit),
    Connected,
    Track(Arc<dyn TrackRemote>),
}

struct Side {
    pc: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    signals: mpsc::Receiver<Signal>,
    told: watch::Sender<Up>,
    up: watch::Receiver<Up>,
}

impl Side {
    /// `None`: the engine's own runtime, on real sockets.
    async fn open(runtime: Option<Arc<dyn Runtime>>, ssrc: u32) -> Result<Self> {
        let (signals_tx, signals) = mpsc::channel(256);
        let mut media = MediaEngine::default();
        media.register_default_codecs()?;
        let registry = register_default_interceptors(Registry::new(), &mut media)?;
        // Both only because the network is loopback.
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled);
        let mut builder = PeerConnectionBuilder::new()
            .with_setting_engine(settings.build())
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Callbacks(signals_tx)))
            .with_udp_addrs(vec!["127.0.0.1:0"]);
        if let Some(runtime) = runtime {
            builder = builder.with_runtime(runtime);
        }
        let pc: Arc<dyn PeerConnection> = Arc::new(builder.build().await?);
        let track = Arc::new(TrackLocalStaticRTP::new(microphone(ssrc)));
        pc.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
        let (told, up) = watch::channel(Up::default());
        Ok(Self { pc, track, ssrc, signals, told, up })
    }
}

async fn run(mut side: Side, caller: bool, out: Sender<Note>, mut inbox: Mailbox<Note>) -> Result<()> {
    if caller {
        let offer = side.pc.create_offer(None).await?;
        side.pc.set_local_description(offer.clone()).await?;
        out.send(Note::Description(Box::new(offer)));
    }
    let (mut early, mut remote_known, mut sequence) = (Vec::new(), false, 0_u16);
    let mut remote: Option<Arc<dyn TrackRemote>> = None;
    let mut frames = interval(Duration::from_millis(20));
    loop {
        let connected = side.up.borrow().connected.is_some();
        tokio::select! {
            biased;
            Some(signal) = side.signals.recv() => match signal {
                Signal::Candidate(candidate) => out.send(Note::Candidate(candidate)),
                Signal::Connected => side.told.send_modify(|up| up.connected = Some(Instant::now())),
                Signal::Track(track) => remote = Some(track),
            },
            event = next(remote.as_deref()) => match event {
                Some(TrackRemoteEvent::OnRtpPacket(_)) => {
                    side.told.send_modify(|up| up.heard = up.heard.or(Some(Instant::now())));
                }
                Some(_) => {}
                None => remote = None,
            },
            note = inbox.recv() => {
                match note {
                    Note::Description(description) => {
                        side.pc.set_remote_description(*description).await?;
                        remote_known = true;
                        if !caller {
                            let answer = side.pc.create_answer(None).await?;
                            side.pc.set_local_description(answer.clone()).await?;
                            out.send(Note::Description(Box::new(answer)));
                        }
                    }
                    Note::Candidate(candidate) => early.push(candidate),
                }
                if remote_known {
                    for candidate in early.drain(..) {
                        side.pc.add_ice_candidate(candidate).await?;
                    }
                }
            }
            _ = frames.tick(), if connected => {
                sequence = sequence.wrapping_add(1);
                let header = Header {
                    version: 2,
                    payload_type: 111,
                    sequence_number: sequence,
                    timestamp: u32::from(sequence) * 960,
                    ssrc: side.ssrc,
                    ..Default::default()
                };
                side.track.write_rtp(Packet { header, payload: vec![0x78; 60].into() }).await?;
            }
        }
    }
}

async fn next(track: Option<&dyn TrackRemote>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

struct Callbacks(mpsc::Sender<Signal>);

impl Callbacks {
    fn send(&self, signal: Signal) {
        // 256 places are more than a connection of a minute uses.
        let _ = self.0.try_send(signal);
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(candidate) = event.candidate.to_json() {
            self.send(Signal::Candidate(candidate));
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.send(Signal::Connected);
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.send(Signal::Track(track));
    }
}

fn microphone(ssrc: u32) -> MediaStreamTrack {
    let codec = RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    };
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec, ..Default::default() };
    let [stream, track, label] = ["s", "t", "l"].map(str::to_owned);
    MediaStreamTrack::new(stream, track, label, RtpCodecKind::Audio, vec![encoding])
}

const SSRC_A: u32 = 0x5000_0061;
const SSRC_B: u32 = 0x5000_0062;

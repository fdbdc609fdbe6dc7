//! Builds the engine's peer connection and holds it.

use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::error::Error;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, RTCCertificate, RTCConfigurationBuilder,
    RTCIceTransportPolicy, Registry, SettingEngineBuilder, configure_rtcp_reports,
};

use super::config::Setup;
use super::mdns::Mdns;
use super::runtime::{ConnectionRuntime, Notice, RuntimeControl};
use super::servers::UsableServers;
use super::signals::{Callbacks, Signal, SignalInlet};
use crate::redacted::Redacted;

/// The engine's peer connection with our track.
pub(super) struct Peer {
    pub(super) pc: Arc<dyn PeerConnection>,
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) control: RuntimeControl,
    pub(super) ssrc: u32,
    pub(super) signals: SignalInlet,
}

/// What differs from one connection to another.
pub(super) struct PeerOptions {
    pub(super) certificate: RTCCertificate,
    pub(super) servers: UsableServers,
    pub(super) relay_only: bool,
    pub(super) ssrc: u32,
}

impl Peer {
    /// Builds the connection, without mDNS if it fails with it.
    pub(super) async fn build(
        setup: &Setup,
        mdns: &Mdns,
        options: PeerOptions,
        signals: &SignalInlet,
    ) -> Result<Self, Error> {
        if !(setup.mdns && mdns.may_work()) {
            return Self::build_with(setup, &options, MulticastDnsMode::Disabled, signals).await;
        }
        let attempt = mdns.attempt();
        let error = match Self::build_with(setup, &options, MulticastDnsMode::QueryOnly, signals).await {
            Ok(peer) => return Ok(peer),
            Err(error) => error,
        };
        let peer = Self::build_with(setup, &options, MulticastDnsMode::Disabled, signals).await?;
        tracing::warn!("built without mDNS: names of browsers will not resolve");
        tracing::debug!(error = %Redacted(error), "built without mDNS");
        mdns.failed(attempt);
        Ok(peer)
    }

    async fn build_with(
        setup: &Setup,
        options: &PeerOptions,
        mdns: MulticastDnsMode,
        signals: &SignalInlet,
    ) -> Result<Self, Error> {
        let notices = signals.clone();
        let notify = move |notice: Notice| notices.send(Signal::Notice(notice));
        let (runtime, control) =
            ConnectionRuntime::new(setup.runtimes.runtime(), setup.resolver.clone(), notify);

        let mut media = MediaEngine::default();
        media.register_codec(opus(), RtpCodecKind::Audio)?;
        let pc = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_certificates(vec![options.certificate.clone()])
                    .with_ice_servers(options.servers.clone().for_policy(options.relay_only))
                    .with_ice_transport_policy(policy(options.relay_only))
                    .build(),
            )
            .with_setting_engine(settings(setup.local_demo, mdns).build())
            .with_media_engine(media)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_runtime(Arc::new(runtime))
            .with_handler(Arc::new(Callbacks(signals.clone())))
            .with_udp_addrs(vec![setup.addresses.clone()])
            .build()
            .await?;
        control.built();
        let pc: Arc<dyn PeerConnection> = Arc::new(pc);
        let track = Arc::new(TrackLocalStaticRTP::new(microphone(options.ssrc)));
        let peer = Self { pc, track, control, ssrc: options.ssrc, signals: signals.clone() };
        if let Err(error) = peer.pc.add_track(peer.track.clone() as Arc<dyn TrackLocal>).await {
            peer.close().await;
            return Err(error);
        }
        Ok(peer)
    }

    /// Other servers or another policy, for the next gathering.
    pub(super) async fn reconfigure(&self, servers: UsableServers, relay_only: bool) -> Result<(), Error> {
        let certificates = self.pc.get_configuration().await.certificates().to_vec();
        let configuration = RTCConfigurationBuilder::new()
            .with_certificates(certificates)
            .with_ice_servers(servers.for_policy(relay_only))
            .with_ice_transport_policy(policy(relay_only))
            .build();
        self.pc.set_configuration(configuration).await
    }

    /// Closes: a close_notify to the peer, then nothing is left.
    pub(super) async fn close(&self) {
        if let Err(error) = self.pc.close().await {
            tracing::debug!(error = %Redacted(error), "close");
        }
        self.control.close();
    }
}

fn policy(relay_only: bool) -> RTCIceTransportPolicy {
    if relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All }
}

fn settings(local_demo: bool, mdns: MulticastDnsMode) -> SettingEngineBuilder {
    let at_once = Some(Duration::ZERO);
    SettingEngineBuilder::new()
        .with_multicast_dns_mode(mdns)
        .with_include_loopback_candidate(local_demo)
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
        .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(KEEPALIVE))
        // Whatever works first is used; a better pair is taken later.
        .with_host_acceptance_min_wait(at_once)
        .with_srflx_acceptance_min_wait(at_once)
        .with_prflx_acceptance_min_wait(at_once)
        .with_relay_acceptance_min_wait(at_once)
        // A restart renews the sockets, and so follows the device to another network.
        .with_discard_local_candidates_during_ice_restart(true)
}

/// Opus as RFC 7587 names it, with in-band FEC, on the number that browsers use.
fn opus() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters { rtp_codec: opus_codec(), payload_type: 111 }
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn microphone(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
    let encoding =
        RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec: opus_codec(), ..Default::default() };
    let [stream, track, label] = ["call", "audio", "microphone"].map(str::to_owned);
    MediaStreamTrack::new(stream, track, label, RtpCodecKind::Audio, vec![encoding])
}

/// Pairs are tried 20 times a second while connecting (RFC 8445 section 14 recommends Ta = 50 ms).
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Ten seconds of checks for each pair.
const CHECKS: u16 = 200;
/// Four lost keepalives. Silence of the media is watched apart, and sooner.
const DISCONNECTED: Duration = Duration::from_secs(2);
/// The engine gives up checking after [`DISCONNECTED`] and this: 12 s, before call control does at 15 s, so that the
/// end can say why.
const FAILED: Duration = Duration::from_secs(10);
/// Well below the 30 s of a NAT binding and of consent (RFC 7675 section 5.1): it also finds a dead path.
const KEEPALIVE: Duration = Duration::from_millis(500);

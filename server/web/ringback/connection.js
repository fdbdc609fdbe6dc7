// @ts-check
/**
 * One RTCPeerConnection, told by the machine's commands, reporting its events.
 *
 * Commands run in order, one after the other. `arrived`, `missing` and `back` come from the receiver's synchronization
 * sources, which say when a frame was last played, checked against the packet counter before media counts as missing:
 * a page whose playback is blocked receives all the same.
 *
 * Not here: when to restart or rebuild (`machine/ladder.js`).
 */

import { cleanLocalCandidate } from "./candidate.js";
import { cleanLocalSdp } from "./sdp.js";

/** @typedef {import("./machine/session.js").MediaCommand} MediaCommand */
/** @typedef {import("./machine/session.js").MediaEvent} MediaEvent */
/**
 * @typedef {object} ConnectionOptions
 * @property {RTCIceServer[]} iceServers
 * @property {RTCCertificate} certificate one a call, rebuilds included
 * @property {MediaStreamTrack} track the microphone; the connection clones it
 * @property {(event: MediaEvent) => void} report
 * @property {(stream: MediaStream) => void} onStream the peer's sound
 */

export class Connection {
  /** @type {RTCPeerConnection | null} */
  pc = null;
  /** @type {MediaStreamTrack | null} */
  track = null;
  closed = false;
  chain = Promise.resolve();
  /** Descriptions being made: candidates meanwhile wait, those of the generation before are dropped. */
  describing = 0;
  /** @type {(RTCIceCandidate | null)[]} */
  waiting = [];
  sending = true;
  turnRefused = false;
  /** @type {number | null} the longest silence; null: nobody asked yet */
  within = null;
  lastMark = "";
  lastHeard = 0;
  lastPackets = 0;
  missing = false;
  asking = false;
  arrived = false;

  /** @param {Promise<ConnectionOptions>} options */
  constructor(options) {
    this.options = options;
  }

  /** @param {MediaCommand} command */
  handle(command) {
    if (command.type === "close") return this.close();
    if (command.type === "expectMedia") {
      this.within = command.within;
      return;
    }
    if (command.type === "createOffer" || command.type === "takeOffer") this.describing += 1;
    this.chain = this.chain.then(() => this.run(command)).catch((error) => this.fail(command, error));
  }

  /** Silence instead of the microphone, or the microphone again. @param {boolean} sending */
  setSending(sending) {
    this.sending = sending;
    if (this.track) this.track.enabled = sending;
  }

  /** The microphone was exchanged. @param {MediaStreamTrack} track */
  async replaceTrack(track) {
    const [sender] = this.pc?.getSenders() ?? [];
    this.track?.stop();
    this.track = track.clone();
    this.track.enabled = this.sending;
    await sender?.replaceTrack(this.track);
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.watch);
    this.pc?.close();
    this.track?.stop();
  }

  /** @param {MediaCommand} command */
  async run(command) {
    if (this.closed) return;
    switch (command.type) {
      case "open": return this.open(command.relayOnly);
      case "createOffer": {
        const offer = await this.peer.createOffer({ iceRestart: command.iceRestart });
        await this.peer.setLocalDescription(offer);
        this.described();
        return this.report({ type: "offerReady", round: command.round, sdp: cleanLocalSdp(offer.sdp ?? "") });
      }
      case "takeOffer": {
        await this.peer.setRemoteDescription({ type: "offer", sdp: command.sdp });
        const answer = await this.peer.createAnswer();
        await this.peer.setLocalDescription(answer);
        this.described();
        return this.report({ type: "answerReady", round: command.round, sdp: cleanLocalSdp(answer.sdp ?? "") });
      }
      case "takeAnswer":
        if (this.peer.signalingState !== "have-local-offer") return;
        return this.peer.setRemoteDescription({ type: "answer", sdp: command.sdp });
      case "addCandidates":
        for (const { candidate, mid } of command.candidates) {
          // A candidate that the engine cannot use is one fewer, no more.
          await this.peer.addIceCandidate({ candidate, sdpMid: mid }).catch(() => {});
        }
        return;
      case "expectMedia":
      case "close":
    }
  }

  get peer() {
    if (!this.pc) throw new Error("not open");
    return this.pc;
  }

  /** @param {boolean} relayOnly */
  async open(relayOnly) {
    const { iceServers, certificate, track, report, onStream } = await this.options;
    if (this.closed) return;
    this.sink = report;
    this.hasTurn = iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
    const pc = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
      certificates: [certificate],
    });
    this.pc = pc;
    this.track = track.clone();
    this.track.enabled = this.sending;
    pc.addTrack(this.track, new MediaStream([this.track]));
    pc.onicecandidate = ({ candidate }) => {
      if (this.describing > 0) this.waiting.push(candidate);
      else this.reportCandidate(candidate);
    };
    pc.onicecandidateerror = ({ errorCode }) => {
      // RFC 8656 section 5: 401 and 403 are the server's no; a network that is not there is 701.
      if (errorCode === 401 || errorCode === 403) this.turnRefused = true;
    };
    pc.oniceconnectionstatechange = () => this.onPath(pc.iceConnectionState);
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "connected") this.report({ type: "secured" });
    };
    pc.ontrack = ({ track: remote, receiver }) => {
      onStream(new MediaStream([remote]));
      this.receiver = receiver;
      this.watch ??= setInterval(() => this.look(), LOOK_FAST);
    };
    this.report({ type: "opened", fingerprint: await fingerprintOf(certificate, pc) });
  }

  /** A description is in place: what was gathered for it may go. */
  described() {
    this.describing -= 1;
    const transport = this.peer.getSenders()[0]?.transport;
    if (transport && transport !== this.transport) {
      this.transport = transport;
      transport.addEventListener("statechange", () => {
        if (transport.state === "closed") this.report({ type: "peerClosed" });
        if (transport.state === "failed") this.report({ type: "failed", why: "dtls" });
      });
    }
    if (this.describing > 0) return;
    for (const candidate of this.waiting.splice(0)) this.reportCandidate(candidate);
  }

  /** @param {RTCIceCandidate | null} found */
  reportCandidate(found) {
    if (!found) return this.report({ type: "gatheringDone" });
    const { candidate, sdpMid, usernameFragment } = found;
    const ufrag = /^a=ice-ufrag:(\S+)/m.exec(this.peer.localDescription?.sdp ?? "")?.[1];
    const stale = usernameFragment && ufrag && usernameFragment !== ufrag;
    if (candidate === "" || stale) return;
    this.report({ type: "candidate", candidate: cleanLocalCandidate(candidate), mid: sdpMid ?? "0" });
  }

  /** @param {RTCIceConnectionState} state */
  onPath(state) {
    if (state === "connected" || state === "completed") this.report({ type: "path", state: "connected" });
    if (state === "disconnected") this.report({ type: "path", state: "disconnected" });
    if (state !== "failed") return;
    const why = this.turnRefused ? "turn_refused" : this.hasTurn ? "no_path" : "turn_missing";
    this.report({ type: "path", state: "failed", why: `connect_failed.${why}` });
  }

  /** Looks whether sound arrives. */
  look() {
    if (this.closed || !this.receiver) return;
    const now = performance.now();
    const mark = this.receiver.getSynchronizationSources?.().map(({ rtpTimestamp }) => rtpTimestamp).join() ?? "";
    if (mark !== "" && mark !== this.lastMark) {
      this.lastMark = mark;
      return this.heard(now);
    }
    const patience = this.arrived ? (this.within ?? Infinity) : 0;
    if (now - this.lastHeard >= patience) void this.count(now);
  }

  /** Asks the packet counter: it does not need anybody to listen. @param {number} now */
  async count(now) {
    if (this.asking) return;
    this.asking = true;
    const packets = await packetsReceived(this.receiver).catch(() => this.lastPackets);
    this.asking = false;
    if (this.closed) return;
    if (packets !== this.lastPackets) {
      this.lastPackets = packets;
      return this.heard(now);
    }
    if (!this.arrived || this.missing || this.within === null || performance.now() - this.lastHeard < this.within) return;
    this.missing = true;
    this.report({ type: "missing" });
  }

  /** @param {number} now */
  heard(now) {
    this.lastHeard = now;
    if (!this.arrived) {
      this.arrived = true;
      clearInterval(this.watch);
      this.watch = setInterval(() => this.look(), LOOK);
      this.report({ type: "arrived" });
    } else if (this.missing) {
      this.missing = false;
      this.report({ type: "back" });
    }
  }

  /** @param {MediaEvent} event */
  report(event) {
    if (!this.closed) this.sink?.(event);
  }

  /** @param {MediaCommand} command @param {unknown} error */
  fail(command, error) {
    if (this.closed) return;
    console.debug("ringback: the engine refused", command.type, error);
    if (!this.sink) return void this.options.then(({ report }) => report({ type: "failed", why: "engine" }), () => {});
    const taking = command.type === "takeOffer" || command.type === "takeAnswer";
    this.report({ type: "failed", why: taking ? "description" : "engine" });
  }

  /** @type {((event: MediaEvent) => void) | undefined} */
  sink = undefined;
  hasTurn = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  watch = undefined;
  /** @type {RTCRtpReceiver | undefined} */
  receiver = undefined;
  /** @type {RTCDtlsTransport | undefined} */
  transport = undefined;
}

/** @param {RTCRtpReceiver | undefined} receiver */
async function packetsReceived(receiver) {
  const report = await receiver?.getStats();
  let packets = 0;
  report?.forEach((entry) => { if (entry.type === "inbound-rtp") packets += entry.packetsReceived ?? 0; });
  return packets;
}

/** @param {RTCCertificate} certificate @param {RTCPeerConnection} pc */
async function fingerprintOf(certificate, pc) {
  const known = certificate.getFingerprints?.().find(({ algorithm }) => algorithm?.toLowerCase() === "sha-256")?.value;
  const value = known ?? /^a=fingerprint:sha-256 (\S+)/m.exec((await pc.createOffer()).sdp ?? "")?.[1] ?? "";
  return value.replaceAll(":", "").toLowerCase();
}

/** Until the first packet, and after it: a tenth of the shortest time that counts as missing, and a quarter. */
const LOOK_FAST = 20;
const LOOK = 100;

// @ts-check
/**
 * The media engine of a phone: its connections, their sound, and what can be measured of it.
 */

import { Connection } from "./connection.js";
import { Meter } from "./meter.js";
import { readStats } from "./stats.js";

/** @typedef {import("./machine/session.js").MediaCommand} MediaCommand */
/** @typedef {import("./machine/session.js").MediaEvent} MediaEvent */
/**
 * @typedef {object} MediaOptions
 * @property {() => Promise<RTCIceServer[]>} iceServers
 * @property {import("./microphone.js").Microphone} microphone
 * @property {(conn: number, event: MediaEvent) => void} report
 */
/** @typedef {{call: string, connection: Connection, element: HTMLAudioElement, meter: Meter | null, last: any}} Leg */

export class Media {
  /** @type {Map<number, Leg>} */
  legs = new Map();
  /** One certificate a call. @type {Map<string, Promise<RTCCertificate>>} */
  certificates = new Map();
  /** Made ahead: the next call need not wait for it. */
  spare = newCertificate();
  /** @type {AudioContext | null} */
  context = null;
  /** @type {Meter | null} what is sent */
  own = null;

  /** @param {MediaOptions} options */
  constructor(options) {
    this.options = options;
    options.microphone.addEventListener("changed", () => void this.onMicrophoneChanged());
  }

  /** Call it from a click: browsers play nothing before. */
  unlock() {
    this.context ??= new AudioContext({ latencyHint: "interactive" });
    void this.context.resume().catch(() => {});
    for (const { element } of this.legs.values()) void element.play().catch(() => {});
    return this.context;
  }

  /** @param {number} conn @param {MediaCommand} command */
  handle(conn, command) {
    if (command.type === "open") this.open(conn, command.call);
    this.legs.get(conn)?.connection.handle(command);
    if (command.type === "close") this.close(conn);
  }

  /** What a connection sends and plays. @param {number} conn @param {boolean} sending @param {boolean} playing */
  setSound(conn, sending, playing) {
    const leg = this.legs.get(conn);
    if (!leg) return;
    leg.connection.setSending(sending);
    leg.element.muted = !playing;
  }

  /** @param {number} conn */
  stats(conn) {
    const leg = this.legs.get(conn);
    if (!leg?.connection.pc) return Promise.resolve(null);
    return readStats(leg.connection.pc, leg).catch(() => null);
  }

  /** The meter of what arrives on a connection. @param {number} conn */
  meterOf(conn) {
    return this.legs.get(conn)?.meter ?? null;
  }

  /** The call is over: its certificate is of no use any more. @param {string} call */
  forget(call) {
    this.certificates.delete(call);
  }

  /** @param {number} conn @param {string} call */
  open(conn, call) {
    const { iceServers, microphone, report } = this.options;
    const element = new Audio();
    element.autoplay = true;
    const options = Promise.all([iceServers(), this.certificateOf(call), microphone.open()]).then(
      ([servers, certificate, stream]) => {
        this.listenTo(stream);
        return {
          iceServers: servers,
          certificate,
          track: stream.getAudioTracks()[0],
          report: (/** @type {MediaEvent} */ event) => report(conn, event),
          onStream: (/** @type {MediaStream} */ remote) => this.onStream(conn, remote),
        };
      },
    );
    options.catch(() => report(conn, { type: "failed", why: "engine" }));
    this.legs.set(conn, { call, connection: new Connection(options), element, meter: null, last: null });
  }

  /** @param {number} conn @param {MediaStream} remote */
  onStream(conn, remote) {
    const leg = this.legs.get(conn);
    if (!leg) return;
    leg.element.srcObject = remote;
    void leg.element.play().catch(() => {});
    leg.meter = new Meter(this.unlock(), remote);
  }

  /** @param {number} conn */
  close(conn) {
    const leg = this.legs.get(conn);
    if (!leg) return;
    leg.element.srcObject = null;
    leg.meter?.close();
    this.legs.delete(conn);
    if (this.legs.size > 0) return;
    this.own?.close();
    this.own = null;
  }

  /** @param {MediaStream} stream */
  listenTo(stream) {
    if (this.own?.stream === stream) return;
    this.own?.close();
    this.own = new Meter(this.unlock(), stream);
  }

  async onMicrophoneChanged() {
    const stream = await this.options.microphone.open();
    this.listenTo(stream);
    for (const { connection } of this.legs.values()) await connection.replaceTrack(stream.getAudioTracks()[0]);
  }

  /** @param {string} call */
  certificateOf(call) {
    const known = this.certificates.get(call);
    if (known) return known;
    const certificate = this.spare;
    this.spare = newCertificate();
    this.certificates.set(call, certificate);
    return certificate;
  }
}

function newCertificate() {
  const algorithm = /** @type {EcKeyGenParams} */ ({ name: "ECDSA", namedCurve: "P-256" });
  return RTCPeerConnection.generateCertificate(algorithm);
}

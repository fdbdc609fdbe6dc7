// @ts-check
/**
 * What every call of a phone shares: the time, the configuration, and the way out.
 */

import { encode } from "../envelope.js";
import { uuidFrom } from "../ids.js";
import { MESSAGE_TTL } from "./timers.js";

/** @typedef {import("../envelope.js").Envelope} Envelope */
/** @typedef {import("../envelope.js").Sender} Sender */
/** @typedef {import("../envelope.js").To} To */
/** @typedef {import("../envelope.js").Kind} Kind */

/**
 * What a phone's machine is told once.
 * @typedef {object} CallsConfig
 * @property {string} user
 * @property {string} device kept across loads of the page
 * @property {string} instance this load of the page
 * @property {(count: number) => Uint8Array} random bytes for ids, nonces and shares
 * @property {number} [ringMs] how long a call rings: 45 s, 15 to 120
 * @property {boolean} [localDemo] loopback candidates of a peer are taken
 * @property {boolean} [relayOnly] relay candidates only
 * @property {(from: string) => "verified" | "unverified" | "refused"} [mayRing] whom to let ring; a refused user learns
 *   nothing. Default: everybody, unverified
 */

/**
 * Everything that the machine wants done.
 * @typedef {{type: "send", id: string, call: string, kind: Kind, to: To, ttl_ms: number, text: string}
 *   | {type: "media", conn: number, command: import("./session.js").MediaCommand}
 *   | {type: "event", call: string, event: CallEvent}} Effect
 */
/**
 * What happened to a call. `state` with `ended` comes exactly once, as the last event of a call.
 * @typedef {{type: "incoming", from: string, verified: boolean, display: string | null, context: string | null}
 *   | {type: "outgoing", to: string}
 *   | {type: "state", state: CallState, end: import("../endings.js").End | null}
 *   | {type: "delivery", delivery: "sending" | "ringing"}
 *   | {type: "peer_media", muted: boolean, held: boolean, recording: boolean}
 *   | {type: "message", data: Uint8Array}} CallEvent
 */
/** @typedef {"initiated" | "ringing" | "connecting" | "active" | "reconnecting" | "ended"} CallState */

export class Context {
  /** @param {CallsConfig} config @param {number} now */
  constructor(config, now) {
    this.config = config;
    this.now = now;
    /** @type {Effect[]} */
    this.out = [];
    /** Signaling works. */
    this.up = false;
    /** Calls placed by this instance so far. */
    this.seq = 0;
    /** Connections made so far. */
    this.conns = 0;
  }

  /** @returns {Sender} */
  get sender() {
    const { user, device, instance } = this.config;
    return { user, device, instance };
  }

  /** @param {string} call @param {CallEvent} event */
  event(call, event) {
    this.out.push({ type: "event", call, event });
  }

  /** @param {number} conn @param {import("./session.js").MediaCommand} command */
  media(conn, command) {
    this.out.push({ type: "media", conn, command });
  }

  /**
   * A new message; its life is set when it leaves.
   * @param {string} call @param {To} to @param {Kind} kind @param {any} body
   * @returns {Envelope}
   */
  envelope(call, to, kind, body) {
    const id = uuidFrom(this.config.random(16));
    return { id, call, kind, ttl_ms: MESSAGE_TTL, from: this.sender, to, body };
  }

  /** Hands a message to signaling, if that works. @param {Envelope} envelope */
  transmit(envelope) {
    if (!this.up) return;
    const { id, call, kind, to, ttl_ms } = envelope;
    this.out.push({ type: "send", id, call, kind, to: { ...to }, ttl_ms, text: encode(envelope) });
  }

  /** Sends a message that nothing proves. @param {string} call @param {To} to @param {Kind} kind @param {any} body */
  sendOnce(call, to, kind, body) {
    this.transmit(this.envelope(call, to, kind, body));
  }

  /** Says that a message was received. @param {string} call @param {Sender} from @param {string} of */
  ack(call, from, of) {
    this.sendOnce(call, toInstance(from), "ack", { of });
  }
}

/** Every device of a user. @param {string} user @returns {To} */
export function toAll(user) {
  return { user, device: null, instance: null };
}

/** One device, whichever instance runs: for endings. @param {Sender} peer @returns {To} */
export function toDevice({ user, device }) {
  return { user, device, instance: null };
}

/** Exactly the sender of a message. @param {Sender} peer @returns {To} */
export function toInstance({ user, device, instance }) {
  return { user, device, instance };
}

/** @param {Sender | null | undefined} one @param {Sender} other */
export function isSame(one, other) {
  return isSameDevice(one, other) && one?.instance === other.instance;
}

/** Whichever instance. @param {Sender | null | undefined} one @param {Sender} other */
export function isSameDevice(one, other) {
  return one?.user === other.user && one?.device === other.device;
}

// @ts-check
/**
 * Signaling over Supabase Realtime, by broadcast: the event `rb1`, whose payload is the envelope.
 *
 * | access | receive | send | who can read and forge |
 * |---|---|---|---|
 * | public | public topic `user:<id>` | joins the peer's topic | anybody with the API key |
 * | private, with a `token` | private topic `user:<id>`, its own inbox only | REST, with the user's token | whom the row policies let |
 *
 * Broadcasts reach only who is connected; the call machine's resends cover loss. A peer's topic is joined when the
 * first message for it comes, and left after 60 s without one.
 */

import { askToken } from "./patience.js";
import { Realtime } from "./phoenix.js";

/**
 * @typedef {object} SignalingOptions
 * @property {string} url the project's: `https://ref.supabase.co`
 * @property {string} apiKey the anon or publishable key
 * @property {string} user
 * @property {() => Promise<string>} [token] private access: the user's token of the moment, not an expired one
 */
/** @typedef {{id: string, to: {user: string}, text: string}} Outgoing */
/** @typedef {import("./phoenix.js").Channel} Channel */
/** A peer's topic that we write to. @typedef {{channel: Channel, used: number, waiting: Outgoing[]}} Lane */

/**
 * Fires `up`, `down` with `{why, retryIn}`, `message` with `{text, age}` (age null: unknown), `refused` with
 * `{id, why}`.
 */
export class Signaling extends EventTarget {
  /** @type {Map<string, Lane>} */
  lanes = new Map();
  isUp = false;
  /** @type {string | null} */
  lastToken = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  sweep = undefined;

  /** @param {SignalingOptions} options */
  constructor(options) {
    super();
    this.options = options;
    this.realtime = new Realtime(options);
    const { token } = options;
    this.inbox = this.realtime.channel(inboxOf(options.user), token ? { token } : {});
    this.inbox.addEventListener("joined", () => this.setUp());
    this.inbox.addEventListener("lost", (event) => this.setDown(/** @type {CustomEvent} */ (event).detail));
    this.inbox.addEventListener("broadcast", (event) => this.receive(/** @type {CustomEvent} */ (event).detail));
    this.realtime.addEventListener("down", (event) => {
      for (const { channel } of this.lanes.values()) channel.leave();
      this.lanes.clear();
      this.setDown(/** @type {CustomEvent} */ (event).detail);
    });
    // What was read before the probe came back has no age; from now on it has one again.
    this.realtime.addEventListener("probed", () => {
      if (this.isUp) this.dispatchEvent(new CustomEvent("up"));
    });
  }

  start() {
    this.realtime.start();
    this.sweep = setInterval(() => {
      this.leaveIdle();
      void this.freshToken();
    }, SWEEP);
  }

  stop() {
    clearInterval(this.sweep);
    this.realtime.stop();
    this.isUp = false;
  }

  /** The network changed, or the page woke up. */
  probe() {
    this.realtime.probe();
  }

  /** A message for this user will come soon: its lane is joined meanwhile. @param {string} user */
  prepare(user) {
    if (this.options.token || this.lanes.has(user)) return;
    this.openLane(user).used = performance.now();
  }

  /** Sends a message, or loses it: the machine sends again. @param {Outgoing} message */
  send(message) {
    if (this.options.token) return void this.post(message, false);
    const user = message.to.user;
    const lane = this.lanes.get(user) ?? this.openLane(user);
    lane.used = performance.now();
    if (lane.channel.state === "joined") return void this.push(lane.channel, message);
    if (lane.waiting.length >= LANE_WAITING) lane.waiting.shift();
    lane.waiting.push(message);
  }

  /**
   * Sends a message while the page goes away: on the socket, if its lane is open, and as a request that outlives the
   * page. Whoever gets both applies one.
   * @param {Outgoing} message
   */
  sendLast(message) {
    const lane = this.lanes.get(message.to.user);
    if (!this.options.token && lane?.channel.state === "joined") void this.push(lane.channel, message);
    void this.post(message, true);
  }

  /** @param {string} user @returns {Lane} */
  openLane(user) {
    if (this.lanes.size >= MOST_LANES) {
      const [oldest] = [...this.lanes].sort(([, a], [, b]) => a.used - b.used);
      this.closeLane(oldest[0]);
    }
    const channel = this.realtime.channel(inboxOf(user));
    /** @type {Lane} */
    const lane = { channel, used: 0, waiting: [] };
    this.lanes.set(user, lane);
    channel.addEventListener("joined", () => {
      for (const message of lane.waiting.splice(0)) void this.push(channel, message);
    });
    channel.addEventListener("lost", () => lane.waiting.splice(0));
    return lane;
  }

  /** @param {Channel} channel @param {Outgoing} message */
  async push(channel, { id, text }) {
    const result = await channel.broadcast(EVENT, text);
    if (result === "too_large") this.dispatchEvent(new CustomEvent("refused", { detail: { id, why: "too_large" } }));
  }

  /** @param {Outgoing} message @param {boolean} keepalive */
  async post({ id, to, text }, keepalive) {
    const { url, apiKey, token } = this.options;
    // A page that goes away cannot wait for a token.
    const secret = !token ? apiKey : keepalive ? this.lastToken : await this.freshToken();
    if (!secret) return;
    const path = `/realtime/v1/api/broadcast/${encodeURIComponent(inboxOf(to.user))}/events/${EVENT}`;
    try {
      const response = await fetch(url.replace(/\/+$/, "") + path + (token ? "?private=true" : ""), {
        method: "POST",
        headers: { "content-type": "application/json", apikey: apiKey, authorization: `Bearer ${secret}` },
        body: text,
        keepalive,
      });
      const why = response.status === 403 ? "not_allowed" : response.status === 422 ? "too_large" : null;
      if (why) this.dispatchEvent(new CustomEvent("refused", { detail: { id, why } }));
    } catch {
      // The network: the machine sends again.
    }
  }

  /** The token of the moment; the inbox hears of a new one, or the server would close it when the old one expires. */
  async freshToken() {
    const token = await askToken(this.options.token);
    if (token !== null && token !== this.lastToken) {
      this.lastToken = token;
      this.inbox.refreshToken(token);
    }
    return token;
  }

  setUp() {
    if (this.isUp) return;
    this.isUp = true;
    this.dispatchEvent(new CustomEvent("up"));
  }

  /** @param {{why: string, retryIn: number}} detail */
  setDown(detail) {
    this.isUp = false;
    this.dispatchEvent(new CustomEvent("down", { detail }));
  }

  /** @param {import("./phoenix.js").Broadcast} broadcast */
  receive({ event, text, fresh }) {
    if (event !== EVENT) return;
    this.dispatchEvent(new CustomEvent("message", { detail: { text, age: fresh ? 0 : null } }));
  }

  leaveIdle() {
    const now = performance.now();
    for (const [user, lane] of this.lanes) if (now - lane.used >= LANE_IDLE) this.closeLane(user);
  }

  /** @param {string} user */
  closeLane(user) {
    this.lanes.get(user)?.channel.leave();
    this.lanes.delete(user);
  }
}

/** @param {string} user */
function inboxOf(user) {
  return `user:${user}`;
}

/** The broadcast event that carries an envelope of version 1. */
const EVENT = "rb1";
/** Longer than the gap between two messages of one call while it rings (8 s), shorter than a nuisance. */
const LANE_IDLE = 60_000;
/** Well under the 100 channels that a connection may have, well above the calls of a phone. */
const MOST_LANES = 16;
const LANE_WAITING = 32;
/** Idle lanes go and a new token is asked for this often; tokens live for minutes at least. */
const SWEEP = 15_000;

// @ts-check
/**
 * A client of Supabase Realtime, serializer 2.0.0: one WebSocket, any number of channels.
 *
 * ```text
 *   idle --start--> connecting --open--> open --closed, silent heartbeat--> waiting --1, 2, 5, 10 s--> connecting ..
 * ```
 *
 * Every channel asked for is joined whenever the socket is open. What the server does that a reader of its
 * documentation would not expect, and what we do about it:
 *
 * | the server | this client |
 * |---|---|
 * | answers a refused join after 5 s, and nothing else on the socket meanwhile | waits longer for heartbeats while joining; asks again only after 30 s |
 * | ends a channel with `phx_close` when a token expires or the tenant sends too much | rejoins |
 * | closes idle sockets with 1000, restarts with 1012 | reconnects after every code |
 * | ignores `phx_leave` with a stale `join_ref`, closes the first of two joins late | always sends the right one, drops what names an earlier join |
 * | never answers a write that the policies forbid | ends the push after 10 s |
 * | sends broadcasts as binary kind 4, as text without and as text with a `join_ref` | reads all three |
 * | hands over bodies of other clients unparsed | a frame that makes no sense is dropped, and never costs the socket |
 *
 * Not here: `postgres_changes`, serializer 1.0.0.
 */

import { decodeFrame, encodeBroadcast, encodeText } from "./frames.js";
import { askToken } from "./patience.js";
import { Presence } from "./presence.js";

/**
 * What a join asks for.
 * @typedef {object} JoinConfig
 * @property {string} [presenceKey] take part in presence under this key
 * @property {() => Promise<string | null>} [token] private: the user's token of the moment
 */
/**
 * A broadcast that arrived, its payload as JSON text. `fresh` is false if it was replayed, or read after the machine
 * slept.
 * @typedef {{event: string, text: string, fresh: boolean}} Broadcast
 */
/** How a push ended: `ok` means "fanned out", not "someone got it". @typedef {"ok" | "refused" | "too_large" | "lost"} PushResult */

/** Fires `open`, `down` with `{why, retryIn}`, and `probed` when a heartbeat sent by {@link Realtime.probe} came back. */
export class Realtime extends EventTarget {
  /** @type {Map<string, Channel>} */
  channels = new Map();
  /** @type {WebSocket | null} */
  socket = null;
  running = false;
  isOpen = false;
  /** After a gap nothing is fresh until the reply to a heartbeat has come. */
  fresh = true;
  tries = 0;
  openedAt = 0;
  refs = 0;
  /** @type {Map<string, (status: string, response: any) => void>} */
  replies = new Map();
  /** @type {Record<"connect" | "heartbeat" | "reply", ReturnType<typeof setTimeout> | undefined>} */
  timers = { connect: undefined, heartbeat: undefined, reply: undefined };

  /** @param {{url: string, apiKey: string}} options `url` is the project's: `https://ref.supabase.co` */
  constructor({ url, apiKey }) {
    super();
    const base = url.replace(/\/+$/, "").replace(/^http/, "ws");
    this.url = `${base}/realtime/v1/websocket?apikey=${encodeURIComponent(apiKey)}&vsn=2.0.0`;
  }

  start() {
    this.running = true;
    if (!this.socket) this.connect();
  }

  stop() {
    this.running = false;
    this.drop("stopped");
    clearTimeout(this.timers.connect);
  }

  /** The network changed or the page woke up: connect at once, or see whether the socket still lives. */
  probe() {
    if (!this.running) return;
    if (this.isOpen) {
      this.fresh = false;
      return this.heartbeat(PROBE_PATIENCE);
    }
    if (this.socket) return;
    clearTimeout(this.timers.connect);
    this.connect();
  }

  /** The channel of a topic, without the prefix `realtime:`. It is joined until it is left. @param {string} topic @param {JoinConfig} [config] */
  channel(topic, config = {}) {
    const known = this.channels.get(topic);
    if (known) return known;
    const channel = new Channel(this, topic, config);
    this.channels.set(topic, channel);
    if (this.isOpen) channel.join();
    return channel;
  }

  nextRef() {
    return String(++this.refs);
  }

  /** @param {string | Uint8Array<ArrayBuffer>} frame */
  send(frame) {
    if (this.isOpen) this.socket?.send(frame);
  }

  connect() {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    // A handler of a socket that was given up does nothing.
    const ours = (/** @type {(event: any) => void} */ handler) => (/** @type {any} */ event) => {
      if (this.socket === socket) handler(event);
    };
    socket.onopen = ours(() => this.onOpen());
    socket.onmessage = ours(({ data }) => this.onFrame(data));
    socket.onclose = ours(({ code }) => this.drop(code === 1006 && !this.isOpen ? "unreachable" : `closed ${code}`));
    clearTimeout(this.timers.connect);
    this.timers.connect = setTimeout(() => this.drop("timeout"), CONNECT_PATIENCE);
  }

  onOpen() {
    clearTimeout(this.timers.connect);
    this.isOpen = true;
    this.fresh = true;
    this.openedAt = performance.now();
    this.timers.heartbeat = setInterval(() => this.heartbeat(PATIENCE), HEARTBEAT);
    this.dispatchEvent(new CustomEvent("open"));
    for (const channel of this.channels.values()) channel.join();
  }

  /** Gives the socket up and, while running, plans the next one. @param {string} why */
  drop(why) {
    const { socket } = this;
    this.socket = null;
    clearTimeout(this.timers.connect);
    clearInterval(this.timers.heartbeat);
    clearTimeout(this.timers.reply);
    if (this.isOpen && performance.now() - this.openedAt >= STEADY) this.tries = 0;
    this.isOpen = false;
    socket?.close();
    for (const reply of [...this.replies.values()]) reply("lost", null);
    for (const channel of this.channels.values()) channel.onSocketDown();
    if (!this.running) return;
    const retryIn = backoff(this.tries++);
    this.timers.connect = setTimeout(() => this.connect(), retryIn);
    this.dispatchEvent(new CustomEvent("down", { detail: { why, retryIn } }));
  }

  /** @param {number} patience */
  heartbeat(patience) {
    if (!this.isOpen) return;
    const ref = this.nextRef();
    const joining = [...this.channels.values()].some((channel) => channel.state === "joining");
    clearTimeout(this.timers.reply);
    this.timers.reply = setTimeout(() => this.drop("silent"), joining ? JOIN_PATIENCE + PATIENCE : patience);
    this.replies.set(ref, (status) => {
      this.replies.delete(ref);
      clearTimeout(this.timers.reply);
      if (status === "lost" || this.fresh) return;
      this.fresh = true;
      this.dispatchEvent(new CustomEvent("probed"));
    });
    this.send(encodeText(null, ref, "phoenix", "heartbeat", {}));
  }

  /** @param {string | ArrayBuffer} data */
  onFrame(data) {
    const frame = decodeFrame(data);
    if (!frame) return;
    if (frame.event === "phx_reply" && frame.ref !== null && this.replies.has(frame.ref)) {
      const { status, response } = frame.payload ?? {};
      this.replies.get(frame.ref)?.(String(status), response);
      return;
    }
    if (frame.topic.startsWith(PREFIX)) this.channels.get(frame.topic.slice(PREFIX.length))?.onFrame(frame);
  }
}

/**
 * A channel of a {@link Realtime}. Fires `joined`, `lost` (with `{why, retryIn}`, it comes back by itself), `broadcast`
 * (with a {@link Broadcast}) and `presence`.
 */
export class Channel extends EventTarget {
  /** @type {"out" | "joining" | "joined" | "left"} */
  state = "out";
  /** @type {string | null} */
  joinRef = null;
  presence = new Presence();
  tries = 0;
  joinedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  again = undefined;
  /** The last thing the server said about this channel: explains the close that follows. */
  note = "";

  /** @param {Realtime} realtime @param {string} topic @param {JoinConfig} config */
  constructor(realtime, topic, config) {
    super();
    this.realtime = realtime;
    this.topic = topic;
    this.name = PREFIX + topic;
    this.config = config;
  }

  async join() {
    if (this.state !== "out" || !this.realtime.isOpen) return;
    clearTimeout(this.again);
    this.state = "joining";
    const ref = this.realtime.nextRef();
    this.joinRef = ref;
    const token = await askToken(this.config.token);
    if (this.joinRef !== ref || this.state !== "joining") return;
    if (this.config.token && token === null) return this.lose("signed_out", backoff(this.tries++));
    this.request(ref, "phx_join", joinPayload(this.config, token), JOIN_PATIENCE, (status, response) => {
      if (this.joinRef !== ref || this.state !== "joining") return;
      if (status !== "ok") return this.onRefused(status, String(response?.reason ?? ""));
      this.state = "joined";
      this.joinedAt = performance.now();
      this.dispatchEvent(new CustomEvent("joined"));
    });
  }

  leave() {
    clearTimeout(this.again);
    if (this.state === "joined" || this.state === "joining") {
      this.realtime.send(encodeText(this.joinRef, this.realtime.nextRef(), this.name, "phx_leave", {}));
    }
    this.state = "left";
    this.realtime.channels.delete(this.topic);
  }

  /**
   * Broadcasts a JSON text.
   * @param {string} event @param {string} text
   * @returns {Promise<PushResult>}
   */
  broadcast(event, text) {
    if (this.state !== "joined") return Promise.resolve(/** @type {const} */ ("lost"));
    return new Promise((resolve) => {
      const ref = this.realtime.nextRef();
      this.expect(ref, PATIENCE, (status, response) => {
        const tooLarge = String(response).includes("payload_size");
        resolve(status === "ok" ? "ok" : status === "lost" ? "lost" : tooLarge ? "too_large" : "refused");
      });
      this.realtime.send(encodeBroadcast(this.joinRef ?? "", ref, this.name, event, text));
    });
  }

  /** Says who we are to everybody on the channel. The server allows five such calls in 30 s. @param {object} payload */
  track(payload) {
    if (this.state !== "joined") return;
    const message = { type: "presence", event: "track", payload };
    this.realtime.send(encodeText(this.joinRef, this.realtime.nextRef(), this.name, "presence", message));
  }

  /** @param {string} token */
  refreshToken(token) {
    if (this.state !== "joined") return;
    this.realtime.send(encodeText(this.joinRef, this.realtime.nextRef(), this.name, "access_token", { access_token: token }));
  }

  onSocketDown() {
    clearTimeout(this.again);
    if (this.state === "left") return;
    this.state = "out";
    this.joinRef = null;
  }

  /** @param {import("./frames.js").Frame} frame */
  onFrame({ event, payload, broadcast, joinRef, ref }) {
    // What names an earlier join of ours is history; a broadcast without one is for whoever listens.
    if (joinRef !== null && joinRef !== this.joinRef) return;
    if (broadcast) {
      const fresh = this.realtime.fresh && !broadcast.replayed;
      this.dispatchEvent(new CustomEvent("broadcast", { detail: { event: broadcast.event, text: broadcast.text, fresh } }));
      return;
    }
    switch (event) {
      case "presence_state":
        if (this.presence.replace(payload)) this.dispatchEvent(new CustomEvent("presence"));
        return;
      case "presence_diff":
        if (this.presence.apply(payload)) this.dispatchEvent(new CustomEvent("presence"));
        return;
      case "system":
        if (payload?.status === "error") this.note = String(payload.message ?? "").slice(0, 64);
        return;
      case "phx_close":
      case "phx_error":
        if (this.state === "left" || (ref !== null && ref !== this.joinRef)) return;
        return this.onParted();
    }
  }

  onParted() {
    const steady = this.state === "joined" && performance.now() - this.joinedAt >= STEADY;
    if (steady) this.tries = 0;
    const wait = this.note.includes("no longer") ? spread(HOPELESS) : steady ? spread(QUICK) : backoff(this.tries++);
    this.lose(this.note || "closed", wait);
  }

  /** @param {string} status @param {string} reason */
  onRefused(status, reason) {
    const [code] = reason.split(":");
    if (status === "lost") return this.lose("timeout", backoff(this.tries++));
    // Each refused join stalls the whole socket for 5 s, so what somebody has to change first is not asked for often.
    const wait = HOPELESS_CODES.includes(code) ? spread(HOPELESS) : backoff(this.tries++);
    this.lose(code, code.includes("RateLimit") ? Math.max(wait, spread(CROWDED)) : wait);
  }

  /** @param {string} why @param {number} retryIn */
  lose(why, retryIn) {
    this.state = "out";
    this.joinRef = null;
    this.note = "";
    clearTimeout(this.again);
    this.again = setTimeout(() => this.join(), retryIn);
    this.dispatchEvent(new CustomEvent("lost", { detail: { why, retryIn } }));
  }

  /** @param {string} ref @param {string} event @param {object} payload @param {number} patience @param {(status: string, response: any) => void} done */
  request(ref, event, payload, patience, done) {
    this.expect(ref, patience, done);
    this.realtime.send(encodeText(ref, ref, this.name, event, payload));
  }

  /** @param {string} ref @param {number} patience @param {(status: string, response: any) => void} done */
  expect(ref, patience, done) {
    const { replies } = this.realtime;
    const finish = (/** @type {string} */ status, /** @type {any} */ response) => {
      clearTimeout(timer);
      replies.delete(ref);
      done(status, response);
    };
    const timer = setTimeout(() => finish("lost", null), patience);
    replies.set(ref, finish);
  }
}

/** @param {JoinConfig} config @param {string | null} token */
function joinPayload({ presenceKey }, token) {
  return {
    config: {
      broadcast: { ack: true, self: false },
      presence: { key: presenceKey ?? "", enabled: presenceKey !== undefined },
      postgres_changes: [],
      private: token !== null,
    },
    ...(token !== null && { access_token: token }),
  };
}

/** When to try again, within a quarter so that clients do not come in step. @param {number} tries */
function backoff(tries) {
  return spread(SCHEDULE[Math.min(tries, SCHEDULE.length - 1)]);
}

/** @param {number} around */
function spread(around) {
  return around * (0.75 + Math.random() / 2);
}

const PREFIX = "realtime:";
const SCHEDULE = [1000, 2000, 5000, 10_000];
/** The rhythm of all clients; the server closes an idle socket after 60 s. */
const HEARTBEAT = 25_000;
const CONNECT_PATIENCE = 10_000;
/** The wait for a reply: ten times the slowest mobile round trip seen. */
const PATIENCE = 10_000;
/** The same after the network changed: a false alarm costs a reconnection of some 200 ms, waiting costs calls. */
const PROBE_PATIENCE = 3_000;
/** A private join may take 22 s while the server's database is down. */
const JOIN_PATIENCE = 25_000;
/** What lived this long was fine: the next try starts from the front of the schedule. */
const STEADY = 10_000;
/** After the end of a steady channel: the server takes a rejoin at once, but not from everybody at once. */
const QUICK = 200;
const HOPELESS = 30_000;
const CROWDED = 10_000;
const HOPELESS_CODES = ["Unauthorized", "PrivateOnly", "TenantNotFound", "RealtimeDisabledForTenant", "TopicNameRequired"];

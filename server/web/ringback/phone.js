// @ts-check
/**
 * A phone: places and takes calls for one user. Start here.
 *
 * ```js
 * const phone = new Phone({ url, apiKey, user: "rider-17" });
 * phone.addEventListener("incoming", ({ detail: { call } }) => ...);
 * await phone.start();
 * const call = phone.call("driver-4");
 * ```
 *
 * | event | detail | when |
 * |---|---|---|
 * | `signaling` | `{state: "connecting" \| "online" \| "offline", why}` | the connection to the server changes |
 * | `presence` | `{online: [{user, device, app}]}` | somebody comes or goes, if `lobby` is given |
 * | `incoming` | `{call, from}` | a call rings here |
 * | `outgoing` | `{call, to}` | we placed a call; its first event |
 * | `state` | `{call, state, end}` | `initiated`, `ringing`, `connecting`, `active`, `reconnecting`, `ended` once and last |
 * | `delivery` | `{call, delivery: "sending" \| "ringing"}` | the invite got further |
 * | `peer_media` | `{call, muted, held, recording}` | the other side says what it sends |
 * | `message` | `{call, data}` | bytes of the app |
 * | `path` | `{call, local, remote, protocol}` | the pair of candidates that carries sound changed |
 * | `first_sound` | `{call}` | the first audible sound of the other side |
 * | `microphone` | `{call, state: "open" \| "failed", why}` | `why` is a code from the endings |
 *
 * Every one of them also comes as `event`, with its name in `event` and `at_ms` since 1970: for logs. `call` is a
 * {@link Call}.
 *
 * This module carries inputs to the machine (`machine/calls.js`) and does what it asks; it decides nothing.
 */

import { Call } from "./handle.js";
import { deviceOf } from "./device.js";
import { isUser, randomBytes, toHex, uuidFrom } from "./ids.js";
import { Calls } from "./machine/calls.js";
import { GAP } from "./machine/timers.js";
import { Media } from "./media.js";
import { Microphone, MicrophoneError } from "./microphone.js";
import { Signaling } from "./signaling.js";

export { Call } from "./handle.js";

/**
 * @typedef {object} PhoneOptions
 * @property {string} url the Supabase project's: `https://ref.supabase.co`
 * @property {string} apiKey the anon or publishable key
 * @property {string} user 1 to 128 bytes of `[A-Za-z0-9._:@-]`
 * @property {() => Promise<string>} [token] the signed-in user's token: private channels, for everything that people use
 * @property {RTCIceServer[] | (() => Promise<RTCIceServer[]>)} [iceServers] without them calls connect on one network only
 * @property {string} [device] a UUID that survives reloads; default: kept by the tab
 * @property {string} [lobby] a public topic on which phones show that they are online
 * @property {string} [app] what to show there; default `browser`
 * @property {number} [ringMs] how long our calls ring: 45 s, 15 to 120
 * @property {boolean} [localDemo] both ends are on this machine: loopback candidates are taken
 * @property {boolean} [relayOnly] relay candidates only
 * @property {() => Promise<MediaStream>} [source] sound instead of the microphone
 * @property {(from: string) => "verified" | "unverified" | "refused"} [mayRing] whom to let ring
 */
/** @typedef {{user: string, device: string, app: string}} Online */

export class Phone extends EventTarget {
  /** @type {Calls | null} */
  machine = null;
  /** @type {Map<string, Call>} */
  handles = new Map();
  /** @type {"connecting" | "online" | "offline"} */
  signalingState = "connecting";
  /** @type {Online[]} */
  online = [];
  device = "";
  /** This load of the page. */
  instance = toHex(randomBytes(8));
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  watch = undefined;
  drift = 0;

  /** @param {PhoneOptions} options */
  constructor(options) {
    super();
    if (!isUser(options.user)) throw new TypeError("a user is 1 to 128 of A-Z a-z 0-9 . _ : @ -");
    this.options = options;
    this.user = options.user;
    this.microphone = new Microphone(options.source);
    const { iceServers = [] } = options;
    this.iceServers = typeof iceServers === "function" ? iceServers : async () => iceServers;
    this.media = new Media({
      iceServers: this.iceServers,
      microphone: this.microphone,
      report: (conn, event) => this.handle({ type: "media", conn, event }),
    });
    this.signaling = new Signaling(options);
    this.connectSignaling();
    this.microphone.addEventListener("failed", (event) => this.onMicrophoneGone(/** @type {CustomEvent} */ (event).detail.code));
  }

  /** Goes online; it comes back by itself whenever the connection is lost. */
  async start() {
    this.device = this.options.device ?? (await deviceOf(this.user));
    const { user, device, instance, options } = this;
    const { ringMs, localDemo, relayOnly, mayRing } = options;
    const config = { user, device, instance, random: randomBytes, ringMs, localDemo, relayOnly, mayRing };
    this.machine = new Calls(config, performance.now());
    if (options.lobby) this.joinLobby(options.lobby);
    this.signaling.start();
    this.watch = setInterval(() => this.noticeGap(), WATCH);
    this.drift = Date.now() - performance.now();
    addEventListener("online", this.onNetwork);
    addEventListener("pagehide", this.onPageHide);
    document.addEventListener("visibilitychange", this.onVisible);
    // Fetched ahead: the first call need not wait.
    void this.iceServers();
  }

  /** Ends every call and goes offline. */
  close() {
    this.handle({ type: "close" });
    clearTimeout(this.timer);
    clearInterval(this.watch);
    removeEventListener("online", this.onNetwork);
    removeEventListener("pagehide", this.onPageHide);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.signaling.stop();
    this.microphone.close();
  }

  /**
   * Calls a user. Asks for the microphone first: a refusal ends the call `microphone.denied` before anybody was rung.
   * @param {string} user
   * @param {{display?: string, context?: string, order?: "offer_first" | "after_accept"}} [options] `display`: the
   *   name to show there, at most 128 bytes; `context`: the app's own, at most 2 KiB
   */
  call(user, options = {}) {
    if (!this.machine) throw new Error("start the phone first");
    if (!isUser(user) || user === this.user) throw new TypeError("this user cannot be called");
    this.media.unlock();
    const call = new Call(this, uuidFrom(randomBytes(16)), "outgoing", user);
    this.handles.set(call.id, call);
    this.emit("outgoing", { call, to: user });
    this.emit("state", { call, state: "initiated", end: null });
    void this.dial(call, options);
    return call;
  }

  /** The calls that have not ended. */
  get calls() {
    return [...this.handles.values()].filter((call) => call.state !== "ended");
  }

  /** @param {Call} call @param {object} options */
  async dial(call, options) {
    this.signaling.prepare(call.peer);
    const code = await this.openMicrophone(call);
    // The user may have hung up while the browser asked.
    if (call.state === "ended") return this.settle();
    if (code !== null) return call.endDraft(code, "system");
    call.isDraft = false;
    this.handle({ type: "dial", call: call.id, to: call.peer, ...options });
  }

  /** @param {Call} call */
  async accept(call) {
    this.media.unlock();
    const code = await this.openMicrophone(call);
    // A refusal leaves it ringing: the user may allow the microphone and press again.
    if (code === null) this.handle({ type: "accept", call: call.id });
    else this.settle();
    return code;
  }

  /** @param {Call} call @returns {Promise<string | null>} why not */
  async openMicrophone(call) {
    try {
      await this.microphone.open();
      this.emit("microphone", { call, state: "open", why: null });
      return null;
    } catch (error) {
      const why = error instanceof MicrophoneError ? error.code : "internal";
      this.emit("microphone", { call, state: "failed", why });
      return why;
    }
  }

  /** Feeds the machine and does what it asks. @param {import("./machine/calls.js").Input} input */
  handle(input) {
    const { machine } = this;
    if (!machine) return;
    const now = performance.now();
    if (now - machine.deadline > GAP) this.signaling.probe();
    for (const effect of machine.handleInput(now, input)) {
      if (effect.type === "send") this.transmit(effect);
      else if (effect.type === "media") this.media.handle(effect.conn, effect.command);
      else this.onCallEvent(effect.call, effect.event);
    }
    if (input.type !== "captureFailed") this.reportLostCapture();
    this.settle();
    clearTimeout(this.timer);
    const wait = machine.deadline - performance.now();
    if (wait < Infinity) this.timer = setTimeout(() => this.handle({ type: "tick" }), Math.max(0, wait));
  }

  /** Brings sound and microphone in line with the calls. */
  settle() {
    for (const call of this.handles.values()) {
      const snapshot = call.snapshot;
      if (snapshot.conn === null) continue;
      this.media.setSound(snapshot.conn, !snapshot.muted && !snapshot.held, !snapshot.held);
      call.observe(snapshot.conn);
    }
    const idle = this.calls.every((call) => call.direction === "incoming" && call.state === "ringing" && !call.accepting);
    if (idle) this.microphone.close();
  }

  /** @param {string} id @param {import("./machine/context.js").CallEvent} event */
  onCallEvent(id, event) {
    if (event.type === "incoming") {
      const call = new Call(this, id, "incoming", event.from);
      call.isDraft = false;
      this.handles.set(id, call);
    }
    const call = this.handles.get(id);
    if (!call) return;
    const { type, ...detail } = event;
    // Told already, before the microphone was asked for.
    if (type === "outgoing" || (event.type === "state" && event.state === "initiated")) return;
    if (event.type === "state" && event.state === "ended") this.onEnded(call);
    this.emit(type, { call, ...detail });
  }

  /** @param {Call} call */
  onEnded(call) {
    call.stopObserving();
    this.media.forget(call.id);
    const ended = [...this.handles.values()].filter((one) => one.state === "ended");
    for (const { id } of ended.slice(0, -REMEMBERED)) this.handles.delete(id);
  }

  /** @param {string} code */
  onMicrophoneGone(code) {
    for (const call of this.calls) {
      if (call.isDraft || (call.direction === "incoming" && call.state === "ringing")) continue;
      call.captureLost = code;
      this.emit("microphone", { call, state: "failed", why: code });
    }
    this.reportLostCapture();
  }

  /** A call without a microphone ends, but not before it was answered: it has nothing to say until then. */
  reportLostCapture() {
    for (const call of this.calls) {
      const why = call.captureLost;
      if (why !== null && CAPTURING.includes(call.state)) this.handle({ type: "captureFailed", call: call.id, why });
    }
  }

  /** @param {string} name @param {Record<string, any>} detail */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
    this.dispatchEvent(new CustomEvent("event", { detail: { event: name, at_ms: performance.timeOrigin + performance.now(), ...detail } }));
  }

  /** @param {import("./signaling.js").Outgoing} message */
  transmit(message) {
    if (this.leaving) this.signaling.sendLast(message);
    else this.signaling.send(message);
  }

  connectSignaling() {
    const detail = (/** @type {Event} */ event) => /** @type {CustomEvent} */ (event).detail;
    this.signaling.addEventListener("up", () => {
      this.setSignaling("online", null);
      this.handle({ type: "up" });
    });
    this.signaling.addEventListener("down", (event) => {
      this.setSignaling("offline", detail(event).why);
      this.handle({ type: "down" });
    });
    this.signaling.addEventListener("message", (event) => this.handle({ type: "message", ...detail(event) }));
    this.signaling.addEventListener("refused", (event) => this.handle({ type: "refused", ...detail(event) }));
  }

  /** @param {"online" | "offline"} state @param {string | null} why */
  setSignaling(state, why) {
    if (this.signalingState === state) return;
    this.signalingState = state;
    this.emit("signaling", { state, why });
  }

  /** @param {string} topic */
  joinLobby(topic) {
    const { user, device, options } = this;
    const lobby = this.signaling.realtime.channel(topic, { presenceKey: device });
    lobby.addEventListener("joined", () => lobby.track({ user, device, app: options.app ?? "browser" }));
    lobby.addEventListener("presence", () => {
      this.online = lobby.presence.metas.filter(isOnline).map(({ user, device, app }) => ({ user, device, app: String(app ?? "") }));
      this.emit("presence", { online: this.online });
    });
  }

  /** The page goes away: every call ends, and the other side hears of it. */
  onPageHide = () => {
    this.leaving = true;
    this.handle({ type: "close" });
  };
  leaving = false;

  onNetwork = () => {
    this.signaling.probe();
    this.handle({ type: "networkChanged" });
  };

  onVisible = () => {
    if (document.visibilityState === "visible") this.noticeGap();
  };

  /** A clock that ran ahead of the other: the machine slept, and what is read now may be old. */
  noticeGap() {
    const drift = Date.now() - performance.now();
    const gap = drift - this.drift;
    this.drift = drift;
    if (gap <= GAP) return;
    this.signaling.probe();
    this.handle({ type: "resumed", gap });
  }
}

/** @param {any} meta */
function isOnline(meta) {
  return isUser(meta?.user) && typeof meta.device === "string";
}

/** States in which a call needs a microphone. */
const CAPTURING = ["connecting", "active", "reconnecting"];
/** How often the clocks are compared. */
const WATCH = 5_000;
/** Ended calls whose handles go on answering questions. */
const REMEMBERED = 32;

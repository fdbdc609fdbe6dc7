// @ts-check
/**
 * The calls of one phone, as a machine without clock, network or randomness of its own.
 *
 * ```js
 * const calls = new Calls(config, now);
 * for (const effect of calls.handleInput(now, input)) perform(effect);
 * setTimer(calls.deadline); // then: calls.handleInput(calls.deadline, { type: "tick" })
 * ```
 *
 * Every input carries `now`; what is due then happens first. No input is refused, none throws; a verb that makes no
 * sense in a phase changes nothing. Messages are idempotent and sent again until proved: a transport may lose,
 * duplicate and reorder. Signaling loss never ends an active call: media decides.
 */

import { decode } from "../envelope.js";
import { isUser } from "../ids.js";
import { byteLength, CONTEXT_BYTES, DISPLAY_BYTES } from "../limits.js";
import { checkSdp } from "../sdp.js";
import { Call } from "./call.js";
import * as callee from "./callee.js";
import { Context, isSameDevice, toDevice, toInstance } from "./context.js";
import { Lobby } from "./lobby.js";
import { RECEIVERS } from "./receivers.js";
import { Session } from "./session.js";
import * as talk from "./talk.js";
import * as timers from "./timers.js";
import { boundTombstones } from "./tombstones.js";

/** @typedef {import("./context.js").CallsConfig} CallsConfig */
/** @typedef {import("./context.js").Effect} Effect */
/** @typedef {import("./context.js").Sender} Sender */
/** @typedef {import("../envelope.js").Envelope} Envelope */
/**
 * What the app asks for.
 * @typedef {{type: "dial", call: string, to: string, display?: string | null, context?: string | null,
 *     order?: "offer_first" | "after_accept"}
 *   | {type: "accept" | "decline" | "hangUp", call: string}
 *   | {type: "setMedia", call: string, muted?: boolean, held?: boolean}
 *   | {type: "sendMessage", call: string, data: Uint8Array}
 *   | {type: "close"}} Command
 */
/**
 * Everything that can happen to the machine. `age` is how old a message is in ms; null: unknown, it never rings.
 * @typedef {Command
 *   | {type: "up" | "down" | "networkChanged" | "tick"}
 *   | {type: "message", text: string, age: number | null}
 *   | {type: "refused", id: string, why: "not_allowed" | "too_large"}
 *   | {type: "media", conn: number, event: import("./session.js").MediaEvent}
 *   | {type: "captureFailed", call: string, why: string}
 *   | {type: "resumed", gap: number}} Input
 */
/**
 * A call at a glance.
 * @typedef {object} Snapshot
 * @property {string} call
 * @property {"outgoing" | "incoming"} direction
 * @property {string} peer
 * @property {boolean} verified
 * @property {string | null} display
 * @property {string | null} context
 * @property {import("./context.js").CallState} state
 * @property {import("../endings.js").End | null} end
 * @property {boolean} muted
 * @property {boolean} held
 * @property {boolean} peerMuted
 * @property {boolean} peerHeld
 * @property {number | null} conn the connection that carries sound, or will
 */

export class Calls {
  /** @type {Map<string, Call>} */
  calls = new Map();
  lobby = new Lobby();
  /** Until then the age of a message means nothing: the machine slept. */
  distrust = -Infinity;
  closed = false;

  /** Signaling counts as down until it says `up`. @param {CallsConfig} config @param {number} now */
  constructor(config, now) {
    this.cx = new Context(config, now);
  }

  /** @param {number} now ms of a clock that only goes forward @param {Input} input @returns {Effect[]} */
  handleInput(now, input) {
    const { cx } = this;
    const due = this.deadline;
    cx.now = Math.max(now, cx.now);
    if (cx.now - due > timers.GAP) this.distrust = cx.now + timers.DISTRUST;
    this.fireTimers();
    this.take(input);
    this.fireTimers();
    const effects = cx.out;
    cx.out = [];
    return effects;
  }

  /** Call `handleInput` at this time at the latest. Infinity: no timer is set. */
  get deadline() {
    let least = this.lobby.deadline;
    for (const call of this.calls.values()) least = Math.min(least, call.deadline);
    return least;
  }

  /** @param {string} id @returns {Snapshot | null} */
  snapshot(id) {
    const call = this.calls.get(id);
    if (!call) return null;
    const { direction, peer, verified, display, context, state, muted, held, phase, peerMedia, session } = call;
    const end = phase.name === "ended" ? phase.end : null;
    const conn = session?.conn.id ?? null;
    const { muted: peerMuted, held: peerHeld } = peerMedia;
    return { call: id, direction, peer, verified, display, context, state, end, muted, held, peerMuted, peerHeld, conn };
  }

  /** @param {Input} input */
  take(input) {
    const { cx } = this;
    switch (input.type) {
      case "tick": return;
      case "up":
        cx.up = true;
        this.distrust = -Infinity;
        return this.updateAll((call) => call.handleUp(cx));
      case "down":
        cx.up = false;
        return;
      case "message":
        if (!this.closed) this.onText(input.text, input.age);
        return;
      case "refused": {
        const invited = [...this.calls.values()].find((call) => call.outbox.isInvite(input.id));
        const code = input.why === "not_allowed" ? "not_allowed" : "internal";
        if (invited) this.update(invited.id, (call) => call.end(cx, code, "system"));
        return;
      }
      case "media": {
        const owner = [...this.calls.values()].find((call) => call.session?.owns(input.conn));
        if (owner) this.update(owner.id, (call) => call.session?.handleEvent(input.conn, input.event));
        return;
      }
      case "captureFailed":
        return this.update(input.call, (call) => talk.captureFailed(call, cx, input.why));
      case "networkChanged":
        return this.updateAll((call) => call.talk?.session.handleNetworkChange());
      case "resumed":
        if (input.gap > timers.GAP) this.distrust = cx.now + timers.DISTRUST;
        return this.updateAll((call) => call.outbox.restart(cx));
      case "close":
        this.closed = true;
        this.lobby.clear();
        return this.updateAll((call) => talk.close(call, cx));
      default:
        if (!this.closed) this.command(input);
    }
  }

  /** @param {Exclude<Command, {type: "close"}>} command */
  command(command) {
    const { cx } = this;
    switch (command.type) {
      case "dial": return this.dial(command);
      case "accept": return this.accept(command.call);
      case "decline":
        return this.update(command.call, (call) => {
          if (call.phase.name === "ringing") call.end(cx, "declined", "local");
        });
      case "hangUp": return this.update(command.call, (call) => talk.hangUp(call, cx));
      case "setMedia":
        if (command.held === false) this.makeWay(command.call, null);
        return this.update(command.call, (call) => talk.setMedia(call, cx, command));
      case "sendMessage":
        return this.update(command.call, (call) => void talk.sendMessage(call, cx, command.data));
    }
  }

  /** Moves one call on, does what its session wants, and tells the app if its state changed. @param {string} id @param {(call: Call) => void} step */
  update(id, step) {
    const call = this.calls.get(id);
    if (!call) return;
    const before = call.phase ? call.state : null;
    step(call);
    call.absorb(this.cx);
    if (call.state === before) return;
    const end = call.phase.name === "ended" ? call.phase.end : null;
    if (end === null || before !== null) this.cx.event(id, { type: "state", state: call.state, end });
    if (end) boundTombstones(this.calls, call.peer);
  }

  /** @param {(call: Call) => void} step */
  updateAll(step) {
    for (const id of [...this.calls.keys()]) this.update(id, step);
  }

  /** Fires what is due until nothing is. Every firing moves its own timer ahead, so this ends. */
  fireTimers() {
    const { now } = this.cx;
    this.lobby.handleTimeout(now);
    for (;;) {
      for (const [id, { phase }] of this.calls) if (phase.name === "ended" && phase.expires <= now) this.calls.delete(id);
      const due = [...this.calls.values()].filter((call) => call.deadline <= now);
      if (due.length === 0) return;
      for (const { id } of due) this.update(id, (call) => call.handleTimeout(this.cx));
    }
  }

  /** Dialing somebody whose call rings here takes that call instead. @param {Extract<Command, {type: "dial"}>} command */
  dial({ call: id, to, display = null, context = null, order = "offer_first" }) {
    const { cx } = this;
    const legal = isUser(to) && to !== cx.config.user && !this.calls.has(id);
    if (!legal || byteLength(display ?? "") > DISPLAY_BYTES || byteLength(context ?? "") > CONTEXT_BYTES) return;
    const waiting = [...this.calls.values()].find((call) => call.phase.name === "ringing" && call.peer === to);
    if (!waiting) this.makeWay(id, null);
    const call = new Call(id, "outgoing", to, order);
    Object.assign(call, { display, context });
    this.calls.set(id, call);
    cx.event(id, { type: "outgoing", to });
    this.update(id, () => {
      const session = new Session(cx, id, "caller", order === "offer_first");
      const deadline = cx.now + (cx.up ? timers.PREPARING : timers.OFFLINE);
      call.phase = { name: "preparing", session, ready: null, deadline };
    });
    if (!waiting) return;
    this.update(id, () => call.end(cx, `replaced.${waiting.id}`, "local"));
    this.accept(waiting.id);
  }

  /** Other ringing calls are declined, others that are answered are held. @param {string} id */
  accept(id) {
    const call = this.calls.get(id);
    if (call?.phase.name !== "ringing") return;
    this.makeWay(id, call.peer);
    this.update(id, () => callee.accept(call, this.cx));
  }

  /** One call carries sound: the others are held, or end where they cannot be. @param {string} id @param {string | null} acceptedFrom */
  makeWay(id, acceptedFrom) {
    const { cx } = this;
    this.updateAll((call) => {
      if (call.id === id) return;
      const { name } = call.phase;
      if (name === "ringing") {
        if (acceptedFrom !== null) call.end(cx, "declined", "system");
      } else if (name === "preparing" || name === "dialing") {
        if (acceptedFrom !== null) call.end(cx, "cancelled", "local");
      } else if (name === "reconnecting" && call.peer === acceptedFrom) {
        call.end(cx, "hung_up", "local");
      } else {
        talk.setMedia(call, cx, { held: true });
      }
    });
  }

  /** @param {string} text @param {number | null} age */
  onText(text, age) {
    const { envelope, error, header } = decode(text);
    if (envelope) return this.onEnvelope(envelope, this.cx.now < this.distrust ? null : age);
    if (error !== "unsupported_version" || !header) return;
    const { id, call, kind, from } = header;
    if (from.user === this.cx.config.user || kind === "error" || kind === "ack") return;
    const live = this.calls.get(call);
    if (live ? live.peer === from.user : this.mayRing(from.user)) this.sendError(call, from, id, "unsupported_version");
  }

  /** @param {Envelope} envelope @param {number | null} age */
  onEnvelope(envelope, age) {
    const { user, device, instance } = this.cx.config;
    const { from, to, kind } = envelope;
    const forUs = to.user === user && (to.device === null || to.device === device);
    if (!forUs || from.user === user) return;
    const call = this.calls.get(envelope.call);
    if (to.instance !== null && to.instance !== instance) {
      // For the page before this one. Its ringing and its answer learn that it is gone.
      if (!call && (kind === "ringing" || kind === "answer")) this.onStranger(envelope, age);
      return;
    }
    if (!call) return this.onStranger(envelope, age);
    if (call.peer !== from.user) return;
    const sounded = isToSound(call);
    this.update(call.id, () => RECEIVERS[kind](call, this.cx, envelope));
    // Another call that we dialed before or after may have been answered first.
    if (!sounded && isToSound(call)) this.makeWay(call.id, null);
  }

  /** A message for a call that is not here. @param {Envelope} envelope @param {number | null} age */
  onStranger({ id, call, ttl_ms, from, to, kind, body }, age) {
    const { cx, lobby } = this;
    // Whoever may not ring learns nothing; but who dials somebody lets them ring meanwhile.
    const admitted = this.mayRing(from.user) || (kind === "invite" && this.dialedTo(from.user).length > 0);
    if (!admitted) return;
    switch (kind) {
      case "invite": {
        const fresh = age !== null && ttl_ms - age >= timers.RING_LEFT_MIN;
        if (!fresh || body.resume !== undefined || lobby.isOver(call, from)) return;
        const takable = body.offer === undefined ? body.order === "after_accept" : checkSdp(body.offer) !== null;
        if (!takable) return this.sendError(call, from, id, "unsupported_codec");
        return this.letIn(call, from, body, cx.now + ttl_ms - age);
      }
      case "candidates": return lobby.keepCandidates(cx.now, call, from, body);
      case "settled":
      case "cancel":
        if (kind === "settled" && body.winner === cx.config.device) return;
        // What was not remembered has to come again.
        if (lobby.keepEnd(cx.now, call, from)) cx.ack(call, from, id);
        return;
      case "decline":
        // To all devices of the caller: those without the call stay silent.
        if (to.device !== null) cx.ack(call, from, id);
        return;
      case "busy":
      case "hangup": return cx.ack(call, from, id);
      case "ringing":
      case "answer": return cx.sendOnce(call, toDevice(from), "cancel", { reason: "gone" });
      case "negotiate":
      case "media":
      case "message":
      case "ack":
      case "error":
    }
  }

  /** An admitted invite rings, unless something speaks against it. @param {string} id @param {Sender} from @param {any} invite @param {number} deadline */
  letIn(id, from, invite, deadline) {
    const { cx, lobby } = this;
    if (!lobby.isNewest(from, invite.seq, id)) return;
    const ours = this.dialedTo(from.user);
    // Glare: the higher call id wins, on both sides alike.
    if (ours.some((call) => call.id > id)) return;
    for (const lost of ours) this.update(lost.id, () => lost.end(cx, `replaced.${id}`, "remote"));
    const verified = cx.config.mayRing?.(from.user) === "verified";
    const call = new Call(id, "incoming", from.user, invite.order);
    call.verified = verified;
    if (this.isBusyFor(from.user)) {
      lobby.take(id, from);
      call.outbox.post(cx, "ending", cx.envelope(id, toDevice(from), "busy", {}), timers.ENDING_TTL);
      const end = { code: "busy", by: /** @type {const} */ ("local") };
      call.phase = { name: "ended", end, visible: false, peer: from, since: cx.now, expires: cx.now + timers.TOMBSTONE };
      this.calls.set(id, call);
      return boundTombstones(this.calls, call.peer);
    }
    this.updateAll((older) => {
      const { phase } = older;
      if (phase.name === "ringing" && isSameDevice(phase.from, from)) older.end(cx, "missed", "system");
    });
    const ringing = [...this.calls.values()].filter(({ phase }) => phase.name === "ringing");
    if (ringing.length >= MAX_RINGING) return;
    this.calls.set(id, call);
    this.update(id, () => callee.ring(call, cx, from, invite, deadline, lobby.take(id, from)));
    if (ours.length > 0 && verified && !invite.media.video) this.accept(id);
  }

  /** Our unanswered calls to a user. @param {string} user */
  dialedTo(user) {
    const unanswered = (/** @type {Call} */ { peer, phase }) => peer === user && (phase.name === "preparing" || phase.name === "dialing");
    return [...this.calls.values()].filter(unanswered);
  }

  /** A call that lost its media does not stand in the way of its own user. @param {string} user */
  isBusyFor(user) {
    const ownLost = (/** @type {Call} */ call) => call.peer === user && call.phase.name === "reconnecting";
    return [...this.calls.values()].some((call) => call.isBusy && !ownLost(call));
  }

  /** @param {string} user */
  mayRing(user) {
    return this.cx.config.mayRing?.(user) !== "refused";
  }

  /** @param {string} call @param {Sender} from @param {string} of @param {"unsupported_version" | "unsupported_codec"} code */
  sendError(call, from, of, code) {
    if (!this.lobby.maySendError(this.cx.now, from.user)) return;
    const max = code === "unsupported_version" ? { max: 1 } : {};
    this.cx.sendOnce(call, toInstance(from), "error", { of, code, ...max });
  }
}

/** @param {Call} call */
function isToSound(call) {
  return call.talk !== null && !call.held;
}

/** Calls that ring at once: more is a flood, and no user can choose. */
const MAX_RINGING = 4;

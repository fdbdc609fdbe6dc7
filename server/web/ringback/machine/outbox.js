// @ts-check
/**
 * The one reliability mechanism: a message is sent again until it is proved or its life is over.
 *
 * | message | goes out again | until |
 * |---|---|---|
 * | most | after 0.5, 1, 2, 4, 8 s, then every 8 s | its proof, or its life |
 * | `invite` | the same; every 8 s once a device rang | an answer, or the end |
 * | `answer` | after 0.5, 1, 2 s, then every 2 s | `settled`, or media |
 * | `cancel`, `settled` to others | after 0.5, 1, 2, 4, 8 s whatever rang, then every 8 s | each device that rang has acknowledged it |
 * | `settled` to others, if the winner alone rang | only to a device that shows itself, then every 8 s | that device has acknowledged it |
 * | `settled` to the winner, an answer to a new offer | only when asked for | the end |
 *
 * When signaling comes up and after a suspend everything unproven goes out at once and its gaps start over. A proved
 * ending stays, to be repeated to whoever shows that it has not heard of it.
 */

import { MESSAGE_TTL } from "./timers.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Envelope} Envelope */
/**
 * What a message is for; there is one of each at a time, but for app messages.
 * @typedef {"invite" | "answer" | "settled" | "losers" | "ending" | "candidates" | "offer" | "offerAnswer" | "wish"
 *   | "media" | "message"} Slot
 */
/**
 * @typedef {object} Pending
 * @property {Slot} slot
 * @property {Envelope} envelope
 * @property {number} expires
 * @property {number} next when it goes out again; Infinity: only when asked for
 * @property {number} resends since its gaps began
 * @property {boolean} rang a device rang for this invite
 * @property {Set<string>} awaiting devices that rang and have not acknowledged
 */

export class Outbox {
  /** @type {Pending[]} */
  pending = [];

  /**
   * Sends a message and keeps it until it is proved. It replaces the one in the same slot.
   * @param {Context} cx @param {Slot} slot @param {Envelope} envelope @param {number} life
   * @param {Set<string>} [awaiting] devices that must acknowledge it, if it is for all
   */
  post(cx, slot, envelope, life, awaiting = new Set()) {
    if (slot !== "message") this.remove(slot);
    const onDemand = slot === "settled" || slot === "offerAnswer";
    const pending = {
      slot,
      envelope,
      expires: onDemand ? Infinity : cx.now + life,
      next: onDemand ? Infinity : cx.now + GAPS[0],
      resends: 0,
      rang: false,
      awaiting,
    };
    transmit(cx, pending);
    this.pending.push(pending);
  }

  /** Keeps a message to all unsent: it goes to a device that shows that it has not heard of it. */
  keep(/** @type {Context} */ cx, /** @type {Slot} */ slot, /** @type {Envelope} */ envelope, /** @type {number} */ life) {
    this.remove(slot);
    const expires = cx.now + life;
    this.pending.push({
      slot, envelope, expires, next: Infinity, resends: GAPS.length, rang: false, awaiting: new Set(),
    });
  }

  /**
   * A message was acknowledged. What is proved for good leaves; an ending stays, asleep.
   * @param {string} of @param {import("./context.js").Sender} by
   */
  prove(of, by) {
    const pending = this.pending.find((one) => one.envelope.id === of);
    if (!pending || pending.envelope.to.user !== by.user) return;
    const addressed = pending.envelope.to.device === by.device;
    switch (pending.slot) {
      case "losers":
      case "ending":
        if (toAll(pending) && pending.envelope.kind !== "decline") {
          pending.awaiting.delete(by.device);
          rest(pending);
        } else if (addressed || toAll(pending)) {
          pending.next = Infinity;
        }
        return;
      case "candidates":
      case "media":
      case "message":
        if (addressed) this.pending = this.pending.filter((one) => one !== pending);
        return;
      // Proved by another message than `ack`.
      case "invite":
      case "answer":
      case "settled":
      case "offer":
      case "offerAnswer":
      case "wish":
    }
  }

  /** Proved by another message, or of no use any more. @param {Slot} slot */
  remove(slot) {
    this.pending = this.pending.filter((one) => one.slot !== slot);
  }

  /** The call ended: only what tells other devices so survives. */
  close() {
    this.pending = this.pending.filter((one) => one.slot === "losers");
  }

  /** A device rings: the invite goes out every 8 s only. @param {number} now */
  slowDownInvite(now) {
    const invite = this.pending.find((one) => one.slot === "invite" && !one.rang);
    if (!invite) return;
    invite.rang = true;
    invite.next = now + LAST_GAP;
  }

  /** Sends the message of a slot once more. Says whether there is one. @param {Context} cx @param {Slot} slot */
  repeat(cx, slot) {
    const pending = this.pending.find((one) => one.slot === slot);
    if (pending) transmit(cx, pending);
    return pending !== undefined;
  }

  /**
   * Sends an ending to one device, and goes on until it acknowledges.
   * @param {Context} cx @param {Slot} slot @param {string} device
   */
  repeatTo(cx, slot, device) {
    const pending = this.pending.find((one) => one.slot === slot);
    if (!pending) return;
    if (!toAll(pending)) return transmit(cx, pending);
    if (pending.awaiting.size < MAX_DEVICES) pending.awaiting.add(device);
    pending.next = Math.min(pending.next, cx.now + LAST_GAP);
    const { envelope } = pending;
    transmit(cx, { ...pending, envelope: { ...envelope, to: { ...envelope.to, device } } });
  }

  /** Sends everything unproven at once; its gaps start over. @param {Context} cx */
  restart(cx) {
    for (const pending of this.pending) {
      if (pending.next === Infinity) continue;
      pending.resends = 0;
      pending.next = cx.now + GAPS[0];
      transmit(cx, pending);
    }
  }

  /** @param {string} id */
  isInvite(id) {
    return this.pending.some((one) => one.slot === "invite" && one.envelope.id === id);
  }

  /** App messages that wait for their proof. */
  get messages() {
    return this.pending.filter((one) => one.slot === "message").length;
  }

  /** Nothing here is due to go out again. */
  get isQuiet() {
    return this.pending.every((one) => one.next === Infinity);
  }

  get deadline() {
    return this.pending.reduce((least, one) => Math.min(least, one.next, one.expires), Infinity);
  }

  /** Sends what is due, and forgets what has lived long enough. @param {Context} cx */
  handleTimeout(cx) {
    this.pending = this.pending.filter((one) => one.expires > cx.now);
    for (const pending of this.pending) {
      if (pending.next > cx.now) continue;
      pending.resends += 1;
      pending.next = cx.now + gap(pending);
      transmit(cx, pending);
      rest(pending);
    }
  }
}

/** @param {Context} cx @param {Pending} pending */
function transmit(cx, { envelope, expires }) {
  envelope.ttl_ms = expires === Infinity ? MESSAGE_TTL : Math.max(0, Math.floor(expires - cx.now));
  cx.transmit(envelope);
}

/** @param {Pending} pending */
function gap({ slot, resends, rang }) {
  if (rang) return LAST_GAP;
  const next = GAPS[resends] ?? LAST_GAP;
  return slot === "answer" ? Math.min(next, ANSWER_GAP) : next;
}

/** @param {Pending} pending */
function toAll({ envelope }) {
  return envelope.to.device === null;
}

/** An ending to all that went out often enough sleeps once every device that rang has acknowledged it. @param {Pending} pending */
function rest(pending) {
  const ending = pending.slot === "losers" || pending.slot === "ending";
  if (ending && toAll(pending) && pending.resends >= GAPS.length && pending.awaiting.size === 0) {
    pending.next = Infinity;
  }
}

/** Gaps between resends; then {@link LAST_GAP}. */
const GAPS = [500, 1000, 2000, 4000, 8000];
const LAST_GAP = 8000;
/** The caller has 15 s to hear one of nine answers: at 30 % loss all are lost once in 50,000 calls. */
const ANSWER_GAP = 2000;
/** Devices of one user that a call keeps apart: a person has few, a flood has many. */
export const MAX_DEVICES = 16;

// @ts-check
/**
 * What is remembered of calls that are not here: candidates and endings that came before their invite, and who called
 * when, so that an older call of a device does not come back.
 *
 * Everything is bounded: 256 devices in all, 16 of one user; the oldest that is of no use any more goes first.
 */

import { isSameDevice } from "./context.js";
import { ENDING_TTL, MESSAGE_TTL } from "./timers.js";

/** @typedef {import("./context.js").Sender} Sender */
/** @typedef {{call: string, from: Sender, expires: number, later: any, over: boolean}} Guest */
/** @typedef {{from: Sender, seq: number, call: string, replaced: string[]}} Caller */

export class Lobby {
  /** @type {Guest[]} */
  guests = [];
  /** The newest call of each device. @type {Caller[]} */
  callers = [];
  /** When somebody last got an `error`. @type {Map<string, number>} */
  errors = new Map();

  get deadline() {
    return this.guests.reduce((least, guest) => Math.min(least, guest.expires), Infinity);
  }

  /** @param {number} now */
  handleTimeout(now) {
    this.guests = this.guests.filter((guest) => guest.expires > now);
  }

  /** Candidates of a call whose invite is not here yet. @param {number} now @param {string} call @param {Sender} from @param {any} list */
  keepCandidates(now, call, from, list) {
    const guest = this.guest(now, call, from);
    if (guest) guest.later = list;
  }

  /** The call of this device is over before its invite came: it will not ring, if there was room to remember it. @param {number} now @param {string} call @param {Sender} from */
  keepEnd(now, call, from) {
    const guest = this.guest(now, call, from);
    if (!guest) return false;
    guest.over = true;
    guest.expires = now + ENDING_TTL;
    return true;
  }

  /** @param {string} call @param {Sender} from */
  isOver(call, from) {
    return this.find(call, from)?.over ?? false;
  }

  /** What came early for a call that now is here. @param {string} call @param {Sender} from */
  take(call, from) {
    const later = this.find(call, from)?.later ?? null;
    this.guests = this.guests.filter((guest) => guest.call !== call);
    return later;
  }

  /**
   * Whether an invite is the newest of its device, which it then is: an instance that was replaced and a lower `seq`
   * are older.
   * @param {Sender} from @param {number} seq @param {string} call
   */
  isNewest(from, seq, call) {
    const index = this.callers.findIndex((caller) => isSameDevice(caller.from, from));
    const [known] = index < 0 ? [] : this.callers.splice(index, 1);
    const newer = known === undefined || isNewer(known, from, seq, call);
    const replaced = known && known.from.instance !== from.instance ? [...known.replaced, known.from.instance] : known?.replaced;
    this.callers.push(newer ? { from, seq, call, replaced: (replaced ?? []).slice(-REPLACED) } : known);
    if (this.callers.length > GUESTS) this.callers.shift();
    return newer;
  }

  /** Once a minute a user. @param {number} now @param {string} user */
  maySendError(now, user) {
    for (const [told, at] of this.errors) if (now - at >= ERROR_APART) this.errors.delete(told);
    const free = this.errors.size < GUESTS && !this.errors.has(user);
    if (free) this.errors.set(user, now);
    return free;
  }

  clear() {
    this.guests = [];
  }

  /** @param {string} call @param {Sender} from */
  find(call, from) {
    return this.guests.find((guest) => guest.call === call && isSameDevice(guest.from, from));
  }

  /** Another user has no part in a call that waits. @param {number} now @param {string} call @param {Sender} from */
  guest(now, call, from) {
    const known = this.find(call, from);
    if (known) return known;
    const { user } = from;
    if (this.guests.some((guest) => guest.call === call && guest.from.user !== user)) return null;
    const crowded = this.guests.filter((guest) => guest.from.user === user).length >= GUESTS_PER_USER;
    if (crowded || this.guests.length >= GUESTS) {
      const leaves = this.guests.findIndex((guest) => guest.over && (!crowded || guest.from.user === user));
      if (leaves < 0) return null;
      this.guests.splice(leaves, 1);
    }
    /** @type {Guest} */
    const guest = { call, from, expires: now + MESSAGE_TTL, later: null, over: false };
    this.guests.push(guest);
    return guest;
  }
}

/** @param {Caller} known @param {Sender} from @param {number} seq @param {string} call */
function isNewer(known, from, seq, call) {
  if (known.from.instance !== from.instance) return !known.replaced.includes(from.instance);
  return call === known.call || seq > known.seq;
}

const GUESTS = 256;
const GUESTS_PER_USER = 16;
/** Instances remembered a device: their invites live 120 s at most. */
const REPLACED = 8;
const ERROR_APART = 60_000;

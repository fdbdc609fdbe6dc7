// @ts-check
/**
 * One call: its phase, what its session wants, how it ends.
 *
 * ```text
 *         dial                                    invite
 *           |                                       |
 *     +-----v-----+                                 |
 *     | preparing | -> send invite                  |
 *     +-----+-----+                                 |
 *     +-----v-----+  ringing: rang            +-----v-----+
 *     |  dialing  |                           |  ringing  |
 *     +-----+-----+                           +-----+-----+ accept -> session: connect
 *           | answer -> send settled          +-----v-----+
 *           |                                 | answering | -> send answer, until settled
 *           +-----------------+---------------+-----------+
 *                       +-----v------+ media up  +-----------+ media missing                 +--------------+
 *                       | connecting |---------->| connected |------------------------------>| reconnecting |
 *                       +------------+           +-----^-----+                               +------+-------+
 *                                                      +------------------ media up ---------------+
 *    any -- hangup, decline, cancel, busy, deadline, glare, failure --> ended -> tombstone for 120 s
 * ```
 *
 * What the caller's side does with messages is in `caller.js`, the callee's in `callee.js`, both sides' in `talk.js`.
 * Not here: calls announced by a push, resume after a reload, connecting while it rings.
 */

import { toAll, toDevice, toInstance } from "./context.js";
import { tryInvite } from "./caller.js";
import { sayRinging, sendAnswer, checkPromise } from "./callee.js";
import { Outbox } from "./outbox.js";
import * as timers from "./timers.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Sender} Sender */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../endings.js").End} End */
/** @typedef {{sdp: string | null, candidates: import("../envelope.js").WireCandidate[], fingerprint: string}} Ready */
/**
 * An answered call: `commit` is what the caller promised in the invite, `nonce` what opens the promise; null at the
 * caller.
 * @typedef {{session: Session, peer: Sender, commit: string | null, nonce: string | null}} Talk
 */
/**
 * @typedef {{name: "preparing", session: Session, ready: Ready | null, deadline: number}} Preparing
 * @typedef {{name: "dialing", session: Session, nonce: string, rang: Set<string>,
 *   refusal: {at: number, code: string} | null, deadline: number}} Dialing
 * @typedef {{name: "ringing", invite: any, from: Sender, later: any, deadline: number, again: number}} Ringing
 * @typedef {{name: "answering", heard: boolean, deadline: number} & Talk} Answering
 * @typedef {{name: "connecting" | "connected" | "reconnecting", deadline: number} & Talk} Talking
 * @typedef {{name: "ended", end: End, visible: boolean, peer: Sender | null, since: number, expires: number}} Ended
 * @typedef {Preparing | Dialing | Ringing | Answering | Talking | Ended} Phase
 */

export class Call {
  verified = false;
  /** @type {string | null} the name that the peer asks to show: a claim */
  display = null;
  /** @type {string | null} the app's context */
  context = null;
  muted = false;
  held = false;
  /** Counts the changes of the two above. */
  revision = 0;
  peerMedia = { revision: 0, muted: false, held: false, recording: false };
  /** @type {"sending" | "ringing" | null} */
  delivery = null;
  outbox = new Outbox();
  /** App messages that were applied. @type {string[]} */
  seen = [];
  /** Whoever makes a call gives it its first phase. @type {Phase} */
  phase = /** @type {any} */ (null);

  /** @param {string} id @param {"outgoing" | "incoming"} direction @param {string} peer @param {string} order */
  constructor(id, direction, peer, order) {
    this.id = id;
    this.direction = direction;
    this.peer = peer;
    this.order = order;
  }

  /** @returns {import("./context.js").CallState} */
  get state() {
    const { phase } = this;
    switch (phase.name) {
      case "preparing": return "initiated";
      case "dialing": return phase.rang.size > 0 ? "ringing" : "initiated";
      case "ringing": return "ringing";
      case "answering":
      case "connecting": return "connecting";
      case "connected": return "active";
      case "reconnecting": return "reconnecting";
      case "ended": return "ended";
    }
  }

  /** @returns {Session | null} */
  get session() {
    return "session" in this.phase ? this.phase.session : null;
  }

  /** @returns {(Answering | Talking) | null} */
  get talk() {
    return "commit" in this.phase ? this.phase : null;
  }

  /** The exact other end, once it is known. @returns {Sender | null} */
  get other() {
    const { phase } = this;
    if (phase.name === "ringing") return phase.from;
    return "peer" in phase ? phase.peer : null;
  }

  /** Neither ended nor merely ringing: a second call hears `busy`. */
  get isBusy() {
    return this.phase.name !== "ringing" && this.phase.name !== "ended";
  }

  /** A side of this call is silent on purpose. */
  get isQuiet() {
    return this.held || this.peerMedia.muted || this.peerMedia.held;
  }

  get deadline() {
    return Math.min(phaseDeadline(this.phase), this.session?.deadline ?? Infinity, this.outbox.deadline);
  }

  /** Does what is due: the deadline of the phase first, since it may end the call. @param {Context} cx */
  handleTimeout(cx) {
    if (phaseDeadline(this.phase) <= cx.now) onDeadline(this, cx);
    this.session?.handleTimeout();
    this.outbox.handleTimeout(cx);
  }

  /** Signaling works again: everything unproven goes out. @param {Context} cx */
  handleUp(cx) {
    this.outbox.restart(cx);
    tryInvite(this, cx);
  }

  /** Does what the session wants, until it wants nothing more. @param {Context} cx */
  absorb(cx) {
    for (let step = this.session?.steps.shift(); step; step = this.session?.steps.shift()) onStep(this, cx, step);
  }

  /** The invite got further; it only climbs. @param {Context} cx @param {"sending" | "ringing"} to */
  deliver(cx, to) {
    if (this.delivery === to || this.delivery === "ringing") return;
    this.delivery = to;
    cx.event(this.id, { type: "delivery", delivery: to });
  }

  /** Tells the peer what we send, if there is anything to tell. @param {Context} cx @param {Sender} peer */
  tellMedia(cx, peer) {
    if (this.revision === 0) return;
    const { revision, muted, held } = this;
    const body = { revision, muted, held, recording: false };
    this.outbox.post(cx, "media", cx.envelope(this.id, toInstance(peer), "media", body), timers.MESSAGE_TTL);
  }

  /**
   * Ends the call from this side, and tells the peer. A call ends once.
   * @param {Context} cx @param {string} code @param {End["by"]} by
   */
  end(cx, code, by) {
    const { phase } = this;
    if (phase.name === "ended") return;
    this.outbox.close();
    if (phase.name === "dialing") {
      const envelope = cx.envelope(this.id, toAll(this.peer), "cancel", cancelBody(code));
      this.outbox.post(cx, "ending", envelope, timers.ENDING_TTL, new Set(phase.rang));
    } else if (phase.name === "ringing" && code === "declined") {
      const body = { reason: by === "local" ? "declined" : "busy" };
      this.outbox.post(cx, "ending", cx.envelope(this.id, toDevice(phase.from), "decline", body), timers.ENDING_TTL);
    } else if (this.talk) {
      const envelope = cx.envelope(this.id, toDevice(this.talk.peer), "hangup", { reason: code });
      this.outbox.post(cx, "ending", envelope, timers.ENDING_TTL);
    }
    this.bury(cx, { code, by });
  }

  /** The other side ended the call: it is not told back. @param {Context} cx @param {string} code */
  endQuietly(cx, code) {
    if (this.phase.name === "ended") return;
    this.outbox.close();
    this.bury(cx, { code, by: "remote" });
  }

  /** @param {Context} cx @param {End} end @param {boolean} [visible] the app saw this call */
  bury(cx, end, visible = true) {
    const { session } = this;
    session?.close();
    for (const step of session?.steps ?? []) if (step.type === "media") cx.media(step.conn, step.command);
    const expires = cx.now + timers.TOMBSTONE;
    this.phase = { name: "ended", end, visible, peer: this.other, since: cx.now, expires };
  }
}

/** @param {Phase} phase */
function phaseDeadline(phase) {
  switch (phase.name) {
    case "dialing": return Math.min(phase.deadline, phase.refusal?.at ?? Infinity);
    case "ringing": return Math.min(phase.deadline, phase.again);
    case "connected": return Infinity;
    case "ended": return phase.expires;
    case "preparing":
    case "answering":
    case "connecting":
    case "reconnecting": return phase.deadline;
  }
}

/** @param {Call} call @param {Context} cx */
function onDeadline(call, cx) {
  const { phase } = call;
  switch (phase.name) {
    case "preparing":
      return call.end(cx, cx.up ? "internal" : "offline", "system");
    case "dialing": {
      const refused = phase.refusal !== null && phase.refusal.at <= cx.now ? phase.refusal.code : null;
      const code = refused ?? (phase.rang.size > 0 ? "no_answer" : "unreachable");
      return call.end(cx, code, code === "busy" ? "remote" : "system");
    }
    case "ringing":
      if (phase.deadline <= cx.now) return call.end(cx, "missed", "system");
      phase.again = cx.now + timers.RINGING_AGAIN;
      return sayRinging(call, cx, phase.from);
    case "answering":
      // What the engine found out about the path explains nothing while the caller is not there.
      return call.end(cx, phase.heard ? phase.session.explanation : "connect_failed.timeout", "system");
    case "connecting":
      return call.end(cx, phase.session.explanation, "system");
    case "reconnecting":
      return call.end(cx, "connection_lost", "system");
    case "connected":
    case "ended":
  }
}

/** @param {Call} call @param {Context} cx @param {import("./session.js").Step} step */
function onStep(call, cx, step) {
  const { phase, talk } = call;
  switch (step.type) {
    case "media": return cx.media(step.conn, step.command);
    case "ready":
      if (phase.name === "preparing") {
        phase.ready = step;
        tryInvite(call, cx);
      } else if (phase.name === "answering") {
        sendAnswer(call, cx, phase, step);
      }
      return;
    case "candidates":
      // The caller's go to all ringing devices as they come, and to the winner until proved.
      if (talk) {
        const envelope = cx.envelope(call.id, toInstance(talk.peer), "candidates", step.list);
        call.outbox.post(cx, "candidates", envelope, timers.MESSAGE_TTL);
      } else if (phase.name === "dialing") {
        cx.sendOnce(call.id, toAll(call.peer), "candidates", step.list);
      }
      return;
    case "negotiate": {
      if (!talk) return;
      const slot = step.body.what === "offer" ? "offer" : step.body.what === "answer" ? "offerAnswer" : "wish";
      const envelope = cx.envelope(call.id, toInstance(talk.peer), "negotiate", step.body);
      return call.outbox.post(cx, slot, envelope, timers.MESSAGE_TTL);
    }
    case "offerProved": return call.outbox.remove("offer");
    case "wishProved":
      call.outbox.remove("wish");
      return checkPromise(call, cx);
    case "repeatAnswer": return void call.outbox.repeat(cx, "offerAnswer");
    case "repeatOffer": return void call.outbox.repeat(cx, "offer");
    case "up":
      // Media at a callee that was not named the winner yet counts as being named.
      if (talk) call.phase = talking("connected", talk, Infinity);
      return;
    case "missing":
      if (phase.name === "connected") call.phase = talking("reconnecting", phase, cx.now + timers.RECONNECT);
      return;
    case "peerGone": return call.end(cx, "hung_up", "remote");
    case "broken": return call.end(cx, BROKEN[step.why], "system");
  }
}

/**
 * @param {Talking["name"]} name @param {Talk} talk @param {number} deadline
 * @returns {Talking}
 */
export function talking(name, { session, peer, commit, nonce }, deadline) {
  return { name, session, peer, commit, nonce, deadline };
}

/** What the callee's devices are told. @param {string} code */
function cancelBody(code) {
  if (code.startsWith("replaced.")) return { reason: "glare", by: code.slice("replaced.".length) };
  return { reason: CANCEL[code] ?? "gone" };
}

/** @type {Record<string, string>} */
const CANCEL = {
  cancelled: "user",
  hung_up: "user",
  no_answer: "timeout",
  unreachable: "timeout",
  declined: "declined",
  busy: "busy",
};
/** @type {Record<"description" | "dtls" | "engine", string>} */
const BROKEN = { description: "unsupported.codec", dtls: "connect_failed.dtls", engine: "internal" };

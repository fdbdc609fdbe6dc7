// @ts-check
/**
 * The caller's side: the invite, and what comes back.
 *
 * Every handler takes the call, the context and a checked message, and changes the call's phase.
 */

import { fromHex, toHex } from "../ids.js";
import { checkSdp } from "../sdp.js";
import { sha256 } from "../sha256.js";
import { talking } from "./call.js";
import { isSame, toAll, toInstance } from "./context.js";
import { MAX_DEVICES } from "./outbox.js";
import { meaning } from "./talk.js";
import * as timers from "./timers.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Sender} Sender */
/** @typedef {import("../envelope.js").Envelope} Envelope */

/** Sends the invite once the engine is ready and signaling works. @param {Call} call @param {Context} cx */
export function tryInvite(call, cx) {
  const { phase } = call;
  if (phase.name !== "preparing" || !phase.ready || !cx.up) return;
  const { session, ready } = phase;
  const nonce = toHex(cx.config.random(16));
  const ring = Math.min(Math.max(cx.config.ringMs ?? timers.RING_DEFAULT, timers.RING_MIN), timers.RING_MAX);
  const invite = {
    seq: ++cx.seq,
    ...(ready.sdp !== null && { offer: ready.sdp }),
    candidates: ready.candidates,
    media: { audio: true, video: false },
    ...(call.display !== null && { display: call.display }),
    ...(call.context !== null && { context: call.context }),
    caps: [],
    order: call.order,
    commit: promise(nonce, ready.fingerprint),
  };
  call.outbox.post(cx, "invite", cx.envelope(call.id, toAll(call.peer), "invite", invite), ring);
  call.deliver(cx, "sending");
  const deadline = cx.now + ring + timers.RING_CALLER_EXTRA;
  call.phase = { name: "dialing", session, nonce, rang: new Set(), refusal: null, deadline };
}

/** A device of the callee rings. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onRinging(call, cx, { from, body }) {
  const { phase } = call;
  switch (phase.name) {
    case "dialing":
      if (!body.shown || phase.rang.size >= MAX_DEVICES) return;
      phase.rang.add(from.device);
      phase.refusal = null;
      call.outbox.slowDownInvite(cx.now);
      return call.deliver(cx, "ringing");
    case "connecting":
    case "connected":
    case "reconnecting": return tellLoser(call, cx, from.device);
    case "ended": return repeatEnding(call, cx, from.device);
    case "preparing":
    case "ringing":
    case "answering":
  }
}

/** A device of the callee accepted: the first one that we take wins. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onAnswer(call, cx, { from, body }) {
  const { phase } = call;
  switch (phase.name) {
    case "dialing": return takeAnswer(call, cx, phase, from, body);
    case "connecting":
    case "connected":
    case "reconnecting":
      if (isSame(phase.peer, from)) call.outbox.repeat(cx, "settled");
      else tellLoser(call, cx, from.device);
      return;
    case "ended": return repeatEnding(call, cx, from.device);
    case "preparing":
    case "ringing":
    case "answering":
  }
}

/** @param {Call} call @param {Context} cx @param {import("./call.js").Dialing} phase @param {Sender} from @param {any} answer */
function takeAnswer(call, cx, { session, nonce, rang }, from, answer) {
  const sdp = fitting(call, answer);
  if (sdp === undefined) return;
  call.outbox.remove("invite");
  const share = toHex(cx.config.random(16));
  const won = cx.envelope(call.id, toInstance(from), "settled", { winner: from.device, nonce, share });
  call.outbox.post(cx, "settled", won, timers.MESSAGE_TTL);
  const lost = cx.envelope(call.id, toAll(call.peer), "settled", { winner: from.device });
  if (rang.delete(from.device) && rang.size === 0) {
    // Nobody else is known to ring. Whose `ringing` was lost says it again within 8 s, and is told then.
    call.outbox.keep(cx, "losers", lost, timers.ENDING_TTL);
  } else {
    call.outbox.post(cx, "losers", lost, timers.ENDING_TTL, rang);
  }
  const talk = { session, peer: from, commit: null, nonce: null };
  call.phase = talking("connecting", talk, cx.now + timers.CONNECT);
  session.handleAnswered(sdp, answer.fingerprint, answer.candidates);
  session.setQuiet(call.isQuiet);
  call.tellMedia(cx, from);
}

/**
 * What the engine is to take of an answer that brings what the order of the call demands, under the certificate that
 * it names. Undefined: it does not fit.
 * @param {Call} call @param {any} answer
 * @returns {string | null | undefined}
 */
function fitting(call, { answer, fingerprint }) {
  if (call.order === "after_accept") return answer === undefined ? null : undefined;
  const facts = answer === undefined ? null : checkSdp(answer);
  return facts?.fingerprint === fingerprint ? facts?.clean : undefined;
}

/** A device declined: that counts for all of them, unless one has answered. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onDecline(call, cx, { from, id }) {
  const { phase } = call;
  if (phase.name === "preparing" || phase.name === "ringing" || phase.name === "answering") return;
  cx.ack(call.id, from, id);
  if (phase.name === "dialing") call.end(cx, "declined", "remote");
  else if (phase.name !== "ended") tellLoser(call, cx, from.device);
}

/** A device of the callee is in another call. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onBusy(call, cx, { from, id }) {
  const { phase } = call;
  if (phase.name === "preparing" || phase.name === "ringing" || phase.name === "answering") return;
  cx.ack(call.id, from, id);
  refuse(call, cx, "busy");
}

/** A device does not understand the invite: counts for that device, like `busy`. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onError(call, cx, { body }) {
  if (!call.outbox.isInvite(body.of)) return;
  refuse(call, cx, body.code === "unsupported_codec" ? "unsupported.codec" : "unsupported.version");
}

/** A callee device gave up before we took its answer: pressed hang-up, or failed. @param {Call} call @param {Context} cx @param {string} reason */
export function onEarlyHangup(call, cx, reason) {
  const code = meaning(reason);
  const failed = code.startsWith("connect_failed.") ? code : "connect_failed.timeout";
  call.end(cx, code === "hung_up" ? "declined" : failed, "remote");
}

/** One device cannot take the call; if nothing rings soon, that is the answer. `busy` outweighs the rest. @param {Call} call @param {Context} cx @param {string} code */
function refuse(call, cx, code) {
  const { phase } = call;
  if (phase.name !== "dialing" || phase.rang.size > 0) return;
  if (phase.refusal === null) phase.refusal = { at: cx.now + timers.REFUSAL, code };
  else if (code === "busy") phase.refusal.code = code;
}

/** Names the winner to a device that did not win. @param {Call} call @param {Context} cx @param {string} device */
function tellLoser(call, cx, device) {
  if (call.other && call.other.device !== device) call.outbox.repeatTo(cx, "losers", device);
}

/** Replies to a late `ringing` or `answer` with how the call ended, for that device. @param {Call} call @param {Context} cx @param {string} device */
function repeatEnding(call, cx, device) {
  if (call.direction === "incoming") return;
  const lost = call.other !== null && call.other.device !== device;
  call.outbox.repeatTo(cx, lost ? "losers" : "ending", device);
}

/**
 * `SHA-256(nonce, fingerprint)`: what the caller promises before it knows the callee's half of the safety code.
 * @param {string} nonce @param {string} fingerprint
 */
export function promise(nonce, fingerprint) {
  return toHex(sha256(fromHex(nonce + fingerprint)));
}

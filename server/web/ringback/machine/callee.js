// @ts-check
/**
 * The callee's side: a call that rings, is accepted, is decided elsewhere.
 */

import { toHex } from "../ids.js";
import { checkSdp } from "../sdp.js";
import { promise } from "./caller.js";
import { talking } from "./call.js";
import { isSame, isSameDevice, toInstance } from "./context.js";
import { takeList } from "./candidates.js";
import { Session } from "./session.js";
import * as timers from "./timers.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("./context.js").Sender} Sender */
/** @typedef {import("../envelope.js").Envelope} Envelope */

/** Begins to ring, and says so. @param {Call} call @param {Context} cx @param {Sender} from @param {any} invite @param {number} deadline @param {any} later */
export function ring(call, cx, from, invite, deadline, later) {
  call.display = invite.display ?? null;
  call.context = invite.context ?? null;
  const { verified, display, context } = call;
  cx.event(call.id, { type: "incoming", from: from.user, verified, display, context });
  sayRinging(call, cx, from);
  call.phase = { name: "ringing", invite, from, later, deadline, again: cx.now + timers.RINGING_AGAIN };
}

/** Tells the caller that this device rings. @param {Call} call @param {Context} cx @param {Sender} from */
export function sayRinging(call, cx, from) {
  cx.sendOnce(call.id, toInstance(from), "ringing", { shown: true });
}

/** The user accepts. Only now is there a connection: no address of ours leaves before. @param {Call} call @param {Context} cx */
export function accept(call, cx) {
  if (call.phase.name !== "ringing") return;
  const { invite, from, later } = call.phase;
  const session = new Session(cx, call.id, "callee", invite.offer !== undefined);
  // The invite was checked when it came.
  session.begin(invite.offer === undefined ? null : checkSdp(invite.offer), invite.candidates);
  if (later) takeList(session, later);
  session.setQuiet(call.isQuiet);
  const talk = { session, peer: from, commit: invite.commit, nonce: null };
  call.phase = { name: "answering", heard: false, deadline: cx.now + timers.CONNECT, ...talk };
}

/** The engine answered: so do we. @param {Call} call @param {Context} cx @param {import("./call.js").Answering} phase @param {import("./call.js").Ready} ready */
export function sendAnswer(call, cx, { session, peer }, { sdp, candidates, fingerprint }) {
  const body = {
    ...(sdp !== null && { answer: sdp }),
    candidates,
    fingerprint,
    nonce: toHex(cx.config.random(16)),
    share: toHex(cx.config.random(16)),
  };
  call.outbox.post(cx, "answer", cx.envelope(call.id, toInstance(peer), "answer", body), timers.MESSAGE_TTL);
  session.stage = "open";
  call.tellMedia(cx, peer);
}

/** The invite again: its proof is sent again. Nothing in it replaces a live call. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onInviteAgain(call, cx, { from }) {
  const { phase } = call;
  switch (phase.name) {
    case "ringing":
      if (isSame(phase.from, from)) sayRinging(call, cx, from);
      return;
    case "answering":
      if (isSame(phase.peer, from) && !call.outbox.repeat(cx, "answer")) sayRinging(call, cx, from);
      return;
    case "ended":
      if (call.direction === "incoming" && isSameDevice(phase.peer, from)) call.outbox.repeat(cx, "ending");
      return;
    case "preparing":
    case "dialing":
    case "connecting":
    case "connected":
    case "reconnecting":
  }
}

/** The caller named the device that won. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onSettled(call, cx, { from, id, body }) {
  const { phase } = call;
  const won = body.winner === cx.config.device;
  switch (phase.name) {
    case "ringing":
      if (won || !isSameDevice(phase.from, from)) return;
      cx.ack(call.id, from, id);
      return call.endQuietly(cx, "elsewhere.answered");
    case "answering":
      if (!won && isSameDevice(phase.peer, from)) {
        cx.ack(call.id, from, id);
        return call.endQuietly(cx, "elsewhere.answered");
      }
      if (!won || !isSame(phase.peer, from)) return;
      takeSettled(call, body);
      call.phase = talking("connecting", phase, phase.deadline);
      return checkPromise(call, cx);
    case "connecting":
    case "connected":
    case "reconnecting":
      if (!won || !isSame(phase.peer, from)) return;
      takeSettled(call, body);
      return checkPromise(call, cx);
    case "ended":
      if (!won) cx.ack(call.id, from, id);
      else if (call.direction === "incoming") call.outbox.repeat(cx, "ending");
      return;
    case "preparing":
    case "dialing":
  }
}

/** The secrets of the caller have come: the answer is proved. @param {Call} call @param {any} settled */
function takeSettled(call, { nonce, share }) {
  const { talk } = call;
  if (!talk || talk.commit === null || nonce === undefined || share === undefined) return;
  talk.nonce ??= nonce;
  call.outbox.remove("answer");
}

/** Opens the caller's promise once all parts are here; a false one ends the call: somebody is in between. @param {Call} call @param {Context} cx */
export function checkPromise(call, cx) {
  const { talk } = call;
  const fingerprint = talk?.session.remoteFingerprint ?? null;
  if (!talk || talk.commit === null || talk.nonce === null || fingerprint === null) return;
  if (promise(talk.nonce, fingerprint) !== talk.commit) call.end(cx, "connect_failed.dtls", "system");
}

/** The caller's side ended the call before it was answered, or never will take the answer. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onCancel(call, cx, { from, id, body }) {
  const { phase } = call;
  switch (phase.name) {
    case "ringing":
    case "answering":
    case "connecting": {
      // A restarted caller says `gone` for the process before it.
      const { other } = call;
      const bound = isSame(other, from) || (body.reason === "gone" && isSameDevice(other, from));
      if (!bound || call.direction === "outgoing") return;
      cx.ack(call.id, from, id);
      return call.endQuietly(cx, cancelled(body));
    }
    case "connected":
    case "reconnecting":
      // Media decides that an answered call lives.
      if (isSame(phase.peer, from)) cx.ack(call.id, from, id);
      return;
    case "ended": return cx.ack(call.id, from, id);
    case "preparing":
    case "dialing":
  }
}

/** What a `cancel` means for a device of the callee. @param {{reason: string, by?: string}} cancel */
function cancelled({ reason, by }) {
  switch (reason) {
    case "timeout":
    case "busy": return "missed";
    case "declined": return "elsewhere.declined";
    case "glare": return by === undefined ? "cancelled" : `replaced.${by}`;
    default: return "cancelled";
  }
}

// @ts-check
/**
 * An answered call: negotiation, candidates, what the peer sends, the app's bytes, the hang-up; and what the app asks
 * of one call. From here on only the exact other end is heard: user, device and instance.
 */

import { isKnown, legible } from "../endings.js";
import { MESSAGE_BYTES } from "../limits.js";
import { onEarlyHangup } from "./caller.js";
import { takeList } from "./candidates.js";
import { isSame, toInstance } from "./context.js";
import { MESSAGE_TTL } from "./timers.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../envelope.js").Envelope} Envelope */

/** A list of the peer's candidates. One addressed to all devices is not acknowledged. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onCandidates(call, cx, { from, id, to, body }) {
  if (!isSame(call.other, from)) return;
  const { phase } = call;
  let taken = false;
  if (phase.name === "ringing") {
    if (!phase.later || phase.later.candidates.length <= body.candidates.length) phase.later = body;
    taken = true;
  } else if (call.talk) {
    if (to.device !== null) noteHeard(call);
    taken = takeList(call.talk.session, body);
  }
  if (taken && to.device !== null) cx.ack(call.id, from, id);
}

/** A step of media negotiation. @param {Call} call @param {Context} _cx @param {Envelope} envelope */
export function onNegotiate(call, _cx, { from, body }) {
  if (!isSame(call.other, from)) return;
  noteHeard(call);
  call.talk?.session.handleNegotiate(body);
}

/** What the peer sends changed; the last revision wins. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onMediaState(call, cx, { from, id, body }) {
  if (!isSame(call.other, from) || !call.talk) return;
  noteHeard(call);
  cx.ack(call.id, from, id);
  if (body.revision <= call.peerMedia.revision) return;
  call.peerMedia = body;
  const { muted, held, recording } = body;
  cx.event(call.id, { type: "peer_media", muted, held, recording });
  call.talk.session.setQuiet(call.isQuiet);
}

/** The microphone could not be opened, or is gone for good. Before the answer is settled nobody needs it. @param {Call} call @param {Context} cx @param {string} why */
export function captureFailed(call, cx, why) {
  const { name } = call.phase;
  if (name === "connecting" || name === "connected" || name === "reconnecting") call.end(cx, why, "system");
}

/** The app's bytes, applied once. Before the call is settled the sender has to repeat them. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onAppMessage(call, cx, { from, id, body }) {
  if (!isSame(call.other, from) || !isSettled(call)) return;
  cx.ack(call.id, from, id);
  if (call.seen.includes(id)) return;
  call.seen = [...call.seen.slice(1 - SEEN), id];
  cx.event(call.id, { type: "message", data: body.data });
}

/** The other side hung up. @param {Call} call @param {Context} cx @param {Envelope} envelope */
export function onHangup(call, cx, { from, id, body }) {
  const { phase } = call;
  if (phase.name === "preparing" || phase.name === "ringing") return;
  cx.ack(call.id, from, id);
  if (phase.name === "dialing") return onEarlyHangup(call, cx, body.reason);
  if (!call.talk || !isSame(call.talk.peer, from)) return;
  const code = meaning(body.reason);
  // The other side's clock was first: our engine may know better why nothing connected.
  const explained = code === "connect_failed.timeout" ? call.talk.session.explanation : code;
  call.endQuietly(cx, explained);
}

/** @param {Call} call @param {Context} _cx @param {Envelope} envelope */
export function onAck(call, _cx, { from, body }) {
  call.outbox.prove(body.of, from);
}

/** The microphone, or silence; hold silences both ways. @param {Call} call @param {Context} cx @param {{muted?: boolean, held?: boolean}} wish */
export function setMedia(call, cx, { muted = call.muted, held = call.held }) {
  if (call.phase.name === "ended" || (call.muted === muted && call.held === held)) return;
  call.muted = muted;
  call.held = held;
  call.revision += 1;
  if (!call.talk) return;
  call.talk.session.setQuiet(call.isQuiet);
  call.tellMedia(cx, call.talk.peer);
}

/** The app's bytes for the peer. Says whether they are on their way. @param {Call} call @param {Context} cx @param {Uint8Array} data */
export function sendMessage(call, cx, data) {
  const fits = data.length <= MESSAGE_BYTES && call.outbox.messages < BACKLOG;
  if (!fits || !call.talk || !isSettled(call)) return false;
  const envelope = cx.envelope(call.id, toInstance(call.talk.peer), "message", { data });
  call.outbox.post(cx, "message", envelope, MESSAGE_TTL);
  return true;
}

/** The user hangs up, whatever the phase. Never waits. @param {Call} call @param {Context} cx */
export function hangUp(call, cx) {
  switch (call.phase.name) {
    case "preparing":
    case "dialing": return call.end(cx, "cancelled", "local");
    case "ringing": return call.end(cx, "declined", "local");
    case "answering":
    case "connecting":
    case "connected":
    case "reconnecting": return call.end(cx, "hung_up", "local");
    case "ended":
  }
}

/** The page goes away. What merely rings here goes on ringing on the user's other devices. @param {Call} call @param {Context} cx */
export function close(call, cx) {
  if (call.phase.name === "ringing") call.end(cx, "missed", "local");
  else hangUp(call, cx);
}

/**
 * What a `hangup` with this code means for the one who receives it: only reasons that end an answered call from the
 * other side are taken at their word.
 * @param {string} reason
 */
export function meaning(reason) {
  const code = legible(reason);
  return !isKnown(code) || TAKEN.test(code) ? code : "hung_up";
}

/** @param {Call} call */
function isSettled(call) {
  return call.talk !== null && call.phase.name !== "answering";
}

/** The caller sent what only the winner gets. @param {Call} call */
function noteHeard(call) {
  if (call.phase.name === "answering") call.phase.heard = true;
}

const TAKEN = /^(hung_up|connect_failed\..*|connection_lost|microphone\..*|resumed|unsupported\..*|internal)$/;
/** App messages remembered against duplicates, and those of one call that may wait for their proof. */
const SEEN = 256;
const BACKLOG = 64;

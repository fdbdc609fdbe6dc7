// @ts-check
/**
 * What a call does with a message, by the kind of the message.
 */

import * as callee from "./callee.js";
import * as caller from "./caller.js";
import * as talk from "./talk.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../envelope.js").Envelope} Envelope */

/** @type {Record<import("../envelope.js").Kind, (call: Call, cx: Context, envelope: Envelope) => void>} */
export const RECEIVERS = {
  invite: callee.onInviteAgain,
  ringing: caller.onRinging,
  answer: caller.onAnswer,
  settled: callee.onSettled,
  decline: caller.onDecline,
  busy: caller.onBusy,
  cancel: callee.onCancel,
  candidates: talk.onCandidates,
  negotiate: talk.onNegotiate,
  media: talk.onMediaState,
  message: talk.onAppMessage,
  hangup: talk.onHangup,
  ack: talk.onAck,
  error: caller.onError,
};

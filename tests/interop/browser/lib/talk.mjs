// What two phones of any kind do together.

import { truth } from "./checks.mjs";
import { until } from "./wait.mjs";

/** `caller` calls `callee`, which answers by itself. Both are active afterwards; `marks` are those of before. */
export async function connect(caller, callee, marks = [0, 0]) {
  await dial(caller, callee.user);
  await Promise.all([active(caller, marks[0]), active(callee, marks[1])]);
}

/** `caller` calls `user`. */
export function dial(caller, user) {
  return caller.call ? caller.call(user) : caller.tell(`call ${user}`);
}

export function active(phone, from = 0) {
  return phone.event("state", { state: "active" }, { from });
}

/** How many events a phone has told. */
export function mark(phone) {
  return phone.page ? phone.mark() : phone.events.length;
}

export function rings(phone) {
  return phone.event("incoming");
}

/** Hangs up, declines, answers, mutes: the same words for both kinds of phone. */
export function press(phone, button) {
  const [verb, ...args] = phone.page ? BROWSER[button] : NATIVE[button];
  return phone.tell(verb, ...args);
}

/** Waits until `phone` hears a steady tone of `hz`, neither faint nor distorted. */
export async function hears(phone, hz) {
  let last = null;
  const right = async () => {
    last = await phone.heard();
    return last && Math.abs(last.frequency_hz - hz) <= 15 && last.level_dbfs > -35 && last.level_dbfs < -8;
  };
  await until(`${phone.user} hears ${hz} Hz`, right).catch((error) => {
    throw new Error(`${error.message}; it heard ${JSON.stringify(last)}`);
  });
}

/** Waits until `phone` hears nothing at all. */
export async function hearsNothing(phone) {
  let last = null;
  const silent = async () => {
    last = await phone.heard();
    return !last || !(last.level_dbfs > SILENCE_DBFS);
  };
  await until(`${phone.user} hears silence`, silent).catch((error) => {
    throw new Error(`${error.message}; it heard ${JSON.stringify(last)}`);
  });
}

/** Fails unless both ended with these codes, the first by its own user. */
export async function bothEnded([one, oneCode], [other, otherCode = oneCode], byOne = "local") {
  const [a, b] = await Promise.all([one.ended(), other.ended()]);
  truth(a.code === oneCode && a.by === byOne, `${one.user} ended ${JSON.stringify(a)}, not ${oneCode} by ${byOne}`);
  truth(b.code === otherCode, `${other.user} ended ${JSON.stringify(b)}, not ${otherCode}`);
}

const BROWSER = {
  answer: ["answer"],
  decline: ["decline"],
  hangUp: ["hangUp"],
  mute: ["setMuted", true],
  unmute: ["setMuted", false],
};
const NATIVE = {
  answer: ["answer"],
  decline: ["decline"],
  hangUp: ["hangup"],
  mute: ["mute"],
  unmute: ["unmute"],
};
/** A decoder's silence is exact or near; the faintest tone here is 30 dB louder. */
const SILENCE_DBFS = -65;

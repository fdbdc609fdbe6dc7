// @ts-check
/**
 * How many ended calls are remembered: an ended call stays for 120 s, absorbs late messages and repeats its ending. A
 * flood must not fill the memory, so the oldest leave early, first those whose ending is acknowledged.
 */

/** @typedef {import("./call.js").Call} Call */

/** @param {Map<string, Call>} calls @param {string} peer of the call that just ended */
export function boundTombstones(calls, peer) {
  evict(calls, TOMBSTONES_PER_PEER, (call) => call.peer === peer);
  evict(calls, TOMBSTONES, () => true);
}

/** @param {Map<string, Call>} calls @param {number} most @param {(call: Call) => boolean} of */
function evict(calls, most, of) {
  const ended = [...calls.values()].filter((call) => call.phase.name === "ended" && of(call));
  if (ended.length <= most) return;
  ended.sort((a, b) => Number(b.outbox.isQuiet) - Number(a.outbox.isQuiet) || since(a) - since(b));
  for (const { id } of ended.slice(0, ended.length - most)) calls.delete(id);
}

/** @param {Call} call */
function since({ phase }) {
  return phase.name === "ended" ? phase.since : Infinity;
}

const TOMBSTONES = 256;
const TOMBSTONES_PER_PEER = 16;

// @ts-check
/**
 * Candidates of a session: ours leave as complete lists in batches, the peer's wait for their description.
 *
 * A generation is the round whose description carries the ICE credentials that candidates belong to.
 */

import { checkCandidate } from "../candidate.js";
import { CANDIDATES } from "../limits.js";
import { BATCH } from "./timers.js";

/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("../envelope.js").WireCandidate} WireCandidate */
/** @typedef {{conn: number, generation: number, candidates: WireCandidate[]}} PeerList */

/**
 * Takes a list of the peer. Says whether it is to be acknowledged: one that finds no place comes again.
 * @param {Session} session @param {PeerList} list
 */
export function takeList(session, list) {
  const { wire, remoteGeneration } = session.conn;
  const order = list.conn - wire || list.generation - remoteGeneration;
  if (order === 0) addCandidates(session, list.candidates);
  return order <= 0 || keepEarly(session, list);
}

/** Keeps a list whose description is not here yet. @param {Session} session @param {PeerList} list */
export function keepEarly(session, { conn, generation, candidates }) {
  const others = session.early.filter((list) => list.conn !== conn || list.generation !== generation);
  const room = others.length < EARLY_LISTS;
  if (room) session.early = [...others, { conn, generation, candidates }];
  return room;
}

/** The peer's description of this round was given to the engine. @param {Session} session @param {number} round */
export function beginRemoteGeneration(session, round) {
  const { conn, early } = session;
  if (conn.remoteGeneration !== round) {
    conn.remoteGeneration = round;
    conn.added.clear();
  }
  session.early = early.filter((list) => (list.conn - conn.wire || list.generation - round) > 0);
  const list = early.find((one) => one.conn === conn.wire && one.generation === round);
  addCandidates(session, list?.candidates ?? []);
}

/** From now on our candidates belong to this round. @param {Session} session @param {number} round */
export function beginGeneration({ conn }, round) {
  if (conn.generation !== round) Object.assign(conn, { generation: round, local: [], localEnd: false, batch: Infinity });
}

/** Gives the engine those that it does not have and that the allow-list lets through. @param {Session} session @param {WireCandidate[]} list */
export function addCandidates(session, list) {
  const { added } = session.conn;
  const fresh = [];
  for (const { candidate, mid } of list) {
    const facts = checkCandidate(candidate, session.cx.config);
    if (!facts || added.size >= CANDIDATES || facts.transport === "tcp" || added.has(facts.clean)) continue;
    added.add(facts.clean);
    fresh.push({ candidate: facts.clean, mid });
  }
  if (fresh.length > 0) session.tell({ type: "addCandidates", candidates: fresh });
}

/** The engine found one of ours. @param {Session} session @param {WireCandidate} found */
export function onLocalCandidate({ conn, cx }, { candidate, mid }) {
  const known = conn.local.some((other) => other.candidate === candidate);
  if (known || conn.local.length >= CANDIDATES) return;
  conn.local.push({ candidate, mid });
  conn.batch = Math.min(conn.batch, cx.now + BATCH);
}

/** Sends the complete list of the current generation, if there is anything in it. @param {Session} session */
export function sendCandidates({ conn, steps }) {
  conn.batch = Infinity;
  if (conn.local.length === 0) return;
  const { wire, generation, local, localEnd } = conn;
  steps.push({ type: "candidates", list: { conn: wire, generation, candidates: [...local], end: localEnd } });
}

/** Lists ahead of their description: more than the generations a peer may begin in 10 s have no use. */
const EARLY_LISTS = 4;

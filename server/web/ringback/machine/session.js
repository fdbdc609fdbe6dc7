// @ts-check
/**
 * Media negotiation of one call: connections, rounds, candidates.
 *
 * The call feeds it and drains {@link Step}s; a session never sends and never ends a call by itself.
 *
 * ```text
 *  caller:  open, createOffer --offerReady--> offered --answer--> takeAnswer ... restart: createOffer(round + 1)
 *  callee:  open, takeOffer   --answerReady-> answered <--offer-- (a new round, or a new connection)
 * ```
 *
 * - The caller owns offers and rounds; the callee asks by `wanted` and `rebuild`. One offer is outstanding at most, a
 *   newer round replaces it, and an answer to another round is discarded.
 * - Round 1 of connection 1 travels in `invite` and `answer` (`offer_first`), or as `negotiate` (`after_accept`).
 * - Candidates go out as complete lists, 50 ms after the first new one or when gathering is done. A generation is the
 *   round whose description carries the ICE credentials; lists of a generation that is not here yet wait.
 * - The first fingerprint is pinned, a description with another is refused.
 *
 * What to do when media does not come is in `ladder.js`.
 */

import { checkSdp } from "../sdp.js";
import {
  addCandidates, beginGeneration, beginRemoteGeneration, keepEarly, onLocalCandidate, sendCandidates,
} from "./candidates.js";
import { Ladder } from "./ladder.js";
import { MISSING, MISSING_QUIET, PEER_CLOSED_WAIT } from "./timers.js";

/** @typedef {import("./context.js").Context} Context */
/** @typedef {import("../envelope.js").WireCandidate} WireCandidate */
/**
 * What a connection is told. Commands of one connection run in order; `close` is final.
 * @typedef {{type: "open", call: string, relayOnly: boolean}
 *   | {type: "createOffer", round: number, iceRestart: boolean}
 *   | {type: "takeOffer" | "takeAnswer", round: number, sdp: string}
 *   | {type: "addCandidates", candidates: WireCandidate[]}
 *   | {type: "expectMedia", within: number}
 *   | {type: "close"}} MediaCommand
 */
/**
 * What a connection reports. `opened` comes first; `arrived` is the first RTP packet, `missing` and `back` as
 * `expectMedia` said.
 * @typedef {{type: "opened", fingerprint: string}
 *   | {type: "offerReady" | "answerReady", round: number, sdp: string}
 *   | {type: "candidate", candidate: string, mid: string}
 *   | {type: "path", state: "connected" | "disconnected" | "failed", why?: string}
 *   | {type: "failed", why: "description" | "dtls" | "engine"}
 *   | {type: "gatheringDone" | "peerClosed"}
 *   | {type: "secured" | "arrived" | "missing" | "back"}} MediaEvent
 */
/**
 * What a session wants done.
 * @typedef {{type: "media", conn: number, command: MediaCommand}
 *   | {type: "ready", sdp: string | null, candidates: WireCandidate[], fingerprint: string}
 *   | {type: "candidates", list: {conn: number, generation: number, candidates: WireCandidate[], end: boolean}}
 *   | {type: "negotiate", body: {conn: number, round: number, what: string, sdp?: string, ice_restart: boolean}}
 *   | {type: "broken", why: "description" | "dtls" | "engine"}
 *   | {type: "offerProved" | "wishProved" | "repeatAnswer" | "repeatOffer" | "up" | "missing" | "peerGone"}} Step
 */

/** One connection. @param {number} id @param {number} wire its number on the wire: 1, one more for each rebuild */
function newConn(id, wire) {
  return {
    id,
    wire,
    round: 0,
    /** @type {"idle" | "creating" | "offered" | "taking" | "answered"} */
    exchange: "idle",
    iceRestart: false,
    /** The round whose description carries our ICE credentials. */
    generation: 1,
    /** @type {WireCandidate[]} */
    local: [],
    localEnd: false,
    /** When the unsent ones leave. */
    batch: Infinity,
    /** The round whose description carries the peer's; 0: none was taken. */
    remoteGeneration: 0,
    /** The peer's candidates that the engine has. @type {Set<string>} */
    added: new Set(),
    pathUp: false,
    secured: false,
    arrived: false,
  };
}

export class Session {
  /** @type {Step[]} */
  steps = [];
  /** How far the first description is: being made; none to travel; handed out; the other side is known.
   * @type {"first" | "bare" | "described" | "open"} */
  stage;
  /** @type {number | null} the connection that a rebuild replaces */
  retiring = null;
  /** @type {string | null} */
  remoteFingerprint = null;
  /** The peer's lists that came before their description.
   * @type {{conn: number, generation: number, candidates: WireCandidate[]}[]} */
  early = [];
  ladder = new Ladder();
  /** Media was up once: from now on its absence is `missing`. */
  wasUp = false;
  missing = false;
  /** The peer or we are silent on purpose. */
  quiet = false;
  peerClosed = Infinity;
  /** The engine's best explanation for what does not work. @type {string | null} */
  why = null;

  /** @param {Context} cx @param {string} call @param {"caller" | "callee"} side @param {boolean} offerFirst */
  constructor(cx, call, side, offerFirst) {
    this.cx = cx;
    this.call = call;
    this.side = side;
    this.stage = offerFirst ? "first" : "bare";
    this.conn = newConn(++cx.conns, 1);
    this.tell({ type: "open", call, relayOnly: cx.config.relayOnly ?? false });
    if (side === "caller" && offerFirst) this.createOffer(false);
  }

  /** @param {number} conn */
  owns(conn) {
    return this.conn.id === conn || this.retiring === conn;
  }

  /** What to say when the call ends without media. */
  get explanation() {
    const noKeys = this.conn.pathUp && !this.conn.secured;
    return this.why ?? (noKeys ? "connect_failed.dtls" : "connect_failed.timeout");
  }

  /**
   * The callee takes the caller's first offer, which has passed the allow-list.
   * @param {{clean: string, fingerprint: string} | null} offer @param {WireCandidate[]} candidates
   */
  begin(offer, candidates) {
    if (offer) {
      this.remoteFingerprint = offer.fingerprint;
      this.takeOffer(1, offer.clean, true);
      addCandidates(this, candidates);
    } else {
      keepEarly(this, { conn: 1, generation: 1, candidates });
    }
  }

  /** The caller took an answer. @param {string | null} sdp @param {string} fingerprint @param {WireCandidate[]} candidates */
  handleAnswered(sdp, fingerprint, candidates) {
    this.remoteFingerprint = fingerprint;
    this.stage = "open";
    if (sdp === null) return this.createOffer(false);
    this.takeAnswer(sdp);
    addCandidates(this, candidates);
    sendCandidates(this);
  }

  /** @param {boolean} quiet */
  setQuiet(quiet) {
    if (this.quiet === quiet) return;
    this.quiet = quiet;
    if (this.conn.arrived) this.expectMedia();
  }

  /** Takes an event of the engine; those of a connection that retires mean nothing. @param {number} conn @param {MediaEvent} event */
  handleEvent(conn, event) {
    if (conn !== this.conn.id) return;
    switch (event.type) {
      case "opened": return this.onOpened(event.fingerprint);
      case "offerReady": return this.onOfferReady(event.round, event.sdp);
      case "answerReady": return this.onAnswerReady(event.round, event.sdp);
      case "candidate": return onLocalCandidate(this, event);
      case "gatheringDone":
        this.conn.localEnd = true;
        if (this.conn.batch !== Infinity) this.conn.batch = 0;
        return;
      case "peerClosed":
        if (this.retiring === null) this.peerClosed = Math.min(this.peerClosed, this.cx.now + PEER_CLOSED_WAIT);
        return;
      case "path":
      case "secured":
      case "arrived":
      case "missing":
      case "back":
      case "failed":
        return this.ladder.handleEvent(this, event);
    }
  }

  handleNetworkChange() {
    this.ladder.wantRestart(this);
  }

  get deadline() {
    const { exchange, batch } = this.conn;
    // Candidates of a description that is being made leave with it.
    const due = exchange === "creating" || exchange === "taking" ? Infinity : batch;
    return Math.min(due, this.peerClosed, this.ladder.deadline);
  }

  handleTimeout() {
    const { now } = this.cx;
    const { exchange, batch } = this.conn;
    if (batch <= now && exchange !== "creating" && exchange !== "taking") sendCandidates(this);
    if (this.peerClosed <= now) {
      this.peerClosed = Infinity;
      this.steps.push({ type: "peerGone" });
    }
    this.ladder.climb(this);
  }

  /** Closes every connection. */
  close() {
    this.steps = [];
    this.tell({ type: "close" });
    this.retire();
  }

  /**
   * Takes a `negotiate` of the peer. What makes no sense is dropped: whoever needs a reply sends again.
   * @param {{conn: number, round: number, what: string, sdp?: string, ice_restart: boolean}} body
   */
  handleNegotiate({ conn, round, what, sdp, ice_restart }) {
    if (this.side === "caller") {
      if (what === "answer" && sdp) this.onPeerAnswer(conn, round, sdp);
      if (what === "wanted" || what === "rebuild") this.onWish(conn, round, what === "rebuild");
    } else if (what === "offer" && sdp) {
      this.onPeerOffer(conn, round, sdp, ice_restart);
    }
  }

  /** Asks the engine for the offer of the next round. It replaces the one that is outstanding. @param {boolean} iceRestart */
  createOffer(iceRestart) {
    const { conn } = this;
    conn.round += 1;
    conn.exchange = "creating";
    conn.iceRestart = iceRestart;
    if (iceRestart) beginGeneration(this, conn.round);
    this.tell({ type: "createOffer", round: conn.round, iceRestart });
  }

  /** Sends a `negotiate` for the current connection and round. @param {string} what @param {string | null} sdp @param {boolean} ice_restart */
  negotiate(what, sdp, ice_restart) {
    const { wire: conn, round } = this.conn;
    this.steps.push({ type: "negotiate", body: { conn, round, what, ...(sdp !== null && { sdp }), ice_restart } });
  }

  /** Another connection takes over; the one before retires. @param {number} wire */
  replaceConn(wire) {
    this.retire();
    this.retiring = this.conn.id;
    this.conn = newConn(++this.cx.conns, wire);
    this.peerClosed = Infinity;
    this.tell({ type: "open", call: this.call, relayOnly: this.cx.config.relayOnly ?? false });
    this.ladder.loseMedia(this);
  }

  expectMedia() {
    this.tell({ type: "expectMedia", within: this.quiet ? MISSING_QUIET : MISSING });
  }

  /** @param {MediaCommand} command */
  tell(command) {
    this.steps.push({ type: "media", conn: this.conn.id, command });
  }

  retire() {
    if (this.retiring !== null) this.steps.push({ type: "media", conn: this.retiring, command: { type: "close" } });
    this.retiring = null;
  }

  /** @param {string} fingerprint */
  onOpened(fingerprint) {
    if (this.stage !== "bare") return;
    this.stage = "described";
    this.steps.push({ type: "ready", sdp: null, candidates: [], fingerprint });
  }

  /** @param {number} round @param {string} sdp */
  onOfferReady(round, sdp) {
    if (this.conn.exchange !== "creating" || round !== this.conn.round) return;
    this.conn.exchange = "offered";
    this.describe("offer", sdp);
  }

  /** @param {number} round @param {string} sdp */
  onAnswerReady(round, sdp) {
    if (this.conn.exchange !== "taking" || round !== this.conn.round) return;
    this.conn.exchange = "answered";
    this.describe("answer", sdp);
    this.ladder.startRung(this);
  }

  /** Our description travels in `invite` or `answer` the first time, else as `negotiate`. @param {string} what @param {string} sdp */
  describe(what, sdp) {
    if (this.stage !== "first") {
      this.negotiate(what, sdp, this.conn.iceRestart);
      if (this.conn.batch !== Infinity) sendCandidates(this);
      return;
    }
    const facts = checkSdp(sdp);
    if (!facts) {
      this.steps.push({ type: "broken", why: "engine" });
      return;
    }
    this.stage = "described";
    this.conn.batch = Infinity;
    const candidates = [...this.conn.local];
    this.steps.push({ type: "ready", sdp, candidates, fingerprint: facts.fingerprint });
  }

  /** @param {number} round @param {string} sdp @param {boolean} iceRestart */
  takeOffer(round, sdp, iceRestart) {
    this.conn.round = round;
    this.conn.exchange = "taking";
    this.conn.iceRestart = iceRestart;
    this.tell({ type: "takeOffer", round, sdp });
    if (!iceRestart) return;
    beginGeneration(this, round);
    beginRemoteGeneration(this, round);
  }

  /** @param {string} sdp */
  takeAnswer(sdp) {
    const { conn } = this;
    if (conn.exchange !== "offered") return;
    conn.exchange = "idle";
    this.tell({ type: "takeAnswer", round: conn.round, sdp });
    if (conn.round === 1 || conn.iceRestart) beginRemoteGeneration(this, conn.round);
    this.retire();
    this.ladder.startRung(this);
  }

  /** @param {number} conn @param {number} round @param {string} text */
  onPeerAnswer(conn, round, text) {
    if (conn !== this.conn.wire || round !== this.conn.round || this.conn.exchange !== "offered") return;
    const sdp = this.trusted(text);
    if (sdp === null) return;
    this.steps.push({ type: "offerProved" });
    this.takeAnswer(sdp);
  }

  /** @param {number} conn @param {number} round @param {string} text @param {boolean} iceRestart */
  onPeerOffer(conn, round, text, iceRestart) {
    const order = conn - this.conn.wire || round - this.conn.round;
    if (order === 0 && this.conn.exchange === "answered") this.steps.push({ type: "repeatAnswer" });
    if (order <= 0) return;
    const sdp = this.trusted(text);
    if (sdp === null || !this.ladder.admitGeneration(this.cx.now)) return;
    if (this.stage === "described") this.stage = "open";
    this.steps.push({ type: "wishProved" });
    this.ladder.asked = false;
    this.peerClosed = Infinity;
    if (conn !== this.conn.wire) {
      this.replaceConn(conn);
      this.retire();
    }
    this.takeOffer(round, sdp, iceRestart || this.conn.remoteGeneration === 0);
  }

  /** The peer asks for an offer. One that is under way, or newer than the peer knows, is the reply. @param {number} conn @param {number} round @param {boolean} rebuild */
  onWish(conn, round, rebuild) {
    if (this.stage !== "open" || this.conn.exchange === "creating") return;
    if (this.conn.exchange === "offered") {
      this.steps.push({ type: "repeatOffer" });
    } else if (conn === this.conn.wire && round === this.conn.round) {
      this.ladder.schedule(this.cx.now, rebuild);
    }
  }

  /** What the allow-list leaves of a description under the certificate that this call began with. @param {string} text */
  trusted(text) {
    const facts = checkSdp(text);
    if (!facts) return null;
    this.remoteFingerprint ??= facts.fingerprint;
    return this.remoteFingerprint === facts.fingerprint ? facts.clean : null;
  }
}

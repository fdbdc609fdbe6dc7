// @ts-check
/**
 * The ladder: ICE restart, then a new connection.
 *
 * | event | the caller | the callee |
 * |---|---|---|
 * | path disconnected or failed, media missing, network changed | restarts ICE, at once or 1 s after the last | asks by `wanted` |
 * | no DTLS 7 s after the path, no media 7 s after a restart's answer | builds a new connection | asks by `rebuild` |
 * | no path 7 s after the first answer | restarts ICE | nothing: the caller does |
 * | the engine fails | builds a new connection | asks by `rebuild` |
 */

import { GENERATIONS, RESTART_APART, RUNG, WINDOW } from "./timers.js";

/** @typedef {import("./session.js").Session} Session */

export class Ladder {
  /** When the last generations began, ours at the caller, the peer's at the callee. @type {number[]} */
  begun = [];
  lastRestart = -Infinity;
  restart = Infinity;
  rebuild = false;
  /** When the rung that we stand on has failed. */
  rung = Infinity;
  /** The callee waits for an offer that it asked for. */
  asked = false;

  get deadline() {
    return Math.min(this.restart, this.rung);
  }

  /**
   * @param {Session} session
   * @param {Exclude<import("./session.js").MediaEvent, {type: "opened" | "offerReady" | "answerReady" | "candidate"
   *   | "gatheringDone" | "peerClosed"}>} event
   */
  handleEvent(session, event) {
    const { conn } = session;
    switch (event.type) {
      case "path": return this.onPath(session, event.state, event.why ?? null);
      case "failed": return this.onFailed(session, event.why);
      case "secured":
        conn.secured = true;
        if (!session.missing) this.rung = Infinity;
        return;
      case "arrived":
        if (conn.arrived) return;
        conn.arrived = conn.pathUp = conn.secured = true;
        this.recovered(session);
        session.expectMedia();
        session.steps.push({ type: "up" });
        return;
      case "missing":
        if (!conn.arrived) return;
        this.loseMedia(session);
        return this.wantRestart(session);
      case "back":
        if (!conn.arrived) return;
        this.recovered(session);
        session.steps.push({ type: "up" });
    }
  }

  /** A restart, unless the peer has hung up or is not known yet. @param {Session} session */
  wantRestart(session) {
    const known = session.stage === "open" && session.conn.remoteGeneration !== 0;
    if (known && session.peerClosed === Infinity && !this.asked) this.schedule(session.cx.now, false);
  }

  /** A restart or a new connection, as soon as the distance to the last one allows. @param {number} now @param {boolean} rebuild */
  schedule(now, rebuild) {
    this.rebuild ||= rebuild;
    if (this.restart !== Infinity) return;
    // One place less than the peer admits: its window starts later than ours.
    const recent = this.begun[this.begun.length - (GENERATIONS - 1)] ?? -Infinity;
    this.restart = Math.max(now, this.lastRestart + RESTART_APART, recent + WINDOW);
  }

  /** Whether the peer may begin another generation now. @param {number} now */
  admitGeneration(now) {
    this.begun = this.begun.filter((at) => now - at < WINDOW);
    const room = this.begun.length < GENERATIONS;
    if (room) this.begun.push(now);
    return room;
  }

  /** Media that was up is gone. @param {Session} session */
  loseMedia(session) {
    if (!session.wasUp || session.missing) return;
    session.missing = true;
    session.steps.push({ type: "missing" });
  }

  /** A round is complete: if media does not come now, the next rung is due. @param {Session} session */
  startRung(session) {
    if (session.missing || !session.conn.arrived) this.rung = session.cx.now + RUNG;
  }

  /** Takes the rung that is due. @param {Session} session */
  climb(session) {
    const { now } = session.cx;
    if (this.rung <= now) {
      this.rung = Infinity;
      const noKeys = session.conn.pathUp && !session.conn.secured;
      if (session.stage === "open") {
        if (noKeys || session.missing) this.schedule(now, true);
        else if (session.side === "caller") this.schedule(now, false);
      }
    }
    if (this.restart > now) return;
    const { rebuild } = this;
    this.lastRestart = now;
    this.begun = [...this.begun.filter((at) => now - at < WINDOW), now];
    this.restart = Infinity;
    this.rebuild = false;
    if (session.side === "caller") {
      this.offerAgain(session, rebuild);
    } else {
      this.asked = true;
      this.rung = now + RUNG;
      session.negotiate(rebuild ? "rebuild" : "wanted", null, !rebuild);
    }
  }

  /** @param {Session} session @param {boolean} rebuild */
  offerAgain(session, rebuild) {
    if (rebuild) {
      session.replaceConn(session.conn.wire + 1);
      session.createOffer(false);
    } else if (session.conn.exchange !== "creating" || !session.conn.iceRestart) {
      session.createOffer(true);
    }
  }

  /** @param {Session} session @param {"connected" | "disconnected" | "failed"} state @param {string | null} why */
  onPath(session, state, why) {
    const { conn } = session;
    if (state !== "connected") {
      if (state === "failed") session.why = why;
      return this.wantRestart(session);
    }
    session.why = null;
    if (!conn.pathUp && !conn.secured) this.rung = session.cx.now + RUNG;
    conn.pathUp = true;
  }

  /** @param {Session} session @param {"description" | "dtls" | "engine"} why */
  onFailed(session, why) {
    if (why === "description" || session.stage !== "open") {
      session.steps.push({ type: "broken", why });
      return;
    }
    if (why === "dtls") session.why = "connect_failed.dtls";
    this.loseMedia(session);
    this.schedule(session.cx.now, true);
  }

  /** @param {Session} session */
  recovered(session) {
    session.wasUp = true;
    session.missing = false;
    session.peerClosed = Infinity;
    this.rung = Infinity;
    this.asked = false;
  }
}

// @ts-check
/**
 * The screen: which view is shown, what it says, where the focus goes.
 *
 * | view | when |
 * |---|---|
 * | `welcome` | no name yet |
 * | `home` | no call |
 * | `outgoing` | we called, nobody answered yet |
 * | `incoming` | a call rings here |
 * | `call` | answered |
 * | `ended` | the last call is over, until the user goes on |
 */

import { explain, retry } from "../ringback/index.js";
import { duration } from "./clock.js";
import { currentLanguage, decimal, t } from "./i18n.js";
import { drawAvatar } from "./people.js";

/** @typedef {import("../ringback/phone.js").Call} Call */
/** @typedef {"loading" | "welcome" | "home" | "outgoing" | "incoming" | "call" | "ended"} View */

/** @param {string} id @returns {HTMLElement} */
export const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Screen {
  /** @type {View} */
  view = "loading";
  /** @type {Call | null} */
  call = null;
  /** When the call on the screen became active, by the page's clock. @type {number | null} */
  activeSince = null;
  /** What to say about the call beside its state. */
  warning = "";
  asking = false;
  lasted = "";
  /** When the view last changed, by the page's clock. */
  shownAt = -Infinity;

  /** Draws what the call on the screen is now. */
  draw() {
    const { call } = this;
    if (!call) return;
    const { state, end } = call.snapshot;
    if (end) return this.drawEnded(call, end.code);
    this.show(state === "initiated" || (state === "ringing" && call.direction === "outgoing") ? "outgoing" : state === "ringing" ? "incoming" : "call");
    $("peer-name").textContent = call.peer;
    drawAvatar($("avatar"), call.peer);
    $("kicker").textContent = t(KICKERS[this.view] ?? "kickerCall");
    $("call-state").textContent = this.stateText(call);
    this.drawMedia(call);
    this.tick();
  }

  /** The clock and nothing else. */
  tick() {
    const since = this.activeSince;
    $("call-time").textContent = since === null || this.view !== "call" ? "" : duration(performance.now() - since);
  }

  /** @param {View} view */
  show(view) {
    if (this.view === view) return;
    this.view = view;
    document.body.dataset.view = view;
    this.shownAt = performance.now();
    const held = document.activeElement;
    const stays = held !== null && $("controls").contains(held) && held.getClientRects().length > 0;
    if (!stays) $(FOCUS[view]).focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  /**
   * Whether a key press can be meant for the view: it was not pressed for the one before, nor while typing.
   * @param {KeyboardEvent} event
   */
  isMeant(event) {
    const typing = event.target instanceof HTMLInputElement;
    return !typing && !event.repeat && performance.now() - this.shownAt >= SETTLE;
  }

  /** Says something to people who do not look. @param {string} text */
  announce(text) {
    $("announce").textContent = text;
  }

  /** @param {Call} call @param {string} code */
  drawEnded(call, code) {
    if (this.view !== "ended" && this.activeSince !== null) this.lasted = duration(performance.now() - this.activeSince);
    $("ended-title").textContent = call.peer;
    $("ended-text").textContent = explain(code, currentLanguage());
    $("ended-code").textContent = code;
    $("ended-time").textContent = this.lasted === "" ? "" : t("lasted", { time: this.lasted });
    drawAvatar($("ended-avatar"), call.peer);
    $("again").classList.toggle("plain", retry(code) === "never");
    this.show("ended");
  }

  /** @param {Call} call */
  drawMedia(call) {
    const { muted, held, peerMuted, peerHeld } = call.snapshot;
    $("mute").setAttribute("aria-pressed", String(muted));
    $("hold").setAttribute("aria-pressed", String(held));
    const name = call.peer;
    const notice = held ? t("heldHere") : peerHeld ? t("peerHeld", { name }) : muted ? t("mutedHere") : peerMuted ? t("peerMuted", { name }) : "";
    const text = this.warning || (this.view === "call" || muted ? notice : "");
    // An unchanged alert is not read again.
    if ($("notice").textContent !== text) $("notice").textContent = text;
  }

  /** @param {import("../ringback/stats.js").Stats | null} stats */
  drawStats(stats) {
    const path = stats?.path ?? null;
    const relayed = path?.local === "relay" || path?.remote === "relay";
    const types = document.createElement("small");
    types.textContent = path ? `${path.local} – ${path.remote}` : "";
    $("path").replaceChildren(path ? t(relayed ? "relayed" : "direct") : "–", types);
    $("loss").textContent = stats ? `${decimal(100 * stats.loss, 1)}\u00a0%` : "–";
    $("rtt").textContent = stats?.rtt_ms == null ? "–" : `${decimal(stats.rtt_ms, stats.rtt_ms < 10 ? 1 : 0)}\u00a0ms`;
  }

  /** @param {"level-in" | "level-out"} id @param {number} level in dB below full scale */
  drawLevel(id, level) {
    const shown = Math.max(-60, Math.min(0, level));
    const meter = $(id);
    /** @type {HTMLElement} */ (meter.firstElementChild).style.transform = `translateX(${(shown / 60) * 100}%)`;
    meter.setAttribute("aria-valuenow", String(Math.round(shown)));
  }

  /** @param {Call} call */
  stateText(call) {
    switch (call.state) {
      case "initiated": return t(this.asking ? "stateMicrophone" : "stateInitiated");
      case "ringing": return t(call.direction === "incoming" ? "stateRingingIn" : "stateRingingOut");
      case "connecting": return t("stateConnecting");
      case "active": return t("stateActive");
      case "reconnecting": return t("stateReconnecting");
      default: return "";
    }
  }
}

/** @type {Record<string, string>} */
const KICKERS = { incoming: "kickerIncoming", outgoing: "kickerOutgoing", call: "kickerCall" };
/**
 * What has the focus first: a heading, which a key cannot press. Views change while somebody types or holds a key, and
 * a call is not to be answered or placed by a key that was meant for something else.
 * @type {Record<View, string>}
 */
const FOCUS = { welcome: "name", home: "home-title", outgoing: "peer-name", incoming: "peer-name", call: "peer-name", ended: "ended-title", loading: "main" };
/** Nobody sees a new view and presses a key for it within this many ms. */
const SETTLE = 500;

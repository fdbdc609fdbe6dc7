// @ts-check
/**
 * The list of events: one sentence each, with its time. It is written again when the language changes.
 */

import { explain } from "../ringback/index.js";
import { currentLanguage, t } from "./i18n.js";

export class Log {
  /** @type {any[]} */
  entries = [];

  constructor() {
    this.list = /** @type {HTMLElement} */ (document.getElementById("events"));
    this.none = /** @type {HTMLElement} */ (document.getElementById("no-events"));
  }

  /** @param {any} event */
  add(event) {
    if (sentence(event) === null) return;
    this.entries = [...this.entries.slice(1 - MOST), event];
    if (this.list.childElementCount >= MOST) this.list.firstElementChild?.remove();
    this.list.append(row(event));
    this.none.hidden = true;
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** The language changed. */
  rewrite() {
    this.list.replaceChildren(...this.entries.map(row));
  }
}

/** @param {any} event */
function row(event) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const at = new Date(event.at_ms);
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString(currentLanguage(), { hour12: false });
  const text = document.createElement("span");
  text.textContent = sentence(event);
  if (event.state === "ended") item.className = "end";
  item.append(time, text);
  return item;
}

/** What an event says; null: nothing for people. @param {any} event @returns {string | null} */
function sentence(event) {
  const name = event.call?.peer ?? "";
  switch (event.event) {
    case "signaling": return event.state === "online" ? t("evSignalingOnline") : t("evSignalingOffline");
    case "incoming": return t("evIncoming", { name });
    case "outgoing": return t("evOutgoing", { name });
    case "delivery": return event.delivery === "sending" ? t("evSending") : null;
    case "state": return stateSentence(event);
    case "peer_media": return t(event.held ? "evPeerHeld" : event.muted ? "evPeerMuted" : "evPeerBack", { name });
    case "path": {
      const kind = event.local === "relay" || event.remote === "relay" ? t("byRelay") : t("directly");
      return t("evPath", { kind, local: event.local, remote: event.remote });
    }
    case "first_sound": return t("evFirstSound", { name });
    case "microphone": return event.state === "failed" ? explain(event.why, currentLanguage()) : null;
    case "message": return t("evMessage", { text: new TextDecoder().decode(event.data) });
    default: return null;
  }
}

/** @param {any} event */
function stateSentence({ state, end, call }) {
  switch (state) {
    case "ringing": return t(call.direction === "outgoing" ? "evRingingOut" : "evRingingIn");
    case "connecting": return t("evConnecting");
    case "active": return t("evActive");
    case "reconnecting": return t("evReconnecting");
    case "ended": return explain(end.code, currentLanguage());
    default: return null;
  }
}

/** A screenful many times over. */
const MOST = 200;

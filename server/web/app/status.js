// @ts-check
/**
 * The status page: asks `/status` every second and draws what changed.
 *
 * Names and states come from strangers, so they are written as text, never as markup.
 */

import { chooseLanguage, currentLanguage, decimal, switchLanguage, t } from "./i18n.js";
import { duration } from "./clock.js";

/** @type {Record<string, string>} */
const STATES = { initiated: "shortInitiated", ringing: "shortRinging", connecting: "shortConnecting", active: "shortActive" };
/** @type {Record<string, string>} */
const APPS = { browser: "appBrowser", terminal: "appTerminal", echo: "appEcho" };
const MOST_ROWS = 200;
const EVERY = 1_000;

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** The last answer, for a change of language. @type {any} */
let last = null;

chooseLanguage(new URLSearchParams(location.search).get("lang"));
$("language").addEventListener("click", () => {
  switchLanguage();
  $("calls").replaceChildren();
  draw();
});
document.addEventListener("visibilitychange", () => void ask());
await ask();
// A page that nobody sees asks nothing.
setInterval(() => document.visibilityState === "visible" && void ask(), EVERY);

async function ask() {
  try {
    const response = await fetch("status", { signal: AbortSignal.timeout(5_000), headers: { accept: "application/json" } });
    last = response.ok ? await response.json() : null;
    say(response.ok ? "online" : "offline", response.ok ? t("live") : response.status === 401 ? t("needsKey") : t("noStatus"));
  } catch {
    say("offline", t("noStatus"));
  }
  draw();
}

/** @param {string} state @param {string} text */
function say(state, text) {
  $("live").dataset.state = state;
  // The same words again would be read aloud again.
  if ($("live-text").textContent !== text) $("live-text").textContent = text;
}

function draw() {
  if (!last) return;
  const { version, uptime_s = 0, sockets = 0, online = [], calls = [], topics = [], deliveries, echo, turn } = last;
  const delivered = typeof deliveries === "object" ? (deliveries?.delivered ?? 0) : (deliveries ?? 0);
  const relay = turn ? [[t("relayed1"), bytes(turn.relayed_bytes ?? 0)], [t("allocations"), whole(turn.allocations ?? 0)]] : [];
  drawTiles([
    [t("callsNow"), whole(calls.length)],
    [t("online"), whole(online.length)],
    [t("sockets"), whole(sockets)],
    [t("deliveries"), whole(delivered)],
    ...relay,
    ...(echo ? [[t("echoBot"), echo.online === false ? t("offlineShort") : t("online1")]] : []),
    [t("uptime"), duration(1000 * uptime_s)],
    [t("version"), String(version ?? "–")],
  ]);
  drawTable("calls", [t("between"), t("state"), t("since")], calls.map((/** @type {any} */ call) => [
    `${call.from} → ${call.to}`,
    STATES[call.state] ? t(STATES[call.state]) : String(call.state),
    duration(1000 * (call.age_s ?? 0)),
  ]));
  drawTable("online", [t("user"), t("appColumn")], online.map((/** @type {any} */ one) => [one.user, t(APPS[one.app] ?? "appOther")]));
  drawTable("topics", [t("topic"), t("access"), t("subscribers")], topics.map((/** @type {any} */ topic) => [
    topic.name,
    t(topic.private ? "private" : "public"),
    whole(topic.subscribers ?? 0),
  ]));
}

/** @param {string[][]} tiles */
function drawTiles(tiles) {
  const known = $("tiles").children;
  tiles.forEach(([name, value], index) => {
    const tile = known[index] ?? $("tiles").appendChild(makeTile());
    write(tile.children[0], name);
    write(tile.children[1], value);
  });
  while (known.length > tiles.length) known[known.length - 1].remove();
}

function makeTile() {
  const tile = document.createElement("div");
  tile.className = "card tile";
  tile.append(document.createElement("dt"), document.createElement("dd"));
  return tile;
}

/** @param {string} id @param {string[]} head @param {unknown[][]} rows */
function drawTable(id, head, rows) {
  const place = $(id);
  const key = JSON.stringify([head, rows]);
  // What did not change stays, so that text can be selected.
  if (place.dataset.key === key && place.childElementCount > 0) return;
  place.dataset.key = key;
  if (rows.length === 0) {
    const none = Object.assign(document.createElement("p"), { className: "hint", textContent: t("none") });
    return place.replaceChildren(none);
  }
  const table = document.createElement("table");
  const line = (/** @type {unknown[]} */ cells, /** @type {"th" | "td"} */ tag) => {
    const tr = document.createElement("tr");
    tr.append(...cells.map((cell) => {
      const element = Object.assign(document.createElement(tag), { textContent: String(cell) });
      if (tag === "th") element.setAttribute("scope", "col");
      return element;
    }));
    return tr;
  };
  table.createTHead().append(line(head, "th"));
  table.createTBody().append(...rows.slice(0, MOST_ROWS).map((row) => line(row, "td")));
  place.replaceChildren(table);
}

/** @param {Element} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} number */
function whole(number) {
  return Number(number).toLocaleString(currentLanguage());
}

/** @param {number} count */
function bytes(count) {
  const units = currentLanguage() === "fr" ? ["o", "ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log10(count) / 3) : 0);
  return `${decimal(count / 1000 ** power, power > 0 ? 1 : 0)}\u00a0${units[power]}`;
}

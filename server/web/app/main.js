// @ts-check
/**
 * The page: connects the phone to the screen, the keyboard and the tones. What it shows is in `screen.js`.
 */

import { explain, Phone } from "../ringback/index.js";
import { isUser } from "../ringback/ids.js";
import { loadConfig, phoneOptions } from "./config.js";
import { announceHook, installHook } from "./hook.js";
import { chooseLanguage, currentLanguage, read, switchLanguage, t, write } from "./i18n.js";
import { Log } from "./log.js";
import { drawPeople } from "./people.js";
import { $, Screen } from "./screen.js";
import { Tones } from "./tones.js";

/** @typedef {import("../ringback/phone.js").Call} Call */

const screen = new Screen();
const log = new Log();
chooseLanguage(new URLSearchParams(location.search).get("lang"));
const config = await loadConfig();
const { asked } = config;
const hook = config.testHooks ? announceHook() : null;
/** @type {Phone | null} */
let phone = null;
/** @type {Tones | null} */
let tones = null;
/** `?call=` was done. */
let dialed = false;

const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ ($(id));

$("enter-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = field("name").value.trim();
  if (!check("name", isUser(name) ? "" : t("nameWrong"))) return;
  write("ringback.user", name);
  void enter(name);
});
$("dial-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = field("dial-user").value.trim();
  const wrong = !isUser(name) ? t("nameWrong") : name === phone?.user ? t("ownName") : "";
  if (check("dial-user", wrong)) place(name);
});
$("echo").addEventListener("click", () => place(config.echo));
$("answer").addEventListener("click", () => void answer());
$("decline").addEventListener("click", () => screen.call?.decline());
$("cancel").addEventListener("click", () => screen.call?.hangUp());
$("hangup").addEventListener("click", () => screen.call?.hangUp());
$("mute").addEventListener("click", () => toggle((call) => call.setMuted(!call.snapshot.muted)));
$("hold").addEventListener("click", () => toggle((call) => call.setHeld(!call.snapshot.held)));
$("again").addEventListener("click", () => screen.call && place(screen.call.peer));
$("back").addEventListener("click", goHome);
$("leave").addEventListener("click", () => {
  write("ringback.user", "");
  // A new page is a new phone.
  location.search = "";
});
$("language").addEventListener("click", () => {
  switchLanguage();
  redraw();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !screen.isMeant(event)) return;
  if (event.key === "Escape") ESCAPES[screen.view]?.();
  // A single character counts only while the call has the focus (WCAG 2.2, 2.1.4).
  const inCall = event.target instanceof Node && $("view-talk").contains(event.target);
  if (event.key === "m" && inCall && (screen.view === "call" || screen.view === "outgoing")) $("mute").click();
});
// A key that is held presses a button once.
document.addEventListener("keydown", (event) => {
  const presses = event.key === "Enter" || event.key === " ";
  if (presses && event.repeat && event.target instanceof HTMLButtonElement) event.preventDefault();
}, { capture: true });
// A page that comes back from the browser's cache has closed its phone.
addEventListener("pageshow", (event) => event.persisted && location.reload());

/** @type {Record<string, () => void>} */
const ESCAPES = {
  incoming: () => screen.call?.decline(),
  outgoing: () => screen.call?.hangUp(),
  ended: goHome,
};

const user = asked.get("user") ?? read("ringback.user") ?? "";
if (isUser(user)) {
  void enter(user);
} else {
  screen.show("welcome");
}
redraw();

/** Goes online under a name. @param {string} name */
async function enter(name) {
  phone = new Phone(phoneOptions(config, name));
  const { media } = phone;
  tones = new Tones(() => media.unlock());
  $("me-name").textContent = name;
  $("me").hidden = $("leave").hidden = false;
  if (hook) installHook(hook, phone, screen, { answer });
  phone.addEventListener("event", (event) => onEvent(/** @type {CustomEvent} */ (event).detail));
  screen.show("home");
  redraw();
  setInterval(() => screen.tick(), 250);
  setInterval(drawLevels, 90);
  setInterval(() => void drawStats(), 1000);
  await phone.start();
}

/** @param {string} name */
function place(name) {
  if (!phone || name === phone.user) return;
  begin(phone.call(name));
}

async function answer() {
  const { call } = screen;
  if (!call) return;
  screen.asking = true;
  const code = await call.accept();
  screen.asking = false;
  if (code !== null) warn(code);
}

/** The microphone cannot be used: the call rings on, the words say what to do. @param {string} code */
function warn(code) {
  screen.warning = explain(code, currentLanguage()) + (isSecureContext ? "" : ` ${t("secureOnly")}`);
  screen.draw();
}

/** @param {(call: Call) => void} change */
function toggle(change) {
  if (!screen.call) return;
  change(screen.call);
  screen.draw();
}

/** A call takes the screen. @param {Call} call */
function begin(call) {
  Object.assign(screen, { call, activeSince: null, warning: "", lasted: "", asking: call.isDraft });
  screen.drawStats(null);
  screen.draw();
}

/** @param {any} event */
function onEvent(event) {
  log.add(event);
  const { call } = event;
  switch (event.event) {
    case "signaling": return drawSignaling();
    case "presence": return drawOnline();
    case "incoming":
      if (isFree()) begin(call);
      else if (screen.call?.isDraft) interrupt(call);
      screen.announce(t("evIncoming", { name: call.peer }));
      if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([400, 300, 400]);
      if (asked.get("answer") === "1") void call.accept();
      break;
    case "microphone":
      if (call !== screen.call) break;
      screen.asking = false;
      // It came out after the call was placed: the call goes on until it is answered.
      if (event.state === "failed" && call.direction === "outgoing" && !call.isDraft) screen.warning = explain(event.why, currentLanguage());
      break;
    case "state":
      onState(call, event.state);
  }
  if (call && call === screen.call) screen.draw();
  ring();
}

/** @param {Call} call @param {string} state */
function onState(call, state) {
  if (call !== screen.call) return;
  if (state === "active" && screen.activeSince === null) screen.activeSince = performance.now();
  if (state === "ended") {
    screen.announce(explain(call.end?.code ?? "other", currentLanguage()));
    // The next one that rings comes to the front.
    const next = phone?.calls.find((one) => one !== call) ?? null;
    if (next) return begin(next);
  } else if (state !== "initiated") {
    screen.announce(`${call.peer}: ${screen.stateText(call)}`);
  }
}

/** Somebody calls while the browser asks for the microphone: our call was not placed yet, so theirs is shown instead. @param {Call} call */
function interrupt(call) {
  const draft = screen.call;
  begin(call);
  draft?.hangUp();
}

/** Nothing on the screen that a new call would push away. */
function isFree() {
  return !screen.call || screen.call.state === "ended";
}

function goHome() {
  screen.call = null;
  screen.show("home");
  ring();
}

/** The tone and the title that fit what the phone does. */
function ring() {
  const calls = phone?.calls ?? [];
  const incoming = calls.find((call) => call.direction === "incoming" && call.state === "ringing");
  const outgoing = calls.find((call) => call.direction === "outgoing" && call.state === "ringing");
  const ended = screen.view === "ended" ? screen.call?.end : null;
  document.title = incoming ? `● ${t("titleRing", { name: incoming.peer })}` : "Ringback";
  if (incoming) return tones?.play(incoming.accepting ? null : "ring");
  if (outgoing) return tones?.play("ringback");
  const failed = ended && ended.by !== "local";
  if (failed && ended.code === "busy") return tones?.play("busy", END_TONE);
  if (failed && /^(connect_failed|unreachable|offline)/.test(ended.code)) return tones?.play("congestion", END_TONE);
  tones?.play(null);
}

function redraw() {
  drawSignaling();
  drawOnline();
  log.rewrite();
  screen.draw();
}

function drawSignaling() {
  const state = phone?.signalingState ?? "";
  $("signaling-state").dataset.state = state;
  $("signaling-text").textContent = { online: t("online1"), offline: t("offline"), connecting: t("connecting"), "": "" }[state];
  if (state === "online" && !dialed && asked.has("call")) {
    dialed = true;
    place(asked.get("call") ?? "");
  }
}

function drawOnline() {
  const online = phone?.online ?? [];
  drawPeople(online, phone?.user ?? "", place);
  const present = online.some((one) => one.user === config.echo);
  $("echo-hint").textContent = t(present || online.length === 0 ? "echoHint" : "echoAbsent");
}

function drawLevels() {
  if (screen.view !== "call") return;
  const { muted, held } = screen.call?.snapshot ?? { muted: true, held: true };
  screen.drawLevel("level-out", muted || held ? -100 : (phone?.media.own?.level ?? -100));
  screen.drawLevel("level-in", held ? -100 : (screen.call?.meter?.level ?? -100));
}

async function drawStats() {
  if (screen.view === "call") screen.drawStats((await screen.call?.stats()) ?? null);
}

/** Shows what is wrong with a field; says whether nothing is. @param {string} id @param {string} wrong */
function check(id, wrong) {
  $(`${id === "name" ? "name" : "dial"}-error`).textContent = wrong;
  $(id).setAttribute("aria-invalid", String(wrong !== ""));
  if (wrong) $(id).focus();
  return wrong === "";
}

/** Tones after an end, in seconds. */
const END_TONE = 3;

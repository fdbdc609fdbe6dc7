// @ts-check
/**
 * `window.ringback`: what tests ask and do, where the server says `test_hooks`. Described in `../README.md`, section
 * "For tests".
 */

import { failNextRequest } from "./sources.js";

/** Puts `ready` in place at once, so that a test may wait for it before anybody is online. */
export function announceHook() {
  /** @type {() => void} */
  let online = () => {};
  const ready = new Promise((resolve) => { online = () => resolve(undefined); });
  const ringback = { ready };
  Object.assign(window, { ringback });
  return { ringback, online };
}

/**
 * @param {ReturnType<typeof announceHook>} hook
 * @param {import("../ringback/phone.js").Phone} phone
 * @param {import("./screen.js").Screen} screen
 * @param {{answer: () => Promise<void>}} verbs
 */
export function installHook(hook, phone, screen, { answer }) {
  /** @type {any[]} */
  const events = [];
  /** @type {Set<(event: any) => void>} */
  const waiting = new Set();
  const meter = new Listening(screen);
  phone.addEventListener("event", (event) => {
    const record = flatten(/** @type {CustomEvent} */ (event).detail);
    if (events.push(record) > MOST_EVENTS) events.shift();
    if (record.event === "state" && record.state === "active") meter.restart(record.call);
    if (record.event === "signaling" && record.state === "online") hook.online();
    for (const look of [...waiting]) look(record);
  });

  /** @param {(event: any) => boolean} test @param {number} timeout_ms */
  const waitFor = (test, timeout_ms = 10_000) => new Promise((resolve, reject) => {
    const known = events.find(test);
    if (known) return resolve(known);
    const look = (/** @type {any} */ event) => {
      if (!test(event)) return;
      clearTimeout(timer);
      waiting.delete(look);
      resolve(event);
    };
    const timer = setTimeout(() => {
      waiting.delete(look);
      reject(new Error(`no such event within ${timeout_ms} ms; last: ${JSON.stringify(events.slice(-5))}`));
    }, timeout_ms);
    waiting.add(look);
  });

  Object.assign(hook.ringback, {
    phone,
    events,
    waitFor,
    state: () => ({
      user: phone.user,
      device: phone.device,
      instance: phone.instance,
      signaling: phone.signalingState,
      online: phone.online,
      view: screen.view,
      call: screen.call && describe(screen.call),
      calls: [...phone.handles.values()].map(describe),
    }),
    call: async (/** @type {string} */ user) => {
      const started = waitNew(events, waitFor, "outgoing");
      const button = document.getElementById("dial-user");
      /** @type {HTMLInputElement} */ (button).value = user;
      /** @type {HTMLFormElement} */ (document.getElementById("dial-form")).requestSubmit();
      return (await started).call;
    },
    answer,
    decline: () => screen.call?.decline(),
    hangUp: () => screen.call?.hangUp(),
    setMuted: (/** @type {boolean} */ on) => screen.call?.setMuted(on),
    setHeld: (/** @type {boolean} */ on) => screen.call?.setHeld(on),
    sendMessage: (/** @type {string} */ text) => screen.call?.sendMessage(text),
    stats: async () => (await screen.call?.stats()) ?? null,
    heard: () => screen.call?.meter?.heard() ?? null,
    sent: () => phone.media.own?.heard() ?? null,
    meter: () => meter.snapshot,
    mediaFailure: failNextRequest,
  });
}

/** How long the other side was to be heard. */
class Listening {
  snapshot = { first_sound_at_ms: /** @type {number | null} */ (null), heard_ms: 0, silent_ms: 0 };
  /** @type {ReturnType<typeof setInterval> | undefined} */
  timer = undefined;
  call = "";

  /** @param {import("./screen.js").Screen} screen */
  constructor(screen) {
    this.screen = screen;
  }

  /** @param {string} call */
  restart(call) {
    // A call that reconnected goes on where it was.
    if (this.call === call) return;
    this.call = call;
    this.snapshot = { first_sound_at_ms: null, heard_ms: 0, silent_ms: 0 };
    clearInterval(this.timer);
    let last = performance.now();
    this.timer = setInterval(() => {
      const { call: current } = this.screen;
      if (!current || current.state === "ended") return clearInterval(this.timer);
      const now = performance.now();
      const audible = (current.meter?.level ?? -100) > AUDIBLE_DBFS;
      if (audible) this.snapshot.first_sound_at_ms ??= performance.timeOrigin + now;
      this.snapshot[audible ? "heard_ms" : "silent_ms"] += now - last;
      last = now;
    }, LOOK);
  }
}

/** Only an event that is still to come. @param {any[]} events @param {(test: (event: any) => boolean) => Promise<any>} waitFor @param {string} name */
function waitNew(events, waitFor, name) {
  const old = new Set(events);
  return waitFor((event) => event.event === name && !old.has(event));
}

/** Words and numbers only, so that it crosses to the test. @param {any} detail */
function flatten({ call, end, data, ...rest }) {
  return {
    ...rest,
    ...(call && { call: call.id, peer: call.peer }),
    ...(end && { reason: end.code, by: end.by }),
    ...(data && { text: new TextDecoder().decode(data) }),
  };
}

/** @param {import("../ringback/phone.js").Call} call */
function describe({ id, snapshot }) {
  const { peer, direction, state, end, muted, held, peerMuted, peerHeld } = snapshot;
  return { call: id, peer, direction, state, end, muted, held, peer_muted: peerMuted, peer_held: peerHeld };
}

const MOST_EVENTS = 1000;
const AUDIBLE_DBFS = -50;
const LOOK = 20;

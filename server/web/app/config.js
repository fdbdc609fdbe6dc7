// @ts-check
/**
 * Where the page gets its orders: what the server says of itself at `/config.json`, and the address.
 *
 * Anybody can make a link, so what the address may ask for is harmless: a name, a language, how long calls ring. The rest
 * (another server, sound instead of the microphone, calls that are placed and answered by themselves) is for tests, and
 * ignored unless the server that served the page says `test_hooks`.
 */

import { mintedIceServers } from "../ringback/index.js";
import { sourceOf } from "./sources.js";

/**
 * @typedef {object} PageConfig
 * @property {string} url
 * @property {string} apiKey
 * @property {boolean} demo
 * @property {string} echo the echo bot's user
 * @property {string} lobby
 * @property {string | null} ice where TURN credentials come from
 * @property {boolean} testHooks whether scripts may drive the phone
 * @property {URLSearchParams} asked what the address asks for, as far as it is allowed
 */

/** @returns {Promise<PageConfig>} */
export async function loadConfig() {
  const own = await fetchConfig(location.origin);
  const testHooks = own.test_hooks === true;
  const asked = allowed(new URLSearchParams(location.search), testHooks);
  const url = asked.get("hub") ?? location.origin;
  const served = asked.has("hub") ? await fetchConfig(url) : own;
  return {
    url,
    apiKey: asked.get("key") ?? served.api_key ?? "ringback-local-key",
    demo: served.demo ?? true,
    echo: served.echo ?? "echo",
    lobby: served.lobby ?? "lobby",
    ice: served.ice === undefined ? "/functions/v1/turn-credentials" : served.ice,
    testHooks,
    asked,
  };
}

/** What a page may be asked by its address. @param {URLSearchParams} asked @param {boolean} testHooks */
export function allowed(asked, testHooks) {
  return new URLSearchParams([...asked].filter(([name]) => testHooks || !FOR_TESTS.includes(name)));
}

/**
 * What the phone of the page is told.
 * @param {PageConfig} config @param {string} user
 * @returns {import("../ringback/phone.js").PhoneOptions}
 */
export function phoneOptions({ url, apiKey, demo, lobby, ice, asked }, user) {
  const ring = Number(asked.get("ring"));
  return {
    url,
    apiKey,
    user,
    lobby,
    iceServers: ice === null ? [] : mintedIceServers(new URL(ice, url).href, apiKey, () => localToken(url, user)),
    ringMs: ring > 0 ? 1000 * ring : undefined,
    localDemo: demo && isLocal(new URL(url).hostname),
    relayOnly: asked.get("relay") === "1",
    source: sourceOf(asked),
  };
}

/** @param {string} url @returns {Promise<Record<string, any>>} */
function fetchConfig(url) {
  return fetch(`${url}/config.json`).then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
}

/** In the demo whoever asks gets a token; a real app has a signed-in user's. @param {string} url @param {string} user */
async function localToken(url, user) {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(TOKEN_PATIENCE);
  const response = await fetch(`${url}/local/token`, { method: "POST", headers, signal, body: JSON.stringify({ user }) });
  if (!response.ok) throw new Error("no token");
  return (await response.json()).token;
}

/** @param {string} host */
function isLocal(host) {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** A call waits for it, and the server is near. */
const TOKEN_PATIENCE = 2_000;
/** The parameters that a link must not set. */
const FOR_TESTS = ["answer", "call", "hub", "key", "tone", "audio"];

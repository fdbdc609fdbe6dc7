// @ts-check
/**
 * Where the page gets its orders: the address, and what the server says of itself at `/config.json`.
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
 * @property {URLSearchParams} asked
 */

/** @returns {Promise<PageConfig>} */
export async function loadConfig() {
  const asked = new URLSearchParams(location.search);
  const url = asked.get("hub") ?? location.origin;
  /** @type {Record<string, any>} */
  const served = await fetch(`${url}/config.json`).then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
  return {
    url,
    apiKey: asked.get("key") ?? served.api_key ?? "ringback-local-key",
    demo: served.demo ?? true,
    echo: served.echo ?? "echo",
    lobby: served.lobby ?? "lobby",
    ice: served.ice === undefined ? "/functions/v1/turn-credentials" : served.ice,
    asked,
  };
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

// @ts-check
/**
 * STUN and TURN servers: a fixed list, or fetched and kept fresh.
 */

/**
 * Asks an endpoint that mints TURN credentials for a signed-in user:
 * `{"iceServers": [...], "expires_in": 3600}`. What it gave serves until half its life is over; without an answer calls
 * go without, which is enough on one network.
 * @param {string} url
 * @param {string} apiKey
 * @param {() => Promise<string>} token
 * @returns {() => Promise<RTCIceServer[]>}
 */
export function mintedIceServers(url, apiKey, token) {
  /** @type {RTCIceServer[]} */
  let servers = [];
  let until = 0;
  /** @type {Promise<void> | null} */
  let asking = null;
  const ask = async () => {
    until = performance.now() + RETRY;
    try {
      const headers = { apikey: apiKey, authorization: `Bearer ${await token()}` };
      const response = await fetch(url, { method: "POST", headers, signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) return;
      const { iceServers, expires_in } = await response.json();
      if (!Array.isArray(iceServers)) return;
      servers = iceServers;
      until = performance.now() + (1000 * Number(expires_in || 600)) / 2;
    } catch {
      // Calls on one network do not need them; the next call asks again.
    }
  };
  return async () => {
    if (performance.now() >= until) asking ??= ask().finally(() => { asking = null; });
    if (servers.length === 0) await asking;
    return servers;
  };
}

/** A call waits for it, so it is short. */
const PATIENCE = 2_000;
const RETRY = 30_000;

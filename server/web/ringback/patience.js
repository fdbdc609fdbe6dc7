// @ts-check
/**
 * Limits for what an app is asked and may never answer.
 */

/**
 * What the app's `token` gives, or null if it fails or takes longer than 10 s: a refresh is one request to the server.
 * @param {(() => Promise<string | null>) | undefined} token
 * @returns {Promise<string | null>}
 */
export async function askToken(token, within = TOKEN_PATIENCE) {
  if (!token) return null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, within, null); });
  try {
    return (await Promise.race([token(), late])) ?? null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

const TOKEN_PATIENCE = 10_000;

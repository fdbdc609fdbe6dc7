// @ts-check
/**
 * Who is on a channel, kept from `presence_state` and `presence_diff`.
 *
 * One key may be there several times, one `phx_ref` each. An update of a key carries it in `joins` and in `leaves` at
 * once, so entries are matched by `phx_ref`, never by key.
 */

export class Presence {
  /** Metadata by key and `phx_ref`. @type {Map<string, Map<string, any>>} */
  here = new Map();

  /** Everybody's metadata. @returns {any[]} */
  get metas() {
    return [...this.here.values()].flatMap((metas) => [...metas.values()]);
  }

  /** Takes a whole state. Says whether it was one. @param {unknown} state */
  replace(state) {
    const read = readPresences(state);
    if (read) this.here = read;
    return read !== null;
  }

  /** Takes a difference. Says whether it was one. @param {any} diff */
  apply(diff) {
    const joins = readPresences(diff?.joins ?? {});
    const leaves = readPresences(diff?.leaves ?? {});
    if (!joins || !leaves) return false;
    for (const [key, gone] of leaves) {
      for (const ref of gone.keys()) this.here.get(key)?.delete(ref);
      if (this.here.get(key)?.size === 0) this.here.delete(key);
    }
    for (const [key, metas] of joins) {
      if (this.here.size >= MAX_KEYS && !this.here.has(key)) continue;
      const known = this.here.get(key) ?? new Map();
      for (const [ref, meta] of metas) if (known.size < MAX_METAS) known.set(ref, meta);
      this.here.set(key, known);
    }
    return true;
  }

  clear() {
    this.here.clear();
  }
}

/** @param {unknown} value @returns {Map<string, Map<string, any>> | null} */
function readPresences(value) {
  if (typeof value !== "object" || value === null) return null;
  const read = new Map();
  for (const [key, entry] of Object.entries(value).slice(0, MAX_KEYS)) {
    const metas = Array.isArray(entry?.metas) ? entry.metas.slice(0, MAX_METAS) : [];
    const known = metas.filter((/** @type {any} */ meta) => typeof meta?.phx_ref === "string");
    if (known.length > 0) read.set(key, new Map(known.map((/** @type {any} */ meta) => [meta.phx_ref, meta])));
  }
  return read;
}

/** A hundred times the keys that any plan allows a client. */
const MAX_KEYS = 1000;
/** Connections of one key. */
const MAX_METAS = 32;

// @ts-check
/**
 * The envelope, version 1: what surrounds every message, its checks, and its JSON form.
 *
 * ```json
 * {"v":1,"id":"<uuid v4>","call":"<uuid v4>","kind":"invite","ttl_ms":45000,
 *  "from":{"user":"u1","device":"<uuid>","instance":"<16 hex>"},
 *  "to":{"user":"u2","device":null,"instance":null},"body":{},"auth":null}
 * ```
 *
 * Every remote byte passes through {@link decode} first: what it lets through keeps to the limits, has every default
 * filled in and nothing beside. It never throws. The vectors in `core/proto/vectors` say the same to every language.
 *
 * Not here: what a message means for a call (`machine/`), how it travels (`signaling.js`).
 */

import { isInstance, isUser, readUuid } from "./ids.js";
import * as limits from "./limits.js";

export const VERSION = 1;

/**
 * Who sends a message: a claim, unless the transport stamps it.
 * @typedef {{user: string, device: string, instance: string}} Sender
 */
/**
 * Whom a message is for; null: all devices, whichever instance runs.
 * @typedef {{user: string, device: string | null, instance: string | null}} To
 */
/**
 * @typedef {object} Envelope
 * @property {string} id the idempotency key; a resend keeps it
 * @property {string} call
 * @property {Kind} kind
 * @property {number} ttl_ms the life left
 * @property {Sender} from
 * @property {To} to
 * @property {any} body by kind, see {@link READERS}
 */
/**
 * `malformed`: not JSON, or a field is missing or wrong. `over_limit`, `too_large`: a part, or the whole.
 * `unknown_kind`: of a newer version, to be ignored. `unsupported_version`: to be answered if there is a header.
 * @typedef {"too_large" | "malformed" | "over_limit" | "unknown_kind" | "unsupported_version"} DecodeError
 */
/** @typedef {{id: string, call: string, kind: string, from: Sender}} Header */
/** @typedef {{envelope: Envelope, error?: undefined, header?: undefined}} Decoded */
/** @typedef {{error: DecodeError, header: Header | null, envelope?: undefined}} Refused */

/**
 * Reads an envelope.
 * @param {string} text
 * @returns {Decoded | Refused}
 */
export function decode(text) {
  if (limits.byteLength(text) > limits.ENVELOPE_BYTES) return refuse("too_large");
  try {
    const value = object(JSON.parse(text));
    if (!isCount(value.v, MAX_U64)) return refuse("malformed");
    if (value.v !== VERSION) return refuse("unsupported_version", headerOf(value));
    const header = readHeader(value);
    if (!Object.hasOwn(READERS, header.kind)) return refuse("unknown_kind");
    const kind = /** @type {Kind} */ (header.kind);
    const body = READERS[kind](value.body);
    return { envelope: { ...header, kind, ttl_ms: Math.min(header.ttl_ms, limits.TTL_MS), body } };
  } catch (error) {
    return refuse(error instanceof OverLimit ? "over_limit" : "malformed");
  }
}

/**
 * Writes an envelope in its normal form.
 * @param {Envelope} envelope
 */
export function encode({ id, call, kind, ttl_ms, from, to, body }) {
  const written = kind === "message" ? { data: toBase64(body.data) } : body;
  return JSON.stringify({ v: VERSION, id, call, kind, ttl_ms, from, to, body: written, auth: null });
}

class Malformed extends Error {}
class OverLimit extends Error {}

/** @param {DecodeError} error @param {Header | null} header @returns {Refused} */
function refuse(error, header = null) {
  return { error, header };
}

/** @param {Record<string, unknown>} value @returns {Header | null} */
function headerOf(value) {
  try {
    const { id, call, kind, from } = readHeader(value);
    return { id, call, kind, from };
  } catch {
    return null;
  }
}

/** @param {Record<string, unknown>} value */
function readHeader(value) {
  const from = object(value.from);
  const to = object(value.to);
  return {
    id: uuid(value.id),
    call: uuid(value.call),
    kind: string(value.kind),
    ttl_ms: count(value.ttl_ms, MAX_U64),
    from: { user: user(from.user), device: uuid(from.device), instance: instance(from.instance) },
    to: { user: user(to.user), device: maybe(to.device, uuid), instance: maybe(to.instance, instance) },
  };
}

/**
 * One reader a kind: takes the body as it came, gives it checked, or throws.
 *
 * | kind | from | proof of receipt |
 * |---|---|---|
 * | `invite` | caller | per device: `ringing`, `busy`, `decline`, `answer` |
 * | `ringing` | callee device | none; again on a repeated invite, and every 8 s while it rings |
 * | `answer` | callee device | `settled` |
 * | `settled` | caller | winner: none, again on a repeated answer; losers: `ack` |
 * | `decline`, `busy` | callee device | `ack` |
 * | `cancel` | caller | `ack`, per device |
 * | `candidates`, `media`, `message`, `hangup` | either | `ack` |
 * | `negotiate` | either | an offer by its answer, `wanted` and `rebuild` by the offer |
 * | `ack`, `error` | either | none |
 */
const READERS = {
  /** @param {unknown} body */
  invite(body) {
    const b = object(body);
    const order = b.order === undefined ? "offer_first" : string(b.order);
    if (order !== "offer_first" && order !== "after_accept") throw new Malformed();
    const caps = list(b.caps, string);
    const read = {
      seq: count(b.seq, MAX_U64),
      ...given("offer", maybe(b.offer, sdp)),
      candidates: candidates(b.candidates),
      media: b.media === undefined ? { audio: true, video: false } : kinds(b.media),
      ...given("display", maybe(b.display, (text) => atMost(string(text), limits.DISPLAY_BYTES))),
      ...given("context", maybe(b.context, (text) => atMost(string(text), limits.CONTEXT_BYTES))),
      caps,
      order,
      commit: hex(b.commit, 32),
      ...given("resume", maybe(b.resume, (resume) => ({ proof: hex(object(resume).proof, 32) }))),
    };
    if (caps.length > limits.CAPS) throw new OverLimit();
    caps.forEach((cap) => atMost(cap, limits.CODE_BYTES));
    return read;
  },
  /** @param {unknown} body */
  ringing(body) {
    const b = object(body);
    return { shown: bool(b.shown), ...given("offer", maybe(b.offer, sdp)) };
  },
  /** @param {unknown} body */
  answer(body) {
    const b = object(body);
    return {
      ...given("answer", maybe(b.answer, sdp)),
      candidates: candidates(b.candidates),
      fingerprint: hex(b.fingerprint, 32),
      nonce: hex(b.nonce, 16),
      share: hex(b.share, 16),
    };
  },
  /** @param {unknown} body */
  settled(body) {
    const b = object(body);
    const secret = (/** @type {unknown} */ value) => hex(value, 16);
    return {
      winner: uuid(b.winner),
      ...given("nonce", maybe(b.nonce, secret)),
      ...given("share", maybe(b.share, secret)),
    };
  },
  /** @param {unknown} body */
  decline(body) {
    const { reason } = object(body);
    return { reason: reason !== undefined && string(reason) === "busy" ? "busy" : "declined" };
  },
  busy() {
    return {};
  },
  /** @param {unknown} body */
  cancel(body) {
    const b = object(body);
    const reason = string(b.reason);
    const known = CANCEL_REASONS.includes(reason) ? reason : "user";
    return { reason: known, ...given("by", maybe(b.by, uuid)) };
  },
  /** @param {unknown} body */
  candidates(body) {
    const b = object(body);
    return {
      conn: count(b.conn, MAX_U32),
      generation: count(b.generation, MAX_U32),
      candidates: candidates(b.candidates),
      end: flag(b.end),
    };
  },
  /** @param {unknown} body */
  negotiate(body) {
    const b = object(body);
    const what = string(b.what);
    if (!["offer", "answer", "wanted", "rebuild"].includes(what)) throw new Malformed();
    return {
      conn: count(b.conn, MAX_U32),
      round: count(b.round, MAX_U32),
      what,
      ...given("sdp", maybe(b.sdp, sdp)),
      ice_restart: flag(b.ice_restart),
    };
  },
  /** @param {unknown} body */
  media(body) {
    const b = object(body);
    return {
      revision: count(b.revision, MAX_U64),
      muted: flag(b.muted),
      held: flag(b.held),
      recording: flag(b.recording),
    };
  },
  /** @param {unknown} body */
  message(body) {
    const data = fromBase64(string(object(body).data));
    if (data.length > limits.MESSAGE_BYTES) throw new OverLimit();
    return { data };
  },
  /** @param {unknown} body */
  hangup(body) {
    return { reason: atMost(string(object(body).reason), limits.CODE_BYTES) };
  },
  /** @param {unknown} body */
  ack(body) {
    return { of: uuid(object(body).of) };
  },
  /** @param {unknown} body */
  error(body) {
    const b = object(body);
    const code = string(b.code);
    const known = ERROR_CODES.includes(code) ? code : "other";
    const max = maybe(b.max, (value) => count(value, MAX_U32));
    return { of: uuid(b.of), code: known, ...given("max", max) };
  },
};
/** @typedef {keyof typeof READERS} Kind */

/** @param {unknown} value @returns {Record<string, any>} */
function object(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed();
  return /** @type {Record<string, any>} */ (value);
}

/** @param {unknown} value */
function string(value) {
  if (typeof value !== "string") throw new Malformed();
  return value;
}

/** @param {unknown} value */
function bool(value) {
  if (typeof value !== "boolean") throw new Malformed();
  return value;
}

/** @param {unknown} value */
function flag(value) {
  return value === undefined ? false : bool(value);
}

/** @param {unknown} value @param {number} most @returns {value is number} */
function isCount(value, most) {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

/** @param {unknown} value @param {number} most */
function count(value, most) {
  if (!isCount(value, most)) throw new Malformed();
  return value;
}

/** @param {unknown} value */
function uuid(value) {
  const read = readUuid(value);
  if (read === null) throw new Malformed();
  return read;
}

/** @param {unknown} value */
function user(value) {
  if (!isUser(value)) throw new Malformed();
  return value;
}

/** @param {unknown} value */
function instance(value) {
  if (!isInstance(value)) throw new Malformed();
  return value;
}

/** @param {unknown} value @param {number} bytes */
function hex(value, bytes) {
  const text = string(value);
  if (text.length !== 2 * bytes || !/^[0-9a-f]*$/i.test(text)) throw new Malformed();
  return text.toLowerCase();
}

/**
 * A field that may be missing or null.
 * @template T
 * @param {unknown} value
 * @param {(value: unknown) => T} read
 * @returns {T | null}
 */
function maybe(value, read) {
  return value === undefined || value === null ? null : read(value);
}

/**
 * A field that is written only if there is something in it.
 * @param {string} name
 * @param {unknown} value
 */
function given(name, value) {
  return value === null ? {} : { [name]: value };
}

/**
 * @template T
 * @param {unknown} value
 * @param {(value: unknown) => T} read
 * @returns {T[]}
 */
function list(value, read) {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Malformed();
  return value.map(read);
}

/** @param {string} text @param {number} bytes */
function atMost(text, bytes) {
  if (limits.byteLength(text) > bytes) throw new OverLimit();
  return text;
}

/** @param {unknown} value */
function sdp(value) {
  return atMost(string(value), limits.SDP_BYTES);
}

/** @param {unknown} value */
function kinds(value) {
  const media = object(value);
  return { audio: flag(media.audio), video: flag(media.video) };
}

/**
 * A candidate with its media section; the attribute without `a=`.
 * @typedef {{candidate: string, mid: string}} WireCandidate
 */
/** @param {unknown} value @returns {WireCandidate[]} */
function candidates(value) {
  const read = list(value, (one) => {
    const { candidate, mid } = object(one);
    return { candidate: string(candidate), mid: string(mid) };
  });
  if (read.length > limits.CANDIDATES) throw new OverLimit();
  for (const { candidate, mid } of read) {
    atMost(candidate, limits.CANDIDATE_BYTES);
    atMost(mid, limits.MID_BYTES);
  }
  return read;
}

/** Standard base64 with its padding, and in one spelling only (RFC 4648 section 3.5). @param {string} text */
function fromBase64(text) {
  let binary;
  try {
    binary = atob(text);
  } catch {
    throw new Malformed();
  }
  if (btoa(binary) !== text) throw new Malformed();
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {Uint8Array} data */
function toBase64(data) {
  return btoa(String.fromCharCode(...data));
}

const MAX_U32 = 2 ** 32 - 1;
const MAX_U64 = 2 ** 64;
const CANCEL_REASONS = ["user", "timeout", "glare", "declined", "busy", "gone"];
const ERROR_CODES = ["unsupported_version", "unsupported_codec", "other"];

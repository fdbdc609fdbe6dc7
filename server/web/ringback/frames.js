// @ts-check
/**
 * The frames of serializer 2.0.0: WebSocket messages to frames and back.
 *
 * | message | is |
 * |---|---|
 * | text | `[join_ref, ref, topic, event, payload]` |
 * | binary kind 3, to the server | `3`, lengths of join_ref, ref, topic, event, metadata, encoding; the texts; the body |
 * | binary kind 4, from the server | `4`, lengths of topic, event, metadata, encoding; the texts; the body |
 *
 * Every length is one byte; the encoding is 0 for bytes and 1 for JSON. A JSON body comes from another client
 * unparsed: it may be anything.
 */

/**
 * @typedef {object} Frame
 * @property {string | null} joinRef
 * @property {string | null} ref
 * @property {string} topic
 * @property {string} event
 * @property {any} payload
 * @property {{event: string, text: string, replayed: boolean} | null} broadcast
 */

/**
 * Reads a frame; null: it makes no sense.
 * @param {string | ArrayBuffer} data
 * @returns {Frame | null}
 */
export function decodeFrame(data) {
  try {
    return typeof data === "string" ? decodeText(data) : decodeBinary(new Uint8Array(data));
  } catch {
    return null;
  }
}

/** @param {string | null} joinRef @param {string} ref @param {string} topic @param {string} event @param {object} payload */
export function encodeText(joinRef, ref, topic, event, payload) {
  return JSON.stringify([joinRef, ref, topic, event, payload]);
}

/**
 * A user broadcast to the server, its body JSON.
 * @param {string} joinRef @param {string} ref @param {string} topic @param {string} event @param {string} text
 */
export function encodeBroadcast(joinRef, ref, topic, event, text) {
  const fields = [joinRef, ref, topic, event, ""].map((field) => utf8.encode(field));
  const body = utf8.encode(text);
  const header = Uint8Array.of(USER_PUSH, ...fields.map(({ length }) => length), JSON_BODY);
  const frame = new Uint8Array(header.length + fields.reduce((sum, { length }) => sum + length, 0) + body.length);
  let at = 0;
  for (const part of [header, ...fields, body]) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** @param {string} data @returns {Frame | null} */
function decodeText(data) {
  const [joinRef, ref, topic, event, payload] = JSON.parse(data);
  if (typeof topic !== "string" || typeof event !== "string") return null;
  const frame = { joinRef: tag(joinRef), ref: tag(ref), topic, event, payload, broadcast: null };
  if (event !== "broadcast") return frame;
  if (typeof payload?.event !== "string") return null;
  const text = JSON.stringify(payload.payload ?? null);
  return { ...frame, broadcast: { event: payload.event, text, replayed: payload.meta?.replayed === true } };
}

/** @param {Uint8Array} bytes @returns {Frame | null} */
function decodeBinary(bytes) {
  const [kind, topicLength, eventLength, metaLength, encoding] = bytes;
  if (kind !== USER_BROADCAST || encoding !== JSON_BODY) return null;
  let at = 5;
  const [topic, event, meta] = [topicLength, eventLength, metaLength].map((length) => {
    if (at + length > bytes.length) throw new RangeError("cut short");
    return strict.decode(bytes.subarray(at, (at += length)));
  });
  const text = strict.decode(bytes.subarray(at));
  const replayed = meta !== "" && JSON.parse(meta)?.replayed === true;
  return { joinRef: null, ref: null, topic, event: "broadcast", payload: null, broadcast: { event, text, replayed } };
}

/** @param {unknown} value */
function tag(value) {
  return value === null || value === undefined ? null : String(value);
}

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });
const USER_PUSH = 3;
const USER_BROADCAST = 4;
const JSON_BODY = 1;

// @ts-check
/**
 * The names of things: users, devices, process instances, calls, messages.
 *
 * | name | looks like | lives |
 * |---|---|---|
 * | user | 1 to 128 bytes of `[A-Za-z0-9._:@-]` | as the app names it |
 * | device, call, message | UUID v4, lower case | a device for ever, a call and a message once |
 * | instance | 16 lower-case hexadecimal digits | one load of the page |
 */

import { USER_BYTES } from "./limits.js";

/** @param {unknown} text @returns {text is string} */
export function isUser(text) {
  return typeof text === "string" && text.length <= USER_BYTES && /^[A-Za-z0-9._:@-]+$/.test(text);
}

/** @param {unknown} text @returns {text is string} */
export function isInstance(text) {
  return typeof text === "string" && /^[0-9a-f]{16}$/.test(text);
}

/**
 * A UUID in its normal form, or null. Upper case and the form without hyphens are read.
 * @param {unknown} text
 * @returns {string | null}
 */
export function readUuid(text) {
  if (typeof text !== "string") return null;
  const digits = /^[0-9a-f]{32}$/i.test(text) ? text : UUID.test(text) ? text.replaceAll("-", "") : null;
  return digits && hyphenate(digits.toLowerCase());
}

/**
 * A UUID of version 4 made of 16 random bytes (RFC 9562 section 5.4).
 * @param {Uint8Array} bytes
 */
export function uuidFrom(bytes) {
  const marked = Uint8Array.from(bytes);
  marked[6] = (marked[6] & 0x0f) | 0x40;
  marked[8] = (marked[8] & 0x3f) | 0x80;
  return hyphenate(toHex(marked));
}

/** @param {Uint8Array} bytes */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} hex */
export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/**
 * Random bytes of the browser: what the machine takes its ids, nonces and shares from.
 * @param {number} count
 */
export function randomBytes(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** @param {string} digits */
function hyphenate(digits) {
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

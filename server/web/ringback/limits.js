// @ts-check
/**
 * How large a message and its parts may be. What is larger is refused whole. The same numbers as
 * `core/proto/src/signal/limits.rs`, where each has its reason.
 */

export const ENVELOPE_BYTES = 64 * 1024;
export const SDP_BYTES = 16 * 1024;
/** In one generation. */
export const CANDIDATES = 32;
export const CANDIDATE_BYTES = 512;
export const MID_BYTES = 32;
export const CONTEXT_BYTES = 2 * 1024;
/** An app message before base64. */
export const MESSAGE_BYTES = 4 * 1024;
export const DISPLAY_BYTES = 128;
/** A reason or capability. */
export const CODE_BYTES = 64;
export const CAPS = 32;
/** The longest life of a message: that of an ending and of the longest ring. */
export const TTL_MS = 120_000;
export const USER_BYTES = 128;

const utf8 = new TextEncoder();

/**
 * The length of a text as it travels.
 * @param {string} text
 */
export function byteLength(text) {
  // No character takes fewer bytes than UTF-16 units: spares encoding what is too long anyway.
  return text.length > ENVELOPE_BYTES ? text.length : utf8.encode(text).length;
}

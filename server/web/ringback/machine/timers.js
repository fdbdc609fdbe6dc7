// @ts-check
/**
 * The times of call control, in milliseconds. The table with what happens then is in `core/proto/src/call/mod.rs`.
 */

/** Signaling down at `call()`: the app hears `offline` then. */
export const OFFLINE = 10_000;
/** The engine's offer takes milliseconds; one that takes this long never comes. */
export const PREPARING = 10_000;
export const RING_DEFAULT = 45_000;
/** The shortest and the longest ring that an app may ask for. */
export const RING_MIN = 15_000;
export const RING_MAX = 120_000;
/** An invite with less life than this left does not ring: nobody could answer it. */
export const RING_LEFT_MIN = 2_000;
/** The caller waits this much longer than the callee rings: an answer at the last moment still counts. */
export const RING_CALLER_EXTRA = 5_000;
/** While it rings, the callee says so this often. */
export const RINGING_AGAIN = 8_000;
/** From the first device that cannot take the call: another may still ring. */
export const REFUSAL = 3_000;
/** From the answer to media. */
export const CONNECT = 15_000;
/** Media is missing. */
export const RECONNECT = 30_000;
/** How long an ended call absorbs late messages and repeats its ending. */
export const TOMBSTONE = 120_000;
/** A timer later than this makes the age of what is read unknown: the machine slept. */
export const GAP = 5_000;
/** For at most so long after such a gap. */
export const DISTRUST = 10_000;

/** The life of a message that is neither an invite nor an ending. */
export const MESSAGE_TTL = 30_000;
export const ENDING_TTL = 120_000;

/** From the first unsent candidate to the list. */
export const BATCH = 50;
/** Between two ICE restarts. */
export const RESTART_APART = 1_000;
/** How long a rung of the ladder may take: path without DTLS, restart without media. */
export const RUNG = 7_000;
/** No RTP for this long: media is missing. Twice the longest gap of silence frames. */
export const MISSING = 400;
/** The same while a side is silent on purpose. */
export const MISSING_QUIET = 1_000;
/** After the peer's close_notify: its hang-up, or an offer for a new connection, may be on the way. */
export const PEER_CLOSED_WAIT = 2_000;
/** Generations that a peer may begin within {@link WINDOW}. */
export const GENERATIONS = 4;
export const WINDOW = 10_000;

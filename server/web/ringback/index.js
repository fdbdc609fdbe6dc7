// @ts-check
/**
 * The client library of Ringback for browsers. Copy this folder into your site.
 */

export { Phone, Call } from "./phone.js";
export { explain, retry } from "./endings.js";
export { mintedIceServers } from "./ice.js";
export { Microphone, MicrophoneError } from "./microphone.js";
export { Realtime } from "./phoenix.js";
export { Calls } from "./machine/calls.js";
export { decode, encode } from "./envelope.js";

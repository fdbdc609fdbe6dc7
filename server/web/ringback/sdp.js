// @ts-check
/**
 * Session descriptions: the allow-list for the peer's, and what is taken out of ours.
 *
 * {@link checkSdp} reads what the peer wrote and writes it anew from what it understood; the engine gets that text,
 * never the peer's own.
 *
 * | line of the peer | becomes |
 * |---|---|
 * | `m=audio`, its codecs, direction, identifiers, header extensions, feedback | checked and kept |
 * | `m=` of anything but audio, an audio section with port 0 | the description is refused |
 * | ICE credentials, SHA-256 fingerprint, `setup`, `mid`, `rtcp-mux`, Opus | demanded, checked and kept |
 * | a second SHA-256 fingerprint, other credentials or roles in another section | the description is refused |
 * | `a=candidate`, `a=remote-candidates` | refused: addresses pass by `candidate.js` only |
 * | `o=`, `s=`, `c=`, `a=rtcp` | written anew, without name, title and address |
 * | fingerprints by other hashes, `a=crypto`, `a=end-of-candidates`, everything unknown | dropped |
 * | a line that is not `x=...`, a control character, a known line with a wrong value | the description is refused |
 */

import { byteLength, SDP_BYTES } from "./limits.js";

/**
 * @typedef {object} SdpFacts
 * @property {string} fingerprint SHA-256 of the peer's certificate, 64 hexadecimal digits
 * @property {string} ufrag
 * @property {"actpass" | "active" | "passive"} setup
 * @property {string[]} mids
 * @property {string} clean the description written anew, with CRLF
 */

/**
 * Reads a description of the peer. It is taken or refused as a whole.
 * @param {string} text
 * @returns {SdpFacts | null}
 */
export function checkSdp(text) {
  if (byteLength(text) > SDP_BYTES) return null;
  try {
    const reader = new Reader();
    text.replace(/\n$/, "").split("\n").forEach((line, index) => reader.takeLine(index, line.replace(/\r$/, "")));
    return reader.finish();
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

/**
 * Takes out of a description of ours what the peer need not know: no candidates, no addresses, and the ports of live
 * sections 9, as RFC 8838 section 4.1.1 has it where candidates trickle.
 * @param {string} text
 */
export function cleanLocalSdp(text) {
  const clean = [];
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || /^a=(candidate:|end-of-candidates|remote-candidates:)/.test(line)) continue;
    clean.push(cleanLocalLine(line));
  }
  return clean.join("\r\n") + "\r\n";
}

/** @param {string} line */
function cleanLocalLine(line) {
  if (line.startsWith("c=")) return "c=IN IP4 0.0.0.0";
  if (line.startsWith("a=rtcp:")) return "a=rtcp:9 IN IP4 0.0.0.0";
  if (line.startsWith("o=")) {
    const words = line.slice(2).split(" ");
    return words.length === 6 ? `o=${words.slice(0, 3).join(" ")} IN IP4 0.0.0.0` : "o=- 0 0 IN IP4 0.0.0.0";
  }
  return line.replace(/^(m=\S+) (?!0 )\d+ /, "$1 9 ");
}

class Refused extends Error {}

/** @param {unknown} fine @returns {asserts fine} */
function demand(fine) {
  if (!fine) throw new Refused();
}

/**
 * A media section so far.
 * @typedef {object} Section
 * @property {string[]} payloads
 * @property {Map<string, string>} codecs `name/clock/channels` by payload type
 * @property {string | null} mid
 * @property {boolean} direction
 * @property {boolean} rtcpMux
 */

class Reader {
  /** @type {string[]} */
  clean = [];
  origin = false;
  timing = false;
  direction = false;
  rtcpMux = false;
  /** @type {string[] | null} */
  bundle = null;
  /** What there can be one of, over all sections. @type {Map<string, string>} */
  once = new Map();
  /** @type {Section[]} */
  sections = [];

  /** @param {number} index @param {string} line */
  takeLine(index, line) {
    demand(!/[\u0000-\u001f\u007f-\u009f]/.test(line));
    if (index === 0) {
      demand(line === "v=0");
      this.clean.push(line);
      return;
    }
    const value = line.slice(2);
    switch (line.slice(0, 2)) {
      case "o=": return this.takeOrigin(value);
      case "t=": return this.takeTiming(value);
      case "b=": return this.takeBandwidth(line, value);
      case "m=": return this.takeMedia(line, value);
      case "a=": return this.takeAttribute(line, value);
      case "c=":
        this.clean.push("c=IN IP4 0.0.0.0");
        return;
      case "s=":
        if (this.sections.length === 0) this.clean.push("s=-");
        return;
      default:
        demand(/^[a-z]=/.test(line));
    }
  }

  /** @param {string} value */
  takeOrigin(value) {
    const words = value.split(" ");
    demand(words.length === 6 && !this.origin && this.sections.length === 0);
    demand(isDecimal(words[1], MAX_U64) && isDecimal(words[2], MAX_U64));
    this.origin = true;
    this.clean.push(`o=- ${words[1]} ${words[2]} IN IP4 0.0.0.0`);
  }

  /** A permanent session, as RFC 3264 section 5 asks. @param {string} value */
  takeTiming(value) {
    demand(/^\d+ \d+$/.test(value) && !this.timing && this.sections.length === 0);
    this.timing = true;
    this.clean.push("t=0 0");
  }

  /** @param {string} line @param {string} value */
  takeBandwidth(line, value) {
    const [, name, number] = /^([^:]*):(.*)$/.exec(value) ?? [];
    demand(number !== undefined && isDecimal(number, MAX_U32));
    if (name === "AS" || name === "TIAS") this.clean.push(line);
  }

  /** `m=<kind> <port> <transport> <payload types>` @param {string} line @param {string} value */
  takeMedia(line, value) {
    demand(this.origin && this.timing && this.sections.length < MAX_MEDIA);
    const [kind, port, transport, ...payloads] = value.split(" ");
    demand(kind === "audio" && DTLS_SRTP.includes(transport));
    demand(isDecimal(port, 65535n) && Number(port) !== 0);
    demand(payloads.length > 0 && payloads.every(isPayload) && new Set(payloads).size === payloads.length);
    this.clean.push(line);
    this.sections.push({ payloads, codecs: new Map(), mid: null, direction: false, rtcpMux: false });
  }

  /** @param {string} line @param {string} text */
  takeAttribute(line, text) {
    const colon = text.indexOf(":");
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? null : text.slice(colon + 1);
    demand(name !== "candidate" && name !== "remote-candidates");
    const take = (value === null ? FLAGS : VALUES)[name];
    if (take !== undefined && take(this, value ?? "", name)) this.clean.push(line);
  }

  get section() {
    return this.sections[this.sections.length - 1] ?? null;
  }

  /** The same value again is fine, as every section repeats it. @param {string} part @param {string} value */
  setOnce(part, value) {
    demand((this.once.get(part) ?? value) === value);
    this.once.set(part, value);
    return true;
  }

  /** @returns {SdpFacts} */
  finish() {
    demand(this.origin && this.timing && this.sections.length > 0);
    for (const part of ["fingerprint", "ufrag", "pwd", "setup"]) demand(this.once.has(part));
    const mids = this.sections.map((section) => this.finishSection(section));
    return {
      fingerprint: this.once.get("fingerprint") ?? "",
      ufrag: this.once.get("ufrag") ?? "",
      setup: /** @type {SdpFacts["setup"]} */ (this.once.get("setup")),
      mids,
      clean: this.clean.join("\r\n") + "\r\n",
    };
  }

  /** @param {Section} section */
  finishSection({ payloads, codecs, mid, rtcpMux }) {
    demand((rtcpMux || this.rtcpMux) && mid !== null);
    demand(payloads.every((payload) => codecs.has(payload) || ASSIGNED.includes(payload)));
    demand(payloads.some((payload) => codecs.get(payload) === "opus/48000/2"));
    demand(this.sections.length === 1 || (this.bundle ?? []).includes(mid));
    return mid;
  }
}

/** What an attribute does to the reader; says whether its line is kept. @typedef {(reader: Reader, value: string, name: string) => boolean} Take */

/** @type {Record<string, Take>} */
const FLAGS = {
  "ice-lite": () => true,
  "rtcp-rsize": () => true,
  "extmap-allow-mixed": () => true,
  "rtcp-mux": (reader) => ((reader.section ?? reader).rtcpMux = true),
  sendrecv: direction,
  sendonly: direction,
  recvonly: direction,
  inactive: direction,
};

/** @type {Record<string, Take>} */
const VALUES = {
  fingerprint(reader, value) {
    const [, hash, digest] = /^(\S+) (.*)$/.exec(value) ?? [];
    demand(hash !== undefined);
    if (hash.toLowerCase() !== "sha-256") return false;
    // RFC 8122 section 5: pairs of hexadecimal digits with colons between.
    demand(/^([0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(digest));
    return reader.setOnce("fingerprint", digest.replaceAll(":", "").toLowerCase());
  },
  // RFC 8839 section 5.4.
  "ice-ufrag": (reader, value) => iceText(value, 4) && reader.setOnce("ufrag", value),
  "ice-pwd": (reader, value) => iceText(value, 22) && reader.setOnce("pwd", value),
  setup(reader, value) {
    demand(["actpass", "active", "passive"].includes(value));
    return reader.setOnce("setup", value);
  },
  mid(reader, value) {
    demand(isToken(value, MID_BYTES) && reader.section && reader.section.mid === null);
    demand(!reader.sections.some((section) => section.mid === value));
    reader.section.mid = value;
    return true;
  },
  group(reader, value) {
    const [kind, ...mids] = value.split(" ");
    if (kind !== "BUNDLE") return false;
    demand(reader.bundle === null && mids.every((mid) => isToken(mid, MID_BYTES)));
    reader.bundle = mids;
    return true;
  },
  rtpmap(reader, value) {
    const [, payload, codec] = /^(\S+) (.*)$/.exec(value) ?? [];
    demand(codec !== undefined && isPayload(payload) && reader.section);
    const [name, clock, channels = "1", ...rest] = codec.split("/");
    demand(isToken(name, CODEC_BYTES) && rest.length === 0);
    demand(isDecimal(clock, 192_000n) && Number(clock) > 0 && isDecimal(channels, 8n) && Number(channels) > 0);
    demand(!reader.section.codecs.has(payload));
    if (!reader.section.payloads.includes(payload)) return false;
    reader.section.codecs.set(payload, `${name.toLowerCase()}/${Number(clock)}/${Number(channels)}`);
    return true;
  },
  fmtp: (reader, value) => isForPayload(reader, value),
  "rtcp-fb": (reader, value) => (value.startsWith("* ") ? printable(value) : isForPayload(reader, value)),
  extmap(_reader, value) {
    // RFC 8285 section 8; two-byte headers have ids up to 255.
    const [, id, way, uri] = /^(\d+)(?:\/(\S+))? (.*)$/.exec(value) ?? [];
    demand(id !== undefined && Number(id) > 0 && Number(id) <= 255);
    demand(way === undefined || way in FLAGS);
    return printable(uri);
  },
  ssrc(_reader, value) {
    const [, ssrc, rest] = /^(\S+) (.*)$/.exec(value) ?? [];
    demand(ssrc !== undefined && isDecimal(ssrc, MAX_U32));
    return printable(rest);
  },
  ptime: (_reader, value) => milliseconds(value),
  maxptime: (_reader, value) => milliseconds(value),
  "ice-options": (_reader, value) => printable(value),
  msid: (_reader, value) => printable(value),
  "msid-semantic": (_reader, value) => printable(value),
};

/** @type {Take} */
function direction(reader) {
  const place = reader.section ?? reader;
  demand(!place.direction);
  place.direction = true;
  return true;
}

/** @param {Reader} reader @param {string} value */
function isForPayload(reader, value) {
  const [, payload, rest] = /^(\S+) (.*)$/.exec(value) ?? [];
  demand(payload !== undefined && isPayload(payload) && printable(rest) && reader.section);
  return reader.section.payloads.includes(payload);
}

/** @param {string} text @param {bigint} most */
function isDecimal(text, most) {
  return /^[0-9]{1,20}$/.test(text) && BigInt(text) <= most;
}

/** @param {string} text */
function isPayload(text) {
  return isDecimal(text, 127n);
}

/** @param {string} value @param {number} least */
function iceText(value, least) {
  demand(value.length >= least && value.length <= 256 && /^[A-Za-z0-9+/]*$/.test(value));
  return true;
}

/** RFC 8866 section 9, `token`. @param {string} value @param {number} most */
function isToken(value, most) {
  return value.length <= most && /^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/.test(value);
}

/** @param {string} value */
function printable(value) {
  demand(/^[\x20-\x7e]+$/.test(value));
  return true;
}

/** RFC 8866 section 6.4. @param {string} value */
function milliseconds(value) {
  demand(isDecimal(value, 1000n));
  return true;
}

const MAX_MEDIA = 16;
const MID_BYTES = 36;
const CODEC_BYTES = 32;
const MAX_U32 = 2n ** 32n - 1n;
const MAX_U64 = 2n ** 64n - 1n;
/** The transports that mean DTLS-SRTP with feedback (RFC 8829 section 5.1.2). */
const DTLS_SRTP = ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF"];
/** Payload types that browsers name by number alone (RFC 3551 section 6, RFC 3389). */
const ASSIGNED = ["0", "8", "9", "13"];

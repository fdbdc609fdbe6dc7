// @ts-check
/**
 * ICE candidates: the allow-list for the peer's, and what is taken out of ours.
 *
 * The grammar is that of RFC 8839 section 5.1, the attribute without `a=`:
 *
 * ```text
 * candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0
 * ```
 *
 * | address | taken |
 * |---|---|
 * | IPv4, IPv6 | yes, unless listed below; an IPv4 address inside IPv6 is judged as IPv4 |
 * | `name.local`, one label | yes: mDNS of a browser |
 * | any other name | no: resolving it would tell a name server about the call |
 * | loopback | in the local demo only |
 * | multicast, broadcast, unspecified | no |
 */

import { CANDIDATE_BYTES } from "./limits.js";

/**
 * @typedef {object} CandidateFacts
 * @property {"udp" | "tcp"} transport TCP candidates are well formed but of no use: ICE over TCP is not built
 * @property {string} address
 * @property {number} port
 * @property {"host" | "srflx" | "prflx" | "relay"} type
 * @property {string} clean the candidate written anew from what was understood: this is for the engine
 */

/**
 * Reads a candidate of the peer.
 * @param {string} text
 * @param {{localDemo?: boolean}} [scope]
 * @returns {CandidateFacts | null} null: not to be taken; the others of its message may be
 */
export function checkCandidate(text, { localDemo = false } = {}) {
  if (text.length > CANDIDATE_BYTES || !text.startsWith("candidate:")) return null;
  const words = text.slice("candidate:".length).split(" ");
  if (words.length < 8 || !words.every((word) => /^[\x21-\x7e]+$/.test(word))) return null;
  const [foundation, component, transport, priority, address, port, typ, type, ...extensions] = words;
  const wellFormed =
    /^[A-Za-z0-9+/]{1,32}$/.test(foundation) &&
    component === "1" &&
    isNumber(priority, MAX_PRIORITY) &&
    Number(priority) > 0 &&
    isNumber(port, 65535) &&
    typ === "typ" &&
    extensions.length % 2 === 0;
  const protocol = transport.toLowerCase();
  if (!wellFormed || (protocol !== "udp" && protocol !== "tcp")) return null;
  if (type !== "host" && type !== "srflx" && type !== "prflx" && type !== "relay") return null;
  // An active TCP candidate has no port to name (RFC 6544 section 4.5).
  if (Number(port) === 0 && protocol === "udp") return null;
  const known = readAddress(address, localDemo);
  const tcptype = readExtensions(extensions);
  if (known === null || tcptype === null) return null;
  let clean = `candidate:${foundation} 1 ${protocol} ${Number(priority)} ${known} ${Number(port)} typ ${type}`;
  if (type !== "host") clean += " raddr 0.0.0.0 rport 0";
  if (tcptype !== "") clean += ` tcptype ${tcptype}`;
  return { transport: protocol, address: known, port: Number(port), type, clean };
}

/**
 * Takes out of a candidate of ours what the peer need not know: the related address becomes `0.0.0.0`, port 0.
 * @param {string} text
 */
export function cleanLocalCandidate(text) {
  const words = text.trim().split(/\s+/);
  const typ = words.indexOf("typ");
  if (typ < 0 || typ + 1 >= words.length) return text;
  const clean = words.slice(0, typ + 2);
  if (words[typ + 1] !== "host") clean.push("raddr", "0.0.0.0", "rport", "0");
  for (let i = typ + 2; i < words.length; i += 2) {
    if (words[i] !== "raddr" && words[i] !== "rport") clean.push(...words.slice(i, i + 2));
  }
  return clean.join(" ");
}

/** @param {string} text @param {number} most */
function isNumber(text, most) {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= most;
}

/**
 * Pairs of a name and a value. Nothing of them is taken but `tcptype`; the related address is thrown away.
 * @param {string[]} words
 * @returns {string | null} the `tcptype`, or ""; null: wrong
 */
function readExtensions(words) {
  let tcptype = "";
  for (let i = 0; i < words.length; i += 2) {
    const value = words[i + 1];
    if (words[i] === "rport" && !isNumber(value, 65535)) return null;
    if (words[i] === "ufrag" && !/^[A-Za-z0-9+/]{4,256}$/.test(value)) return null;
    if (words[i] === "tcptype") {
      if (!["active", "passive", "so"].includes(value)) return null;
      tcptype = value;
    }
  }
  return tcptype;
}

/** @param {string} text @param {boolean} localDemo @returns {string | null} */
function readAddress(text, localDemo) {
  if (text.includes(":")) {
    const ip = readIpv6(text);
    if (ip === null) return null;
    if (ip.mapped) return isAllowedIpv4(ip.mapped, localDemo) ? ip.text : null;
    const loopback = ip.text === "::1";
    const refused = ip.text === "::" || /^ff/.test(ip.text) || (loopback && !localDemo);
    return refused ? null : ip.text;
  }
  if (/^[0-9.]+$/.test(text)) {
    const octets = readIpv4(text);
    return octets && isAllowedIpv4(octets, localDemo) ? octets.join(".") : null;
  }
  // One label and `.local` (draft-ietf-mmusic-mdns-ice-candidates section 3.1.1, RFC 1035 section 2.3.4).
  const name = text.toLowerCase();
  return /^[a-z0-9-]{1,63}\.local$/.test(name) ? name : null;
}

/** @param {string} text @returns {number[] | null} */
function readIpv4(text) {
  const parts = text.split(".");
  const legal = parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256);
  return legal ? parts.map(Number) : null;
}

/** @param {number[]} octets @param {boolean} localDemo */
function isAllowedIpv4(octets, localDemo) {
  const [first] = octets;
  const broadcast = octets.every((octet) => octet === 255);
  const multicast = first >= 224 && first < 240;
  return first !== 0 && !broadcast && !multicast && (first !== 127 || localDemo);
}

/** Lets the URL parser do it: it knows every spelling and writes one. @param {string} text */
function readIpv6(text) {
  if (!/^[0-9A-Fa-f:.]{2,45}$/.test(text)) return null;
  let ip;
  try {
    ip = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return null;
  }
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(ip);
  if (!mapped) return { text: ip, mapped: null };
  const [high, low] = [parseInt(mapped[1], 16), parseInt(mapped[2], 16)];
  return { text: ip, mapped: [high >> 8, high & 255, low >> 8, low & 255] };
}

/** RFC 8445 section 5.1.2. */
const MAX_PRIORITY = 2 ** 31 - 1;

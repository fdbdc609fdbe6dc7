// The browser phone's decoders against what the Rust code is held against: every vector, the descriptions of three
// engines, the candidates, and the texts of the endings.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { checkCandidate, cleanLocalCandidate } from "../../../server/web/ringback/candidate.js";
import { ENDINGS, explain, isKnown, retry } from "../../../server/web/ringback/endings.js";
import { decode, encode } from "../../../server/web/ringback/envelope.js";
import { checkSdp, cleanLocalSdp } from "../../../server/web/ringback/sdp.js";
import { sha256 } from "../../../server/web/ringback/sha256.js";
import { check } from "./checks.mjs";

const root = new URL("../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const vectors = (name) => JSON.parse(read(`core/proto/vectors/${name}.json`)).vectors;
const arriving = ({ text, envelope, padding = 0 }) => " ".repeat(padding) + (text ?? JSON.stringify(envelope));

const kinds = new Set();
for (const vector of vectors("valid")) {
  await check(`a vector is read (${vector.name})`, () => {
    const { envelope, error } = decode(arriving(vector));
    assert.equal(error, undefined);
    const normal = vector.normal === "same" ? vector.envelope : vector.normal;
    assert.deepEqual(JSON.parse(encode(envelope)), normal);
    assert.deepEqual(decode(encode(envelope)), { envelope });
    kinds.add(envelope.kind);
  });
}

await check("every kind of the message table has a vector", () => assert.equal(kinds.size, 14));

for (const vector of vectors("invalid")) {
  await check(`a vector is refused (${vector.name})`, () => assert.equal(decode(arriving(vector)).error, vector.error));
}

await check("an envelope of another version still names whom to answer", () => {
  const other = vectors("invalid").find((vector) => vector.name === "another version");
  const { header } = decode(arriving(other));
  assert.equal(header.from.user, "alice");
  assert.equal(header.kind, "busy");
});

await check("no cut and no flipped byte of a vector throws", () => {
  for (const vector of vectors("valid")) {
    const text = arriving(vector);
    for (let at = 0; at < text.length; at += 3) {
      decode(text.slice(0, at));
      decode(text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 0x15) + text.slice(at + 1));
    }
  }
});

const sample = (engine) => read(`core/proto/src/signal/sdp/samples/${engine}_offer.sdp`).replace(/\r?\n/g, "\r\n");
const offers = Object.fromEntries(["webrtc_rs", "chromium", "firefox"].map((engine) => [engine, sample(engine)]));

for (const [engine, offer] of Object.entries(offers)) {
  await check(`an offer of ${engine} is taken, and its clean text reads the same again`, () => {
    const facts = checkSdp(offer);
    assert.ok(facts);
    assert.equal(facts.setup, "actpass");
    assert.deepEqual(checkSdp(facts.clean), facts);
    assert.ok(!/a=(candidate|rtcp:|x-)/.test(facts.clean) && !facts.clean.includes("127.0.0.1"));
  });
  await check(`a cut or flipped offer of ${engine} never throws`, () => {
    for (let at = 0; at < offer.length; at += 2) {
      checkSdp(offer.slice(0, at));
      checkSdp(offer.slice(0, at) + String.fromCharCode(offer.charCodeAt(at) ^ 0x11) + offer.slice(at + 1));
    }
  });
}

const plain = offers.webrtc_rs;
const refusals = {
  "a video section": plain + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
  "a data channel": plain + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
  "audio without DTLS": plain.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
  "a rejected section": plain.replace("m=audio 9", "m=audio 0"),
  "no fingerprint": plain.replace(/a=fingerprint.*\r\n/g, ""),
  "a fingerprint that is too short": plain.replace(/(a=fingerprint:sha-256 .*):..\r\n/, "$1\r\n"),
  "two fingerprints": plain.replace(/(a=fingerprint:sha-256 )(.*)\r\n/, `$1$2\r\n$1${"00:".repeat(31)}00\r\n`),
  "no Opus": plain.replace("opus/48000/2", "opus/48000/1"),
  "no rtcp-mux": plain.replace("a=rtcp-mux\r\n", ""),
  "candidates inside": plain + "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\n",
  "a control character": plain.replace("a=rtcp-mux", "a=rtcp-mux\u0007"),
  "a line that is none": plain + "nonsense\r\n",
  "a role that is none": plain.replace("actpass", "holdconn"),
  "17 KB": plain + `a=x:${"y".repeat(17 * 1024)}\r\n`,
};
for (const [name, offer] of Object.entries(refusals)) {
  await check(`a description is refused for ${name}`, () => {
    assert.notEqual(offer, plain);
    assert.equal(checkSdp(offer), null);
  });
}

await check("what is unknown or of no use does not reach the engine", () => {
  const extra = "a=rtcp-mux\r\na=crypto:1 AES inline:x\r\na=end-of-candidates\r\na=x-attack:1\r\ni=title\r\nk=clear:secret\r\n" +
    "a=fingerprint:sha-1 00:11\r\na=rid:h send\r\na=rtpmap:99 evil/8000\r\na=fmtp:99 x=1\r\na=rtcp-fb:99 nack";
  assert.deepEqual(checkSdp(plain.replace("a=rtcp-mux", extra)), checkSdp(plain));
});

await check("our own description leaves without candidates and addresses", () => {
  const own = offers.chromium
    .replace("m=audio 9", "m=audio 54321")
    .replace("a=rtcp-mux", "a=candidate:1 1 udp 1 10.0.0.7 5 typ host\r\na=end-of-candidates\r\na=rtcp-mux")
    .replace(/c=.*/, "c=IN IP4 10.0.0.7");
  const clean = cleanLocalSdp(own);
  assert.ok(!clean.includes("10.0.0.7") && !clean.includes("candidate") && clean.includes("m=audio 9 "));
  assert.equal(cleanLocalSdp(clean), clean);
  assert.ok(checkSdp(clean));
});

const host = (address) => `candidate:1 1 udp 2130706431 ${address} 5000 typ host`;
await check("candidates of webrtc-rs, Chromium and Firefox are taken", () => {
  for (const text of [
    "candidate:167090039 1 udp 2130706431 192.168.1.17 58381 typ host",
    "candidate:2139062143 1 udp 2130706431 fd12:3456:789a::17 50110 typ host",
    "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 generation 0 ufrag A4sp network-id 1 network-cost 10",
    "candidate:1467250027 1 udp 2122260223 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 53596 typ host generation 0 ufrag A4sp",
    "candidate:0 1 UDP 2122252543 5c9e2d6c-7d5b-4a48-b7c5-0d3ffec5b1d9.local 61353 typ host",
    "candidate:1 1 tcp 1518280447 192.168.1.17 9 typ host tcptype active generation 0",
  ]) {
    const facts = checkCandidate(text);
    assert.ok(facts, text);
    assert.equal(checkCandidate(facts.clean)?.clean, facts.clean);
  }
});

await check("loopback candidates are for the local demo", () => {
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(checkCandidate(host(address)), null, address);
    assert.ok(checkCandidate(host(address), { localDemo: true }), address);
  }
});

await check("a candidate of nobody, of everybody or behind a name is refused", () => {
  const refused = ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0", "224.0.0.251", "255.255.255.255", "ff02::fb",
    "::ffff:224.0.0.1", "example.com", "localhost", ".local", "a.b.local", "1.2.3", "1.2.3.4.5", "256.1.1.1", "0x7f.1.1.1"];
  for (const address of refused) assert.equal(checkCandidate(host(address), { localDemo: true }), null, address);
});

await check("a candidate that breaks the grammar is refused", () => {
  for (const text of ["", "candidate:", "candidate:1 2 udp 1 192.0.2.1 5 typ host", "candidate:1 1 sctp 1 192.0.2.1 5 typ host",
    "candidate:1 1 udp 0 192.0.2.1 5 typ host", "candidate:1 1 udp 1 192.0.2.1 0 typ host", "candidate:1 1 udp 1 192.0.2.1 5 typ guest",
    "candidate:1 1 udp 1 192.0.2.1 5 typ host generation", "candidate:1 1 udp 1 192.0.2.1 5 typ host\r\na=x",
    host("192.0.2.1") + " x ".repeat(200)]) assert.equal(checkCandidate(text), null, text);
});

await check("our own candidate leaves without its related address", () => {
  const own = "candidate:1 1 udp 41885695 198.51.100.4 61209 typ relay raddr 203.0.113.7 rport 46154 generation 0";
  const clean = "candidate:1 1 udp 41885695 198.51.100.4 61209 typ relay raddr 0.0.0.0 rport 0 generation 0";
  assert.equal(cleanLocalCandidate(own), clean);
  assert.equal(cleanLocalCandidate(clean), clean);
});

await check("the endings say what the Rust code says, in both languages", () => {
  const rust = read("core/proto/src/end/explain.rs").replace(/\\\n\s*/g, "").replaceAll("\\u{a0}", "\u00a0");
  const retries = { no: "never", "after 60 s": "later", "at once": "now", "once that is done": "after_fix" };
  const rows = [...read("docs/endings.md").matchAll(/^\| `([^`]+)` \| (.*?) \| (.*?) \|$/gm)];
  assert.ok(rows.length > 20);
  for (const [, name, english, again] of rows) {
    const code = name.replace("ID", "33333333-3333-4333-8333-333333333333");
    assert.ok(isKnown(code), code);
    assert.equal(explain(code, "en"), english);
    assert.equal(retry(code), retries[again], code);
    assert.ok(rust.includes(`"${explain(code, "fr")}"`), code);
  }
  assert.equal(Object.keys(ENDINGS).length, rows.length);
});

await check("SHA-256 agrees with Node's for every length up to three blocks", () => {
  for (let length = 0; length <= 192; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
    assert.equal(Buffer.from(sha256(bytes)).toString("hex"), createHash("sha256").update(bytes).digest("hex"));
  }
});
